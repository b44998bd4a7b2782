// SPDX-License-Identifier: MIT
//
// M5 to M7: register, unregister, unplug, and the files that are open meanwhile.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class VisibilityTest : public testing::Test {
protected:
    void SetUp() override { drm = drm_dev_alloc(&driver, &parent); }
    void TearDown() override { drm_dev_put(drm); }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
    drm_device* drm = nullptr;
};

// --- The section (M6) -------------------------------------------------------------------------------------

TEST_F(VisibilityTest, EnterSucceedsBeforeRegisterNestsAndFailsAfterUnplug) // M6
{
    int outer = -1;
    int inner = -1;
    ASSERT_TRUE(drm_dev_enter(drm, &outer));
    ASSERT_TRUE(drm_dev_enter(drm, &inner));
    drm_dev_exit(outer); // not the order in which they were taken
    drm_dev_exit(inner);
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    EXPECT_FALSE(drm_dev_enter(drm, &outer));
    EXPECT_FALSE(drm_dev_guard(drm));
}

TEST_F(VisibilityTest, EnterNestsDeeperThanAnyTable) // M6, V2
{
    std::vector<int> entered(2000, -1);
    for (int& idx : entered)
        ASSERT_TRUE(drm_dev_enter(drm, &idx));
    for (std::size_t i = 0; i != entered.size(); i += 2)
        drm_dev_exit(entered[i]);
    EXPECT_EQ(-EDEADLK, drm_dev_unplug(drm)) << "every other one is still inside";
    EXPECT_EQ(1u, warns.take().size());
    for (std::size_t i = 1; i < entered.size(); i += 2)
        drm_dev_exit(entered[i]);
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

TEST_F(VisibilityTest, ExitWithoutEnterWarns) // M6
{
    drm_dev_exit(0);
    drm_dev_exit(5000);
    drm_dev_exit(-1);
    EXPECT_EQ(3u, warns.take().size());
    int idx = -1;
    ASSERT_TRUE(drm_dev_enter(drm, &idx));
    drm_dev_exit(idx);
    drm_dev_exit(idx);
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(0, drm_dev_unplug(drm));
}

// An exit after an enter that has failed: the number is whatever it was.
TEST_F(VisibilityTest, ExitWithoutEnterLeavesTheGuardOfAContainerAlone) // M6, V1
{
    devres_ptr<int> regs;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &regs, 7); }));
    EXPECT_EQ(0, drm_dev_unplug(drm));
    const auto guard = regs.try_access();
    int idx = 0;
    EXPECT_FALSE(drm_dev_enter(drm, &idx));
    drm_dev_exit(idx);
    EXPECT_NE(std::string::npos, warns.take_one().find("drm_dev_exit: index 0"));
    EXPECT_EQ(-EDEADLK, parent.unbind()) << "the guard is still there";
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(7, *guard);
}

TEST_F(VisibilityTest, UnplugWaitsForThoseInsideButNotForAnotherDevice) // M5, M6, V3
{
    drm_device* other = drm_dev_alloc(&driver, &parent);
    doorway inside[2];
    doorway leave_other;
    std::atomic<bool> left{false};
    std::thread here([&] {
        drm_dev_guard guard(drm);
        inside[0].open();
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        linger();
        left = true;
    });
    std::thread elsewhere([&] {
        int idx = -1;
        ASSERT_TRUE(drm_dev_enter(other, &idx));
        inside[1].open();
        leave_other.pass();
        drm_dev_exit(idx);
    });
    inside[0].pass();
    inside[1].pass();
    EXPECT_EQ(0, drm_dev_unplug(drm)); // or never
    EXPECT_TRUE(left);
    leave_other.open();
    here.join();
    elsewhere.join();
    drm_dev_put(other);
}

TEST_F(VisibilityTest, UnplugFromInsideTheSectionWarnsWithBothPlacesAndChangesNothing) // V5, D5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client open_file(drm);
    int unmapped = 0;
    driver.on.unmap = [&](drm_device*, drm_file*) { ++unmapped; };
    int idx = -1;
    const int inside = __LINE__ + 1;
    ASSERT_TRUE(drm_dev_enter(drm, &idx));
    const int unplug = __LINE__ + 1;
    EXPECT_EQ(-EDEADLK, drm_dev_unplug(drm));
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("visibility_test.cpp:" + std::to_string(inside))) << message;
    EXPECT_NE(std::string::npos, message.find("visibility_test.cpp:" + std::to_string(unplug))) << message;
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(0, unmapped);
    EXPECT_EQ(0, open_file.ioctl(scripted_driver::guarded));
    EXPECT_EQ(0, client(drm).error());
    drm_dev_exit(idx);
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(1, unmapped);
}

