// SPDX-License-Identifier: MIT
//
// What a driver's hooks may call: every public function from every hook, each with its documented result, and
// none hangs.
//
// Rules: D1, D3 (0), D5, D6, C15, M1, M2, M5, M7, V5.
#include <cstdlib>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/drm_registration.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

enum hook { probe, load, open, plain, guarded, postclose, unmap, remove, devm, release, drmm };
constexpr const char* hook_names[] = {"Probe",        "Load",      "Open",      "PlainIoctl",
                                      "GuardedIoctl", "Postclose", "Unmap",     "Remove",
                                      "DevmAction",   "Release",   "DrmmAction"};

enum call {
    unplug,
    unbind,
    del,
    close_file,
    unregister,
    register_again,
    put,
    get_and_put,
    parent_get_and_put
};
constexpr const char* call_names[] = {"Unplug",   "Unbind", "Delete",    "Close",          "Unregister",
                                      "Register", "Put",    "GetAndPut", "ParentGetAndPut"};

enum owner { by_hand, by_device };

// Result, and how many WARNs come with it.
struct outcome {
    int result;
    int warns;
};
constexpr outcome fine{0, 0};
constexpr outcome deadlock{-EDEADLK, 1};

outcome expected(hook h, call c, owner o)
{
    const bool in_bind_section = h == probe || h == remove || h == devm || (h == load && o == by_device);
    switch (c) {
    case unplug:
        return h == guarded ? deadlock : fine; // V5
    case unbind:
    case del:
        if (in_bind_section) // D3 (0), D6
            return deadlock;
        return h == guarded && o == by_device ? deadlock : fine; // only then unbind waits for the section
    case register_again:
        if (h == probe)
            return fine;
        return {h >= unmap ? -ENODEV : -EBUSY, 0}; // M5: unplugged by then, or registered
    case close_file:
        return {0, h == postclose ? 1 : 0}; // it is closed already
    case unregister:
    case put:
    case get_and_put:
    case parent_get_and_put:
        return fine;
    }
    return fine;
}

using parameters = std::tuple<hook, call, owner>;

class HookTest : public testing::TestWithParam<parameters> {
protected:
    void SetUp() override { ::alarm(20); } // a hang is a failure
    void TearDown() override { ::alarm(0); }

    // Makes the one call of this case, the first time its hook is called.
    void in(hook now, drm_device* d, drm_file* file = nullptr)
    {
        const auto [where, what, who] = GetParam();
        if (now != where || called)
            return;
        called = true;
        const outcome wanted = expected(where, what, who);
        EXPECT_EQ(wanted.result, make(what, d, file));
        EXPECT_EQ(static_cast<std::size_t>(wanted.warns), warns.take().size());
    }

    int make(call what, drm_device* d, drm_file* file)
    {
        switch (what) {
        case unplug:
            return drm_dev_unplug(d);
        case unbind:
            return device_release_driver(&parent);
        case del:
            return device_del(&parent);
        case close_file:
            if (file || !files.empty())
                close(file ? file : files.front());
            return 0;
        case unregister:
            drm_dev_unregister(d);
            return 0;
        case register_again:
            return drm_dev_register(d);
        case put:
            drm_dev_put(std::exchange(spare, nullptr));
            return 0;
        case get_and_put:
            drm_dev_put(drm_dev_get(d));
            return 0;
        case parent_get_and_put:
            put_device(get_device(&parent));
            return 0;
        }
        return 0;
    }

    void close(drm_file* file)
    {
        std::erase(files, file);
        drm_close(file);
    }

    void script()
    {
        driver.on.load = [this](drm_device* d, unsigned long) {
            in(load, d);
            return 0;
        };
        driver.on.open = [this](drm_device* d, drm_file* file) {
            ++opened;
            in(open, d, file);
            return 0;
        };
        driver.on.plain = [this](drm_device* d, void*, drm_file* file) {
            in(plain, d, file);
            return 0L;
        };
        driver.on.guarded = [this](const drm_dev_guard& inside, void*, drm_file* file) {
            in(guarded, inside.device(), file);
            return 0L;
        };
        driver.on.postclose = [this](drm_device* d, drm_file* file) {
            ++closed;
            in(postclose, d, file);
        };
        driver.on.unmap = [this](drm_device* d, drm_file* file) {
            ++unmapped;
            file->driver_priv = this; // it must still be there
            in(unmap, d, file);
            EXPECT_EQ(this, file->driver_priv);
        };
        driver.on.release = [this](drm_device* d) { in(release, d); };
        parent.on_remove = [this](const bound_device&) { in(remove, spare_or_drm()); };
    }

    drm_device* spare_or_drm() { return spare ? spare : drm; }

