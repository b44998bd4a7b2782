// SPDX-License-Identifier: MIT
//
// M5, M7: open files, ioctls, mappings and blocked file operations.
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>
#include <devres/revocable.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/child.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class DrmFileTest : public testing::Test {
protected:
    void SetUp() override
    {
        drm = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log);
        ASSERT_EQ(0, drm_dev_register(drm));
    }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    logged_drm* drm = nullptr;
};

TEST_F(DrmFileTest, OpenFilesOutliveUnplugAndTheLastCloseFreesTheDevice) // M1, M7
{
    driver.on.postclose = [this](drm_device*, drm_file*) { log.add("postclose"); };
    client a(drm);
    client b(drm);
    EXPECT_EQ(0, drm_dev_unplug(drm));
    devres_release_all(&parent.devres); // the driver's reference
    EXPECT_EQ(-ENODEV, a.ioctl(scripted_driver::plain));
    EXPECT_EQ(-ENODEV, a.ioctl(scripted_driver::guarded));
    EXPECT_EQ(-ENODEV, a.ioctl(scripted_driver::count));
    a.close();
    EXPECT_EQ((events{"postclose"}), log.take());
    EXPECT_EQ(drm, b.file()->drm);
    b.close();
    EXPECT_EQ((events{"postclose", "~T"}), log.take());
}

TEST_F(DrmFileTest, AFileWhoseOpenFailsHasNoPostcloseWhoeverClosesIt) // M7
{
    driver.on.postclose = [this](drm_device*, drm_file*) { log.add("postclose"); };
    std::thread closer;
    driver.on.open = [&](drm_device*, drm_file* file) {
        closer = std::thread([file] { drm_close(file); });
        await_sleepers(1);
        return -EIO;
    };
    drm_file* file = nullptr;
    EXPECT_EQ(-EIO, drm_open(drm, &file));
    closer.join();
    EXPECT_EQ(events{}, log.take());
}

// Unbind waits for the unplug whose hook this is, and releases the container: the hook does not wait for it.
TEST_F(DrmFileTest, UnmapMayRevokeWhatAnUnbindIsReleasing) // V6, M5, D3
{
    scripted_device dev("other");
    devres_ptr<int> bar;
    drm_device* registered = nullptr;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devres_ptr<int>::create(b, &bar, 1));
        registered = drm_dev_get(devm_drm_dev_alloc<logged_drm>(b, &driver, &log));
        return drm_registration::create_owned_by_device(b, registered);
    }));
    client c(registered);
    doorway in_unmap;
    driver.on.unmap = [&](drm_device*, drm_file*) {
        in_unmap.open();
        while (!bar.is_revoked())
            std::this_thread::yield();
        await_sleepers(1); // unbind, for this unplug
        EXPECT_FALSE(bar.revoke());
    };
    std::thread unplugger([&] { EXPECT_EQ(0, drm_dev_unplug(registered)); });
    in_unmap.pass();
    EXPECT_EQ(0, dev.unbind());
    unplugger.join();
    c.close();
    drm_dev_put(registered);
}