TEST_F(VisibilityTest, UnplugFromAGuardedHandlerIsASelfRevokeAndFromAPlainOneIsNot) // V5, M7
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client file(drm);
    driver.on.guarded = [](const drm_dev_guard& inside, void*, drm_file*) {
        return static_cast<long>(drm_dev_unplug(inside.device()));
    };
    driver.on.plain = [](drm_device* d, void*, drm_file*) { return static_cast<long>(drm_dev_unplug(d)); };
    EXPECT_EQ(-EDEADLK, file.ioctl(scripted_driver::guarded));
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(0, file.ioctl(scripted_driver::plain));
    EXPECT_EQ(-ENODEV, file.ioctl(scripted_driver::plain));
}

TEST_F(VisibilityTest, AGuardThatWasMovedFromIsEmpty) // M6
{
    drm_dev_guard first(drm);
    const drm_dev_guard second(std::move(first));
    EXPECT_FALSE(first); // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(second);
    EXPECT_EQ(-EDEADLK, drm_dev_unplug(drm));
    EXPECT_EQ(1u, warns.take().size());
}

TEST_F(VisibilityTest, DetachedGuardIsLeftByAnotherThread) // V5, M6
{
    drm_dev_guard here(drm);
    drm_dev_guard moved = here.detach();
    EXPECT_FALSE(here);
    ASSERT_TRUE(moved);
    EXPECT_EQ(drm, moved.device());
    std::thread ender([guard = std::move(moved), this]() mutable {
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        linger();
        drm_dev_guard ends_here(std::move(guard));
    });
    EXPECT_EQ(0, drm_dev_unplug(drm));
    ender.join();
}

TEST_F(VisibilityTest, UnplugIsIdempotentAndTheSecondWaitsForTheFirst) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client file(drm);
    std::atomic<int> unmapped{0};
    driver.on.unmap = [&](drm_device* d, drm_file*) {
        linger();
        ++unmapped;
        EXPECT_EQ(0, drm_dev_unplug(d)) << "also from its own hook";
    };
    std::vector<std::thread> threads;
    for (int i = 0; i != 4; ++i) {
        threads.emplace_back([&] {
            EXPECT_EQ(0, drm_dev_unplug(drm));
            EXPECT_EQ(1, unmapped);
        });
    }
    for (std::thread& t : threads)
        t.join();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(1, unmapped);
}

TEST_F(VisibilityTest, WhoUnplugsASecondTimeIsWokenWhenTheFirstIsDone) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client file(drm);
    std::thread second;
    driver.on.unmap = [&](drm_device* d, drm_file*) {
        second = std::thread([d] { EXPECT_EQ(0, drm_dev_unplug(d)); });
        await_sleepers(1);
    };
    EXPECT_EQ(0, drm_dev_unplug(drm));
    second.join();
}

// --- Register and unregister (M5) -------------------------------------------------------------------------

TEST_F(VisibilityTest, OpenNeedsARegisteredDevice) // M5
{
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ(nullptr, file);
    ASSERT_EQ(0, drm_dev_register(drm, 3));
    EXPECT_EQ(-EBUSY, drm_dev_register(drm));
    ASSERT_EQ(0, drm_open(drm, &file));
    EXPECT_EQ(drm, file->drm);
    drm_close(file);
    drm_dev_unregister(drm);
    drm_dev_unregister(drm);
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(0, drm_dev_register(drm)) << "and may become visible again";
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(-ENODEV, drm_open(drm, &file));
    EXPECT_EQ(-ENODEV, drm_dev_register(drm));
}

TEST_F(VisibilityTest, UnregisterIsNotUnplug) // M5
{
    ASSERT_EQ(0, drm_dev_register(drm));
    client file(drm);
    driver.on.plain = [](drm_device*, void*, drm_file*) { return 11L; };
    driver.on.guarded = [](const drm_dev_guard&, void*, drm_file*) { return 12L; };
    driver.on.unmap = [](drm_device*, drm_file*) { ADD_FAILURE() << "the hardware is still there"; };
    drm_dev_unregister(drm);
    EXPECT_EQ(11, file.ioctl(scripted_driver::plain));
    EXPECT_EQ(12, file.ioctl(scripted_driver::guarded));
    int idx = -1;
    ASSERT_TRUE(drm_dev_enter(drm, &idx));
    drm_dev_exit(idx);
    driver.on.unmap = nullptr;
}

TEST_F(VisibilityTest, LoadGetsTheFlagsAndRunsLast) // M5
{
    driver.on.load = [&](drm_device* d, unsigned long flags) {
        EXPECT_EQ(7u, flags);
        client early(d);
        EXPECT_EQ(0, early.error()) << "visible already";
        return 0;
    };
    EXPECT_EQ(0, drm_dev_register(drm, 7));
}

