// SPDX-License-Identifier: MIT
//
// M5: a register that fails, and registers that meet others.
#include <atomic>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/threads.h"
#include "support/tripwire.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class RegisterTest : public testing::Test {
protected:
    void SetUp() override { drm = drm_dev_alloc(&driver, &parent); }
    void TearDown() override
    {
        driver.on = {};
        drm_dev_put(drm);
    }

    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    drm_device* drm = nullptr;
};

// A handler that sleeps inside the section until the device goes; `asleep` opens when it has been asked once.
auto sleep_inside(doorway& asleep)
{
    return [&asleep](const drm_dev_guard& inside, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(inside.device(), [&] {
            if (!asleep.is_open())
                asleep.open();
            return false;
        }));
    };
}

TEST_F(RegisterTest, FailureWakesWhoWaitsForAnEventInsideTheSection) // M5
{
    doorway visible;
    doorway asleep;
    driver.on.load = [&](drm_device*, unsigned long) {
        visible.open();
        asleep.pass();
        return -EIO;
    };
    driver.on.guarded = sleep_inside(asleep);
    std::thread user([&] {
        visible.pass();
        client c(drm);
        EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::guarded));
    });
    EXPECT_EQ(-EIO, drm_dev_register(drm)); // or never
    user.join();
}

TEST_F(RegisterTest, FailureWakesWhoWaitsForAnEventOnAFileOpenedMeanwhile) // M5
{
    doorway visible;
    doorway asleep;
    driver.on.load = [&](drm_device*, unsigned long) {
        visible.open();
        asleep.pass();
        return -EIO;
    };
    driver.on.plain = [&](drm_device* d, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(d, [&] {
            if (!asleep.is_open())
                asleep.open();
            return false;
        }));
    };
    // Somebody inside keeps the register from being over before the sleeper has been woken.
    std::thread user([&] {
        visible.pass();
        client c(drm);
        int idx = -1;
        ASSERT_TRUE(drm_dev_enter(drm, &idx));
        std::thread sleeper([&] { EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::plain)); });
        sleeper.join();
        drm_dev_exit(idx);
    });
    EXPECT_EQ(-EIO, drm_dev_register(drm)); // or never
    user.join();
}

TEST_F(RegisterTest, AfterAFailureNobodyWaitsForAnEventWhoHasBegunToMeanwhile) // M5
{
    doorway visible;
    doorway asked;
    doorway over;
    driver.on.load = [&](drm_device*, unsigned long) {
        if (!visible.is_open())
            visible.open();
        asked.pass();
        return -EIO;
    };
    driver.on.plain = [&](drm_device* d, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(d, [&] {
            if (!asked.is_open())
                asked.open();
            over.pass(); // so it does not look while the section is shut
            return false;
        }));
    };
    std::thread user([&] {
        visible.pass();
        client c(drm);
        EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::plain)); // or never
    });
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    EXPECT_EQ(-EIO, drm_dev_register(drm)) << "and one more, before he looks again";
    over.open();
    user.join();
}

TEST_F(RegisterTest, FailureKillsOnlyTheFilesOpenedDuringThisRegister) // M5
{
    driver.on.plain = [](drm_device*, void*, drm_file*) { return 11L; };
    driver.on.guarded = [](const drm_dev_guard&, void*, drm_file*) { return 12L; };
    ASSERT_EQ(0, drm_dev_register(drm));
    client old(drm);
    client older(drm);
    drm_dev_unregister(drm);
    drm_file* meanwhile[2] = {};
    driver.on.load = [&](drm_device* d, unsigned long) {
        for (drm_file*& file : meanwhile)
            EXPECT_EQ(0, drm_open(d, &file));
        return -EIO;
    };
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    for (client* c : {&old, &older}) {
        EXPECT_EQ(11, c->ioctl(scripted_driver::plain));
        EXPECT_EQ(12, c->ioctl(scripted_driver::guarded));
    }
    for (drm_file* file : meanwhile) {
        EXPECT_EQ(-ENODEV, drm_ioctl(file, scripted_driver::plain, nullptr));
        EXPECT_EQ(-ENODEV, drm_ioctl(file, scripted_driver::guarded, nullptr));
        drm_close(file);
    }
    driver.on.load = nullptr;
    ASSERT_EQ(0, drm_dev_register(drm));
    EXPECT_EQ(11, old.ioctl(scripted_driver::plain));
}