// The hook waits for the guard, and the first unplug for the hook.
TEST_F(DrmFileTest, FromInsideAContainerThatUnmapRevokesASecondUnplugDoesNotWaitForTheHook) // M5, V1
{
    scripted_device dev("other");
    devres_ptr<int> bar;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &bar, 1); }));
    client c(drm);
    driver.on.unmap = [&](drm_device*, drm_file*) { EXPECT_TRUE(bar.revoke()); };
    std::thread unplugger;
    {
        const auto guard = bar.try_access();
        unplugger = std::thread([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
        while (!bar.is_revoked())
            std::this_thread::yield();
        EXPECT_EQ(0, drm_dev_unplug(drm));
        EXPECT_EQ(1, *guard);
    }
    unplugger.join();
}

TEST_F(DrmFileTest, FromInsideAnotherGuardASecondUnplugWaitsForThoseInsideTheSectionAllTheSame) // M5
{
    const revocable<int> another(1);
    const pid_t me = ::gettid();
    std::atomic<bool> left{false};
    const inside_until_unplugged reader(drm, [&] {
        await_asleep(me);
        left = true;
    });
    std::thread first([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
    while (!drm_dev_is_unplugged(drm))
        std::this_thread::yield();
    {
        const auto guard = another.try_access();
        EXPECT_EQ(0, drm_dev_unplug(drm));
        EXPECT_TRUE(left);
    }
    first.join();
}

TEST_F(DrmFileTest, IoctlGivesWhatTheHandlerReturnedAndEINVALForWhatTheDriverDoesNotHave) // M7
{
    client c(drm);
    int argument = 5;
    driver.on.plain = [&](drm_device* d, void* arg, drm_file* file) {
        EXPECT_EQ(drm, d);
        EXPECT_EQ(&argument, arg);
        EXPECT_EQ(c.file(), file);
        return 77L;
    };
    EXPECT_EQ(77, c.ioctl(scripted_driver::plain, &argument));
    EXPECT_EQ(-EINVAL, c.ioctl(scripted_driver::empty));
    EXPECT_EQ(-EINVAL, c.ioctl(scripted_driver::count));
    EXPECT_EQ(-EINVAL, c.ioctl(0xffffffffu));
}

TEST_F(DrmFileTest, DriverWithoutATableHasNoIoctls) // M7
{
    static constexpr drm_driver bare{.name = "bare"};
    drm_device* simple = drm_dev_alloc(&bare, &parent);
    ASSERT_EQ(0, drm_dev_register(simple));
    {
        client c(simple);
        EXPECT_EQ(0, c.error());
        EXPECT_EQ(-EINVAL, c.ioctl(0));
        EXPECT_EQ(0, drm_dev_unplug(simple));
        EXPECT_EQ(-ENODEV, c.ioctl(0));
    }
    drm_dev_put(simple);
}

TEST_F(DrmFileTest, OpenHookMayRefuseAndSetsThePrivatePointer) // M5, M7
{
    static int data;
    driver.on.open = [](drm_device*, drm_file* file) {
        file->driver_priv = &data;
        return 0;
    };
    client c(drm);
    EXPECT_EQ(&data, c.file()->driver_priv);
    driver.on.open = [](drm_device*, drm_file*) { return -EACCES; };
    driver.on.postclose = [](drm_device*, drm_file*) { ADD_FAILURE() << "it was never open"; };
    drm_file* file = nullptr;
    EXPECT_EQ(-EACCES, drm_open(drm, &file));
    EXPECT_EQ(nullptr, file);
    driver.on.postclose = nullptr;
}

TEST_F(DrmFileTest, GuardedHandlerIsWaitedForAndGetsTheProof) // M5, M7
{
    client c(drm);
    doorway inside;
    std::atomic<bool> left{false};
    driver.on.guarded = [&](const drm_dev_guard& guard, void*, drm_file*) {
        EXPECT_TRUE(guard);
        EXPECT_EQ(drm, guard.device());
        inside.open();
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        linger();
        left = true;
        return 1L;
    };
    std::thread user([&] { EXPECT_EQ(1, c.ioctl(scripted_driver::guarded)); });
    inside.pass();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_TRUE(left);
    user.join();
}

TEST_F(DrmFileTest, PlainHandlerMaySleepForLongAndIsNotWaitedFor) // M7
{
    client c(drm);
    doorway inside;
    doorway leave;
    driver.on.plain = [&](drm_device*, void*, drm_file*) {
        inside.open();
        leave.pass();
        return 1L;
    };
    std::thread user([&] { EXPECT_EQ(1, c.ioctl(scripted_driver::plain)); });
    inside.pass();
    EXPECT_EQ(0, drm_dev_unplug(drm)); // or never
    leave.open();
    user.join();
}

TEST_F(DrmFileTest, UnplugTakesEachOpenFilesMappingsAwayOnce) // M5
{
    std::vector<drm_file*> unmapped;
    driver.on.unmap = [&](drm_device* d, drm_file* file) {
        EXPECT_TRUE(drm_dev_is_unplugged(d));
        unmapped.push_back(file);
    };
    client a(drm);
    client b(drm);
    client c(drm);
    drm_file* closed = c.file();
    c.close();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(0, drm_dev_unplug(drm));
    ASSERT_EQ(2u, unmapped.size());
    EXPECT_NE(unmapped[0], unmapped[1]);
    for (drm_file* file : unmapped)
        EXPECT_NE(closed, file);
}

// Looking at all files for each of them would take about a minute.
TEST_F(DrmFileTest, UnplugLooksAtEachOpenFileOnce) // M5
{
    std::vector<drm_file*> files(200'000);
    for (drm_file*& file : files)
        ASSERT_EQ(0, drm_open(drm, &file));
    int unmapped = 0;
    driver.on.unmap = [&](drm_device*, drm_file*) { ++unmapped; };
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    EXPECT_EQ(200'000, unmapped);
    for (drm_file* file : files)
        drm_close(file);
}

TEST_F(DrmFileTest, CloseOfAFileThatIsNotBeingUnmappedDoesNotWait) // M5, M7
{
    client other(drm);
    client c(drm); // newer, so it comes first
    driver.on.unmap = [&](drm_device*, drm_file* file) {
        if (file == c.file())
            std::thread([&] { other.close(); }).join(); // or never
    };
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

TEST_F(DrmFileTest, CloseWaitsForTheUnmapOfItsFileAndNotForThatOfTheNext) // M5, M7
{
    client next(drm);
    client c(drm); // newer, so it comes first
    doorway unmapping;
    std::thread closer([&] {
        unmapping.pass();
        c.close();
    });
    bool first = true;
    driver.on.unmap = [&](drm_device*, drm_file*) {
        if (std::exchange(first, false)) {
            unmapping.open();
            await_sleepers(1);
        } else {
            closer.join(); // or never
        }
    };
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

TEST_F(DrmFileTest, CloseWaitsForTheUnmapOfItsFile) // M5, M7
{
    client c(drm);
    doorway unmapping;
    std::atomic<bool> unmapped{false};
    driver.on.unmap = [&](drm_device*, drm_file*) {
        unmapping.open();
        await_sleepers(1);
        unmapped = true;
    };
    driver.on.postclose = [&](drm_device*, drm_file*) { EXPECT_TRUE(unmapped); };
    std::thread closer([&] {
        unmapping.pass();
        c.close();
    });
    EXPECT_EQ(0, drm_dev_unplug(drm));
    closer.join();
}

TEST_F(DrmFileTest, ParentsUnbindUnplugsThroughTheDriversRemove) // M5, D3 (1), M8
{
    scripted_device hardware("hardware");
    drm_device* d = nullptr;
    hardware.on_remove = [&](const bound_device&) { EXPECT_EQ(0, drm_dev_unplug(d)); };
    ASSERT_EQ(0, hardware.bind([&](const bound_device& b) {
        d = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_dev_register(d);
    }));
    client c(d);
    EXPECT_EQ(0, hardware.unbind());
    EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::plain));
}

// --- Blocked operations (M5) ------------------------------------------------------------------------------

TEST_F(DrmFileTest, WaitEventEndsWhenItsConditionHolds) // M5
{
    std::atomic<bool> ready{false};
    EXPECT_EQ(0, drm_wait_event(drm, [] { return true; }));
    std::thread waker([&] {
        linger();
        ready = true;
        drm_wake_up(drm);
    });
    EXPECT_EQ(0, drm_wait_event(drm, [&] { return ready.load(); }));
    waker.join();
}

TEST_F(DrmFileTest, WakeUpWakesAllWhoWait) // M5
{
    std::atomic<bool> ready{false};
    std::vector<std::thread> waiters;
    for (int i = 0; i != 3; ++i)
        waiters.emplace_back([&] { EXPECT_EQ(0, drm_wait_event(drm, [&] { return ready.load(); })); });
    await_sleepers(3);
    ready = true;
    drm_wake_up(drm);
    for (std::thread& waiter : waiters)
        waiter.join();
}

TEST_F(DrmFileTest, InTheChildOfAForkNobodyWaitsWhoHasWaitedInTheParent) // M5
{
    driver.on.load = [](drm_device*, unsigned long) { return -EIO; };
    // Stands for another thread's stack: memory that is not in the child.
    const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    void* stack = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(MAP_FAILED, stack);
    ASSERT_EQ(0, ::madvise(stack, bytes, MADV_DONTFORK));
    auto* waiter = ::new (stack) detail::event_waiter(drm);
    EXPECT_TRUE(in_child([&] {
        const int err = drm_wait_event(drm, [] { return true; });
        drm_dev_unregister(drm);
        return err == 0 && drm_dev_register(drm) == -EIO;
    }));
    pid_t child = -1;
    EXPECT_EQ(0, drm_wait_event(drm, [&child] { // this one comes along: its condition forks
                  child = ::fork();
                  return true;
              }));
    if (child == 0)
        ::_exit(0); // or has died in leaving drm_wait_event
    int status = -1;
    EXPECT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    waiter->~event_waiter();
    ::munmap(stack, bytes);
}

TEST_F(DrmFileTest, WaitEventInsideAConditionIsRefused) // M5, section 7
{
    drm_device* other = drm_dev_alloc(&driver, &parent);
    int err = 0;
    EXPECT_EQ(0, drm_wait_event(drm, [&] {
                  err = drm_wait_event(drm, [] { return true; }); // or never
                  EXPECT_EQ(0, drm_wait_event(other, [] { return true; }));
                  return true;
              }));
    EXPECT_EQ(-EDEADLK, err);
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("drm_wait_event: drm_device \"dev0\"")) << message;
    EXPECT_EQ(0, drm_wait_event(drm, [] { return true; })) << "afterwards it is fine again";
    drm_dev_put(other);
}

TEST_F(DrmFileTest, UnplugWakesBlockedOperations) // M5
{
    client c(drm);
    std::atomic<int> asleep{0};
    driver.on.plain = [&](drm_device* d, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(d, [&, first = true]() mutable {
            asleep += std::exchange(first, false) ? 1 : 0;
            return false;
        }));
    };
    std::vector<std::thread> sleepers;
    for (int i = 0; i != 3; ++i)
        sleepers.emplace_back([&] { EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::plain)); });
    while (asleep != 3)
        std::this_thread::yield();
    await_sleepers(3);
    EXPECT_EQ(0, drm_dev_unplug(drm));
    for (std::thread& sleeper : sleepers)
        sleeper.join();
    EXPECT_EQ(-ENODEV, drm_wait_event(drm, [] { return true; }));
}

// --- Races ------------------------------------------------------------------------------------------------

TEST_F(DrmFileTest, OpenAndCloseRacingUnplug) // M5, M7
{
    for (int round = 0; round != 60; ++round) {
        event_log ends;
        logged_drm* d = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &ends);
        std::atomic<int> opened{0};
        std::atomic<int> closed{0};
        std::atomic<int> inside{0};
        driver.on.open = [&](drm_device*, drm_file* file) {
            file->driver_priv = new int(0);
            ++opened;
            return 0;
        };
        driver.on.postclose = [&](drm_device*, drm_file* file) {
            delete static_cast<int*>(file->driver_priv);
            ++closed;
        };
        driver.on.unmap = [&](drm_device*, drm_file* file) {
            EXPECT_EQ(1, ++*static_cast<int*>(file->driver_priv));
        };
        driver.on.guarded = [&](const drm_dev_guard&, void*, drm_file*) {
            ++inside;
            std::this_thread::yield();
            --inside;
            return 0L;
        };
        ASSERT_EQ(0, drm_dev_register(d));
        std::vector<std::thread> users;
        for (unsigned seed = 1; seed != 4; ++seed) {
            drm_dev_get(d);
            users.emplace_back([&, d, seed] {
                std::minstd_rand random(seed + static_cast<unsigned>(round));
                for (;;) {
                    client c(d);
                    if (c.error()) {
                        EXPECT_EQ(-ENODEV, c.error());
                        break;
                    }
                    for (unsigned i = random() % 4; i; --i) {
                        const long result = c.ioctl(scripted_driver::guarded);
                        EXPECT_TRUE(result == 0 || result == -ENODEV);
                    }
                }
                drm_dev_put(d);
            });
        }
        for (int i = 0; i != round; ++i)
            std::this_thread::yield();
        EXPECT_EQ(0, drm_dev_unplug(d));
        EXPECT_EQ(0, inside) << "the wait was too short";
        for (std::thread& user : users)
            user.join();
        EXPECT_EQ(opened, closed);
        devres_release_all(&parent.devres);
        if (round == 0)
            log.take(); // the fixture's own device went with it
        EXPECT_EQ((events{"~T"}), ends.take());
        driver.on = {};
    }
}

TEST_F(DrmFileTest, LastPutsOfFilesAndDriverOnManyThreadsEndItOnce) // M1, M2
{
    devres_release_all(&parent.devres);
    EXPECT_EQ((events{"~T"}), log.take());
    for (int round = 0; round != 100; ++round) {
        logged_drm* d = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log);
        ASSERT_EQ(0, drm_dev_register(d));
        drm_file* files[3];
        for (drm_file*& file : files)
            ASSERT_EQ(0, drm_open(d, &file));
        std::vector<std::thread> closers;
        for (drm_file* file : files)
            closers.emplace_back([file] { drm_close(file); });
        devres_release_all(&parent.devres);
        for (std::thread& closer : closers)
            closer.join();
        EXPECT_EQ((events{"~T"}), log.take());
    }
}

} // namespace
} // namespace devres::test