    drm_file* open_one()
    {
        drm_file* file = nullptr;
        if (drm_open(drm, &file) == 0)
            files.push_back(file);
        return file;
    }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    logged_drm* drm = nullptr;
    drm_device* spare = nullptr; // a reference of the test's
    std::vector<drm_file*> files;
    bool called = false;
    int opened = 0;
    int closed = 0;
    int unmapped = 0;
};

TEST_P(HookTest, GivesTheDocumentedResult)
{
    const auto [where, what, who] = GetParam();
    script();
    const bool owned = who == by_device;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        spare = drm_dev_get(drm);
        EXPECT_EQ(0, drmm_add_action(drm, [this] { in(drmm, drm); }));
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [this] { in(devm, spare_or_drm()); }));
        in(probe, drm);
        if (owned)
            (void)drm_registration::create_owned_by_device(b, drm);
        return 0;
    }));
    if (!owned)
        (void)drm_dev_register(drm);
    drm_file* first = open_one();
    drm_file* second = open_one();
    for (const unsigned cmd : {scripted_driver::plain, scripted_driver::guarded})
        if (std::find(files.begin(), files.end(), first) != files.end())
            drm_ioctl(first, cmd, nullptr);
    if (std::find(files.begin(), files.end(), second) != files.end())
        close(second);
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(0, parent.unbind());
    while (!files.empty())
        close(files.back());
    drm_dev_put(std::exchange(spare, nullptr));

    EXPECT_TRUE(called) << "the hook was never called";
    EXPECT_EQ((events{"~T"}), log.take());
    EXPECT_EQ(opened, closed);
    EXPECT_LE(unmapped, opened);
}

std::string name_of(const testing::TestParamInfo<parameters>& info)
{
    const auto [h, c, o] = info.param;
    return std::string(hook_names[h]) + "Calls" + call_names[c] +
           (o == by_hand ? "" : "OfADeviceThatUnbindUnplugs");
}

std::vector<parameters> every_case()
{
    std::vector<parameters> all;
    for (int h = probe; h <= drmm; ++h)
        for (int c = unplug; c <= parent_get_and_put; ++c)
            for (const owner o : {by_hand, by_device})
                if (c != put || h < release) // in the last put no reference is left to put
                    all.emplace_back(static_cast<hook>(h), static_cast<call>(c), o);
    return all;
}

INSTANTIATE_TEST_SUITE_P(EveryHook, HookTest, testing::ValuesIn(every_case()), name_of);

// --- A file that its own hook closes (M7) -----------------------------------------------------------------

class OwnCloseTest : public testing::Test {
protected:
    void SetUp() override
    {
        drm = drm_dev_alloc(&driver, &parent);
        ASSERT_EQ(0, drm_dev_register(drm));
        driver.on.postclose = [this](drm_device*, drm_file*) { log.add("postclose"); };
    }
    void TearDown() override { drm_dev_put(drm); }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    drm_device* drm = nullptr;
};

TEST_F(OwnCloseTest, UnmapHookMayCloseItsOwnFileWhichLivesUntilTheHookHasReturned) // M5, M7
{
    drm_file* a = nullptr;
    drm_file* b = nullptr;
    ASSERT_EQ(0, drm_open(drm, &a));
    ASSERT_EQ(0, drm_open(drm, &b));
    driver.on.unmap = [this](drm_device*, drm_file* file) {
        drm_close(file);
        log.add("unmap");
        file->driver_priv = this;
    };
    EXPECT_EQ(0, drm_dev_unplug(drm)); // or never
    EXPECT_EQ((events{"unmap", "postclose", "unmap", "postclose"}), log.take());
}

TEST_F(OwnCloseTest, UnmapHookMayCloseAnotherFileWhichIsThenNotUnmapped) // M5, M7
{
    drm_file* files[2] = {};
    for (drm_file*& file : files)
        ASSERT_EQ(0, drm_open(drm, &file));
    driver.on.unmap = [&](drm_device*, drm_file* file) {
        log.add("unmap");
        drm_close(file == files[0] ? files[1] : files[0]);
        drm_close(file);
    };
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ((events{"unmap", "postclose", "postclose"}), log.take());
}

TEST_F(OwnCloseTest, OpenHookMayCloseItsOwnFileAndOpenThenGivesENODEV) // M7
{
    driver.on.open = [this](drm_device*, drm_file* file) {
        drm_close(file);
        log.add("open");
        file->driver_priv = this;
        return 0;
    };
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ(nullptr, file);
    EXPECT_EQ((events{"open", "postclose"}), log.take());
    driver.on.open = [](drm_device*, drm_file* own) {
        drm_close(own);
        return -EACCES;
    };
    EXPECT_EQ(-EACCES, drm_open(drm, &file));
    EXPECT_EQ(events{}, log.take()) << "it was never open";
}