// A register that fails has to wait for a reader, and meanwhile somebody uses a file from before.
class RollbackTest : public RegisterTest {
protected:
    void SetUp() override
    {
        RegisterTest::SetUp();
        ASSERT_EQ(0, drm_dev_register(drm));
        EXPECT_EQ(0, drm_open(drm, &old));
        drm_dev_unregister(drm);
        driver.on.load = [](drm_device*, unsigned long) { return -EIO; };
    }
    void TearDown() override
    {
        drm_close(old);
        RegisterTest::TearDown();
    }

    // Calls meanwhile() while the register is being taken back. A reader inside keeps it there.
    template <class Meanwhile>
    void fail_register(Meanwhile meanwhile)
    {
        doorway inside;
        std::thread reader([&] {
            drm_dev_guard guard(drm);
            inside.open();
            while (drm_dev_guard(drm, "", 0)) // shut at last; this thread nests
                std::this_thread::yield();
            meanwhile();
        });
        inside.pass();
        EXPECT_EQ(-EIO, drm_dev_register(drm));
        reader.join();
    }

    drm_file* old = nullptr;
};

TEST_F(RollbackTest, DeviceIsNotUnpluggedAndFilesFromBeforeGoOn) // M5
{
    driver.on.plain = [](drm_device*, void*, drm_file*) { return 11L; };
    driver.on.guarded = [](const drm_dev_guard&, void*, drm_file*) { return 12L; };
    std::thread waiter;
    fail_register([&] {
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
        EXPECT_EQ(11, drm_ioctl(old, scripted_driver::plain, nullptr));
        EXPECT_EQ(12, drm_ioctl(old, scripted_driver::guarded, nullptr)) << "this thread is inside already";
        EXPECT_EQ(-EBUSY, drm_dev_register(drm));
        drm_file* none = nullptr;
        EXPECT_EQ(-ENODEV, drm_open(drm, &none));
        waiter = std::thread(
            [&] { EXPECT_EQ(12, drm_ioctl(old, scripted_driver::guarded, nullptr)) << "when it is over"; });
        await_sleepers(1);
    });
    waiter.join();
    EXPECT_TRUE(drm_dev_guard(drm));
    EXPECT_EQ(0, drm_wait_event(drm, [] { return true; })) << "who begins to wait afterwards";
}

TEST_F(RollbackTest, WhoBeginsToWaitForAnEventMeanwhileIsToldWhenItIsOver) // M5
{
    doorway asked;
    std::thread waiter;
    fail_register([&] {
        waiter = std::thread([&] {
            EXPECT_EQ(-ENODEV, drm_wait_event(drm, [&] {
                if (!asked.is_open())
                    asked.open();
                return false;
            })); // or never
        });
        asked.pass();
    });
    waiter.join();
}

TEST_F(RollbackTest, WhoHasBegunToWaitDuringARegisterThatFailedIsToldHoweverManyHaveFailedSince) // M5
{
    doorway asked;
    doorway answer;
    std::thread waiter;
    fail_register([&] {
        waiter = std::thread([&] {
            EXPECT_EQ(-ENODEV, drm_wait_event(drm, [&] {
                if (!asked.is_open()) {
                    asked.open();
                    answer.pass();
                }
                return false;
            })); // or never
        });
        asked.pass();
    });
    driver.on.load = [](drm_device*, unsigned long) { return -EIO; };
    for (int i = 0; i < 100; ++i)
        EXPECT_EQ(-EIO, drm_dev_register(drm));
    answer.open();
    waiter.join();
}

TEST_F(RollbackTest, WhoHasWaitedForAnEventSinceBeforeTheRegisterGoesOnWaiting) // M5
{
    std::atomic<int> asked{0};
    std::atomic<bool> happened{false};
    driver.on.plain = [&](drm_device* d, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(d, [&] {
            ++asked;
            return happened.load();
        }));
    };
    std::thread sleeper([&] { EXPECT_EQ(0, drm_ioctl(old, scripted_driver::plain, nullptr)); });
    while (asked == 0)
        std::this_thread::yield();
    fail_register([&] {
        const int before = asked;
        drm_wake_up(drm);
        while (asked == before) // or never
            std::this_thread::yield();
    });
    happened = true;
    drm_wake_up(drm);
    sleeper.join();
}

// Who is inside, for whom the register waits, has to ask its own condition first.
TEST_F(RollbackTest, AConditionDoesNotWaitForTheSectionToOpenAgain) // M5
{
    doorway asleep;
    doorway asked;
    std::thread inside([&] {
        const drm_dev_guard guard(drm);
        EXPECT_EQ(-ENODEV, drm_wait_event(drm, [&] {
            if (!asleep.is_open())
                asleep.open();
            return false;
        }));
    });
    asleep.pass();
    driver.on.load = [&](drm_device*, unsigned long) {
        asked.pass();
        return -EIO;
    };
    driver.on.guarded = [](const drm_dev_guard&, void*, drm_file*) { return 12L; };
    std::thread outside([&] {
        EXPECT_EQ(0, drm_wait_event(drm, [&] {
                      asked.open();
                      while (drm_dev_guard(drm)) // until it is shut
                          std::this_thread::yield();
                      EXPECT_EQ(-ENODEV, drm_ioctl(old, scripted_driver::guarded, nullptr)); // or never
                      return true;
                  }));
    });
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    inside.join();
    outside.join();
}