// Partial register failure against open and ioctl: in Linux those inside went on with a half-made device.
TEST_F(VisibilityTest, FailedRegisterLetsNobodyStayInside) // M5
{
    doorway visible;
    doorway inside;
    doorway leave;
    std::atomic<bool> left{false};
    driver.on.load = [&](drm_device*, unsigned long) {
        visible.open();
        inside.pass();
        return -EIO;
    };
    driver.on.guarded = [&](const drm_dev_guard&, void*, drm_file*) {
        inside.open();
        leave.pass();
        linger();
        left = true;
        return 0L;
    };
    drm_file* opened_meanwhile = nullptr;
    std::thread user([&] {
        visible.pass();
        ASSERT_EQ(0, drm_open(drm, &opened_meanwhile));
        EXPECT_EQ(0, drm_ioctl(opened_meanwhile, scripted_driver::guarded, nullptr));
    });
    std::thread opener([&] {
        while (drm_dev_guard(drm)) // shut while it is taken back
            std::this_thread::yield();
        linger();
        EXPECT_FALSE(drm_dev_guard(drm));
        client late(drm);
        EXPECT_EQ(-ENODEV, late.error());
        leave.open();
    });
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    EXPECT_TRUE(left) << "returned while somebody was inside";
    user.join();
    opener.join();

    // The section is open again, the file is not.
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    int idx = -1;
    ASSERT_TRUE(drm_dev_enter(drm, &idx));
    drm_dev_exit(idx);
    driver.on = {};
    EXPECT_EQ(-ENODEV, drm_ioctl(opened_meanwhile, scripted_driver::plain, nullptr));
    ASSERT_EQ(0, drm_dev_register(drm));
    EXPECT_EQ(-ENODEV, drm_ioctl(opened_meanwhile, scripted_driver::plain, nullptr)) << "dead for ever";
    EXPECT_EQ(-ENODEV, drm_ioctl(opened_meanwhile, scripted_driver::guarded, nullptr));
    client fresh(drm);
    EXPECT_EQ(0, fresh.ioctl(scripted_driver::plain));
    drm_close(opened_meanwhile);
}

TEST_F(VisibilityTest, FailedRegisterAgainstOpensAndIoctls) // M5
{
    driver.on.load = [](drm_device*, unsigned long) {
        for (int i = 0; i != 20; ++i)
            std::this_thread::yield();
        return -EIO;
    };
    std::atomic<int> half_made{0};
    driver.on.guarded = [&](const drm_dev_guard&, void*, drm_file*) {
        ++half_made;
        std::this_thread::yield();
        --half_made;
        return 0L;
    };
    std::atomic<bool> stop{false};
    std::vector<std::thread> users;
    for (int i = 0; i != 2; ++i) {
        users.emplace_back([&] {
            while (!stop) {
                client c(drm);
                if (c.error()) {
                    EXPECT_EQ(-ENODEV, c.error());
                    continue;
                }
                for (int k = 0; k != 5; ++k) {
                    const long result = c.ioctl(scripted_driver::guarded);
                    EXPECT_TRUE(result == 0 || result == -ENODEV);
                }
            }
        });
    }
    for (int i = 0; i != 300; ++i) {
        EXPECT_EQ(-EIO, drm_dev_register(drm));
        EXPECT_EQ(0, half_made) << "somebody stayed inside";
    }
    stop = true;
    for (std::thread& user : users)
        user.join();
}

TEST_F(VisibilityTest, LoadMayUnregisterAndUnplug) // M5: register calls it without a lock
{
    driver.on.load = [](drm_device* d, unsigned long) {
        drm_dev_unregister(d);
        EXPECT_EQ(0, drm_dev_unplug(d));
        return -EIO;
    };
    EXPECT_EQ(-EIO, drm_dev_register(drm));
    EXPECT_TRUE(drm_dev_is_unplugged(drm)) << "the rollback does not undo an unplug";
    EXPECT_EQ(-ENODEV, drm_dev_register(drm));
}

TEST_F(VisibilityTest, UnregisterAgainstUnplugAgainstRegister) // M5, D6
{
    for (int round = 0; round != 200; ++round) {
        drm_device* d = drm_dev_alloc(&driver, &parent);
        std::thread a([d] { drm_dev_unregister(d); });
        std::thread b([d] {
            const int err = drm_dev_register(d);
            EXPECT_TRUE(err == 0 || err == -ENODEV) << err;
        });
        EXPECT_EQ(0, drm_dev_unplug(d));
        a.join();
        b.join();
        drm_file* file = nullptr;
        EXPECT_EQ(-ENODEV, drm_open(d, &file));
        EXPECT_TRUE(drm_dev_is_unplugged(d));
        drm_dev_put(d);
    }
}

} // namespace
} // namespace devres::test