TEST_F(OwnCloseTest, UnplugInTheOpenHookUnmapsThatFileOnceWhenItIsOpen) // M5
{
    driver.on.open = [this](drm_device* d, drm_file*) {
        EXPECT_EQ(0, drm_dev_unplug(d));
        log.add("open");
        return 0;
    };
    driver.on.unmap = [this](drm_device*, drm_file*) { log.add("unmap"); };
    drm_file* file = nullptr;
    EXPECT_EQ(0, drm_open(drm, &file));
    EXPECT_EQ((events{"open", "unmap"}), log.take());
    EXPECT_EQ(-ENODEV, drm_ioctl(file, scripted_driver::plain, nullptr));
    drm_close(file);
}

TEST_F(OwnCloseTest, UnplugInTheOpenHookLeavesTheListOfFilesSound) // M5
{
    drm_file* files[3] = {};
    ASSERT_EQ(0, drm_open(drm, &files[0]));
    ASSERT_EQ(0, drm_open(drm, &files[1]));
    driver.on.unmap = [this](drm_device*, drm_file*) { log.add("unmap"); };
    driver.on.open = [](drm_device* d, drm_file*) { return drm_dev_unplug(d); };
    ASSERT_EQ(0, drm_open(drm, &files[2]));
    EXPECT_EQ((events{"unmap", "unmap", "unmap"}), log.take());
    drm_close(files[2]);
    drm_close(files[1]);
    drm_close(files[0]);
    EXPECT_EQ((events{"postclose", "postclose", "postclose"}), log.take());
}

TEST_F(OwnCloseTest, FileThatTheLateUnmapHookClosesIsNotHandedOut) // M5, M7
{
    driver.on.open = [](drm_device* d, drm_file*) { return drm_dev_unplug(d); };
    driver.on.unmap = [this](drm_device*, drm_file* file) {
        drm_close(file);
        log.add("unmap");
        file->driver_priv = this;
    };
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ(nullptr, file);
    EXPECT_EQ((events{"unmap", "postclose"}), log.take());
}

TEST_F(OwnCloseTest, OpenThatTheDriverRefusesAfterUnplugIsNotUnmapped) // M5
{
    driver.on.open = [](drm_device* d, drm_file*) { return drm_dev_unplug(d) ? 0 : -EACCES; };
    driver.on.unmap = [](drm_device*, drm_file*) { ADD_FAILURE() << "it was never open"; };
    drm_file* file = nullptr;
    EXPECT_EQ(-EACCES, drm_open(drm, &file));
}

TEST_F(OwnCloseTest, FileThatItsOpenHookClosesAfterAnUnplugIsNotUnmapped) // M5, M7
{
    driver.on.open = [](drm_device* d, drm_file* file) {
        EXPECT_EQ(0, drm_dev_unplug(d));
        drm_close(file);
        return 0;
    };
    driver.on.unmap = [](drm_device*, drm_file*) { ADD_FAILURE() << "it is closed"; };
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ((events{"postclose"}), log.take());
}

TEST_F(OwnCloseTest, FileThatAnotherThreadClosesFromTheOpenHookIsNotHandedOut) // M7
{
    std::thread closer;
    driver.on.open = [&](drm_device*, drm_file* file) {
        closer = std::thread([file] { drm_close(file); });
        await_sleepers(1); // it waits for this hook
        return 0;
    };
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ(nullptr, file);
    closer.join();
    EXPECT_EQ((events{"postclose"}), log.take());
}

// Its memory is used again for the next file, which then would be in the list twice.
TEST_F(OwnCloseTest, OpenThatTheDriverRefusesLeavesTheListOfFilesSound) // M5, M7
{
    drm_file* files[2] = {};
    ASSERT_EQ(0, drm_open(drm, &files[0]));
    driver.on.open = [](drm_device*, drm_file*) { return -EACCES; };
    drm_file* none = nullptr;
    EXPECT_EQ(-EACCES, drm_open(drm, &none));
    driver.on.open = nullptr;
    ASSERT_EQ(0, drm_open(drm, &files[1]));
    std::vector<drm_file*> unmapped;
    driver.on.unmap = [&](drm_device*, drm_file* file) {
        unmapped.push_back(file);
        if (unmapped.size() > 2)
            std::abort(); // or it would go on for ever
    };
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ((std::vector{files[1], files[0]}), unmapped);
    drm_close(files[0]);
    drm_close(files[1]);
}

// --- The last put (M2) ------------------------------------------------------------------------------------

TEST(DrmLastPutTest, GetAndPutInReleaseCallbacksDoNotEndItTwice) // D1, M2
{
    event_log log;
    scripted_driver driver;
    scripted_device parent;
    driver.on.release = [&](drm_device* drm) {
        log.add("release");
        drm_dev_put(drm_dev_get(drm));
    };
    logged_drm* drm = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log);
    ASSERT_EQ(0, drmm_add_action(drm, [drm] { drm_dev_put(drm_dev_get(drm)); }));
    EXPECT_EQ(1, devres_release_all(&parent.devres));
    EXPECT_EQ((events{"release", "~T"}), log.take());
}