// The hooks of drivers are called by code that has exceptions on.
#if defined(__cpp_exceptions)
TEST_F(RegisterTest, ALoadThatThrowsEndsTheProgram)
{
    driver.on.load = [](drm_device*, unsigned long) -> int { throw 42; };
    EXPECT_DEATH(
        {
            try {
                (void)drm_dev_register(drm);
            } catch (int) {
            }
        },
        "terminate called");
}
#endif

TEST_F(RegisterTest, FailureWakesWhoHasSleptInsideTheSectionSinceBeforeTheRegister) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client old(drm);
    drm_dev_unregister(drm);
    doorway asleep;
    driver.on.guarded = sleep_inside(asleep);
    driver.on.load = [](drm_device*, unsigned long) { return -EIO; };
    std::thread user([&] { EXPECT_EQ(-ENODEV, old.ioctl(scripted_driver::guarded)); });
    asleep.pass();
    EXPECT_EQ(-EIO, drm_dev_register(drm)); // or never
    user.join();
}

TEST_F(RollbackTest, UnplugMeanwhileWins) // M5
{
    std::thread unplugger;
    fail_register([&] {
        unplugger = std::thread([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        EXPECT_EQ(-ENODEV, drm_ioctl(old, scripted_driver::guarded, nullptr));
    });
    unplugger.join();
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    EXPECT_FALSE(drm_dev_guard(drm));
}

TEST_F(RollbackTest, GuardedIoctlThatWaitsForTheSectionGivesENODEVWhenItIsUnplugged) // M5, M7
{
    std::thread waiter;
    std::thread unplugger;
    fail_register([&] {
        waiter = std::thread(
            [&] { EXPECT_EQ(-ENODEV, drm_ioctl(old, scripted_driver::guarded, nullptr)); }); // or never
        await_sleepers(1);
        unplugger = std::thread([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
    });
    unplugger.join();
    waiter.join();
}

// The ioctl was let in before, and comes to the section when the register is over.
TEST_F(RegisterTest, GuardedIoctlOnAFileThatDiesMeanwhileGivesENODEV) // M5, M7
{
    tripwire<drm_ioctl_desc> entry(driver.ioctls[scripted_driver::guarded]);
    driver.ioctls = &entry.object();
    driver.num_ioctls = 1;
    driver.on.guarded = [](const drm_dev_guard&, void*, drm_file*) { return 12L; };
    drm_file* file = nullptr;
    std::thread user;
    driver.on.load = [&](drm_device* d, unsigned long) {
        EXPECT_EQ(0, drm_open(d, &file));
        entry.arm();
        user = std::thread([&] { EXPECT_EQ(-ENODEV, drm_ioctl(file, 0, nullptr)); });
        entry.await();
        return -EIO;
    };
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    entry.let_go();
    user.join();
    drm_close(file);
}

TEST_F(RegisterTest, OneAtATimeAlsoIfUnregisteredWhileLoadRunsAndThenNotVisible) // M5
{
    int loads = 0;
    driver.on.load = [&](drm_device* d, unsigned long) {
        ++loads;
        EXPECT_EQ(-EBUSY, drm_dev_register(d));
        drm_dev_unregister(d);
        EXPECT_EQ(-EBUSY, drm_dev_register(d)) << "the first one has not returned";
        drm_file* none = nullptr;
        EXPECT_EQ(-ENODEV, drm_open(d, &none));
        return 0;
    };
    EXPECT_EQ(0, drm_dev_register(drm));
    EXPECT_EQ(1, loads);
    drm_file* none = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &none)) << "it was unregistered after it had been registered";
    driver.on.load = nullptr;
    EXPECT_EQ(0, drm_dev_register(drm));
    EXPECT_EQ(0, client(drm).error());
}

TEST_F(RegisterTest, LoadThatFailsInsideTheSectionIsReportedAndNotWaitedFor) // M5, V5
{
    int idx = -1;
    driver.on.load = [&](drm_device* d, unsigned long) { return drm_dev_enter(d, &idx) ? -EIO : 0; };
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("dev0")) << message;
    drm_dev_exit(idx);
    driver.on.load = nullptr;
    EXPECT_EQ(0, drm_dev_register(drm));
}

TEST_F(RegisterTest, RegisterWhileUnplugWaitsIsENODEV) // M5
{
    const inside_until_unplugged reader(drm, [&] { EXPECT_EQ(-ENODEV, drm_dev_register(drm)); });
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

TEST_F(RegisterTest, OpenWhileUnplugWaitsIsENODEV) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    const inside_until_unplugged reader(drm, [&] { EXPECT_EQ(-ENODEV, client(drm).error()); });
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

TEST_F(RegisterTest, LoadMayDropTheReferenceThatRegisterWasCalledWith) // C14, M1
{
    drm_device* d = drm_dev_alloc(&driver, &parent);
    int released = 0;
    driver.on.release = [&](drm_device*) { ++released; };
    driver.on.load = [&](drm_device* dropped, unsigned long) {
        drm_dev_put(dropped);
        EXPECT_EQ(0, released);
        return -EIO;
    };
    EXPECT_EQ(-EIO, drm_dev_register(d));
    EXPECT_EQ(1, released);
}

TEST_F(RegisterTest, UnmapMayDropTheReferenceThatUnplugWasCalledWith) // C14, M1
{
    drm_device* d = drm_dev_alloc(&driver, &parent);
    int released = 0;
    driver.on.release = [&](drm_device*) { ++released; };
    ASSERT_EQ(0, drm_dev_register(d));
    drm_file* file = nullptr;
    ASSERT_EQ(0, drm_open(d, &file));
    driver.on.unmap = [&](drm_device* dropped, drm_file* own) {
        drm_close(own);
        drm_dev_put(dropped);
        EXPECT_EQ(0, released);
    };
    EXPECT_EQ(0, drm_dev_unplug(d));
    EXPECT_EQ(1, released);
}

// Unbind has closed it, but its registration, which unplugs it, has not been released yet.
TEST_F(RegisterTest, RegisterAfterTheCloseOfTheBindingThatOwnsItIsENODEV) // M5, D3 (2)
{
    int asked = 0;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
        return devm_add_action(static_cast<device*>(b), [&] {
            ++asked;
            drm_dev_unregister(drm);
            EXPECT_EQ(-ENODEV, drm_dev_register(drm));
        });
    }));
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ(1, asked);
}