TEST(DrmLastPutTest, NeitherRegisteredNorOpenedAnyMore) // M2, M5
{
    scripted_driver driver;
    scripted_device parent;
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    ASSERT_EQ(0, drm_dev_register(drm));
    int asked = 0;
    driver.on.release = [&](drm_device* d) {
        ++asked;
        drm_file* file = nullptr;
        EXPECT_EQ(-ENODEV, drm_open(d, &file));
        drm_dev_unregister(d);
        EXPECT_EQ(-ENODEV, drm_dev_register(d));
    };
    drm_dev_put(drm);
    EXPECT_EQ(1, asked);
}

TEST(DrmLastPutTest, InsideItsParentsUnbindThatParentCannotBeUnbound) // D6
{
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    int asked = 0;
    driver.on.release = [&](drm_device*) {
        ++asked;
        EXPECT_EQ(-EDEADLK, device_release_driver(&parent));
        EXPECT_EQ(-EDEADLK, device_del(&parent));
        EXPECT_EQ(2u, warns.take().size());
    };
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        return devm_drm_dev_alloc<drm_device>(b, &driver) ? 0 : -ENOMEM;
    }));
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ(1, asked);
}

TEST(DrmLastPutTest, MemoryOfTheCallersMayBeUsedAgain) // M2, M3
{
    scripted_driver driver;
    scripted_device parent;
    int released = 0;
    driver.on.release = [&](drm_device*) { ++released; };
    drm_device drm;
    for (int i = 1; i != 3; ++i) {
        ASSERT_EQ(0, drm_dev_init(&drm, &driver, &parent));
        ASSERT_EQ(0, drm_dev_register(&drm));
        EXPECT_EQ(0, client(&drm).error());
        drm_dev_unregister(&drm);
        drm_dev_put(&drm);
        EXPECT_EQ(i, released);
    }
}

TEST(DrmLastPutTest, MemoryOfTheCallersThatIsUsedAgainBeginsAnew) // M3, M5
{
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    int unmapped = 0;
    driver.on.unmap = [&](drm_device*, drm_file*) { ++unmapped; };
    drm_device drm;
    ASSERT_EQ(0, drm_dev_init(&drm, &driver, &parent));
    ASSERT_EQ(0, drm_dev_register(&drm)); // a life that nobody unregisters
    drm_dev_put(&drm);
    ASSERT_EQ(0, drm_dev_init(&drm, &driver, &parent));
    EXPECT_EQ(-ENODEV, client(&drm).error()) << "not registered yet";
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) { // one that unbind unplugs
        return drm_registration::create_owned_by_device(b, &drm);
    }));
    EXPECT_EQ(0, parent.unbind());
    drm_dev_put(&drm);
    ASSERT_EQ(0, drm_dev_init(&drm, &driver, &parent));
    EXPECT_FALSE(drm_dev_is_unplugged(&drm));
    ASSERT_EQ(0, drm_dev_register(&drm));
    {
        const client file(&drm);
        EXPECT_EQ(0, file.error());
        EXPECT_EQ(0, unmapped) << "unplug has not been through it";
        {
            const drm_dev_guard inside(&drm);
            EXPECT_TRUE(inside);
            EXPECT_EQ(-EDEADLK, drm_dev_unplug(&drm)) << "who is inside is waited for again";
            EXPECT_EQ(1u, warns.take().size());
        }
        EXPECT_EQ(0, drm_dev_unplug(&drm));
        EXPECT_EQ(1, unmapped);
    }
    drm_dev_put(&drm);
}

TEST(DrmLastPutDeathTest, ReferenceStillHeldAfterTheLastPutAborts) // D1, M2
{
    EXPECT_DEATH(
        {
            scripted_driver driver;
            scripted_device parent("greedy");
            drm_device* drm = drm_dev_alloc(&driver, &parent);
            (void)drmm_add_action(drm, [drm] { drm_dev_get(drm); });
            drm_dev_put(drm);
        },
        "BUG: drm_dev_put: drm_device \"greedy\": a reference is still held");
}

TEST(DrmLastPutDeathTest, PutWithoutAGetInsideTheLastPutAborts) // M1, M2
{
    EXPECT_DEATH(
        {
            scripted_driver driver;
            scripted_device parent("careless");
            drm_device* drm = drm_dev_alloc(&driver, &parent);
            (void)drmm_add_action(drm, [drm] { drm_dev_put(drm); });
            drm_dev_put(drm);
        },
        "BUG: drm_dev_put: drm_device \"careless\": put more often than got");
}

} // namespace
} // namespace devres::test