// --- Unplug and those who sleep ---------------------------------------------------------------------------

TEST_F(RegisterTest, UnplugWakesWhoWaitsForAnEventInsideTheSection) // M5, M7
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client c(drm);
    doorway asleep;
    driver.on.guarded = sleep_inside(asleep);
    std::thread user([&] { EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::guarded)); });
    asleep.pass();
    EXPECT_EQ(0, drm_dev_unplug(drm)); // or never
    user.join();
}

TEST_F(RegisterTest, UnplugEndsTheWaitsThatBeganBeforeTheLastRegister) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client c(drm);
    driver.on.plain = [](drm_device* d, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(d, [] { return false; }));
    };
    std::thread user([&] { EXPECT_EQ(-ENODEV, c.ioctl(scripted_driver::plain)); });
    await_sleepers(1);
    drm_dev_unregister(drm);
    ASSERT_EQ(0, drm_dev_register(drm));
    EXPECT_EQ(0, drm_dev_unplug(drm));
    user.join(); // or never
}

TEST_F(RegisterTest, UnmapComesAfterEverybodyInsideHasLeft) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client c(drm);
    doorway inside;
    std::atomic<bool> left{false};
    driver.on.guarded = [&](const drm_dev_guard&, void*, drm_file*) {
        inside.open();
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        linger();
        left = true;
        return 0L;
    };
    driver.on.unmap = [&](drm_device*, drm_file*) { EXPECT_TRUE(left); };
    std::thread user([&] { EXPECT_EQ(0, c.ioctl(scripted_driver::guarded)); });
    inside.pass();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    user.join();
}

// A guarded handler is inside a guard that the library took; the message names the ioctl, not a file of the
// library.
TEST_F(RegisterTest, SelfRevokeFromAGuardedHandlerNamesTheIoctl) // V5, section 7
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client c(drm);
    driver.on.guarded = [](const drm_dev_guard& inside, void*, drm_file*) {
        return static_cast<long>(drm_dev_unplug(inside.device()));
    };
    EXPECT_EQ(-EDEADLK, c.ioctl(scripted_driver::guarded));
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("guarded")) << message;
    EXPECT_EQ(std::string::npos, message.find("drm_file.cpp")) << message;
}

} // namespace
} // namespace devres::test
