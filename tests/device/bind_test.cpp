// SPDX-License-Identifier: MIT
//
// D2, D3, D6: what a bind does, how one that fails is unwound, and in which order an unbind goes.
#include <gtest/gtest.h>

#include <devres/devres_ptr.h>

#include "device/scripted_device.h"
#include "support/event_log.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class BindTest : public testing::Test {
public: // actions without captures reach it through a static pointer
    int add(device* owner, const char* name)
    {
        return devm_add_action(owner, [this, name] { log.add(name); });
    }

    event_log log;
    warn_capture warns;
    scripted_device dev;
};

TEST_F(BindTest, UnregisteredDeviceGivesENODEV) // D2
{
    device unknown("unknown");
    EXPECT_EQ(-ENODEV, device_driver_attach(&scripted_device::driver, &unknown));
    ASSERT_EQ(0, device_del(&dev));
    EXPECT_EQ(-ENODEV, dev.bind());
}

TEST_F(BindTest, BoundDeviceGivesEBUSYAndStaysBound) // D2
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return add(b, "action"); }));
    EXPECT_EQ(-EBUSY, dev.bind());
    EXPECT_EQ(&scripted_device::driver, dev_driver(&dev));
    EXPECT_EQ(events{}, log.take());
}

TEST_F(BindTest, ResourcesPresentGiveEBUSYAndAWarnThatNamesThem) // D2
{
    void* res = devres_alloc([](devres_head*, void*) {}, 8, GFP_KERNEL, "left-over");
    devres_add(&dev.devres, res);
    bool probed = false;
    EXPECT_EQ(-EBUSY, dev.bind([&](const bound_device&) {
        probed = true;
        return 0;
    }));
    EXPECT_FALSE(probed);
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("left-over")) << message;
    EXPECT_NE(std::string::npos, message.find("dev0")) << message;
    EXPECT_EQ(1, devres_release_all(&dev.devres));
    EXPECT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
}

TEST_F(BindTest, FailingProbeUnwindsWhatItAttachedAndGivesItsError) // D2, D3 (2)-(4)
{
    dev.on_remove = [this](const bound_device&) { log.add("remove"); };
    int data = 0;
    EXPECT_EQ(-EIO, dev.bind([&](const bound_device& b) {
        dev_set_drvdata(b, &data);
        EXPECT_EQ(0, add(b, "1"));
        EXPECT_EQ(0, add(b, "2"));
        EXPECT_EQ(0, add(b, "3"));
        return -EIO;
    }));
    EXPECT_EQ((events{"3", "2", "1"}), log.take()); // and no remove
    EXPECT_EQ(nullptr, dev_get_drvdata(&dev));
    EXPECT_EQ(nullptr, dev_driver(&dev));
    EXPECT_EQ(0, dev.bind([](const bound_device&) { return 0; })); // as before
}

TEST_F(BindTest, FailingProbeClosesTheContainersItMade) // D2, V4, V8
{
    devres_ptr<int> kept;
    EXPECT_EQ(-EIO, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devres_ptr<int>::create(b, &kept, 7));
        EXPECT_TRUE(kept.try_access());
        return -EIO;
    }));
    EXPECT_FALSE(kept.try_access());
    EXPECT_TRUE(kept.is_revoked());
}

TEST_F(BindTest, DeviceCanBeBoundAgainByTheSameOrAnotherDriver) // D6
{
    static constexpr device_driver other{"other", [](const bound_device&) { return 0; }, nullptr};
    for (int round = 0; round != 3; ++round) {
        ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return add(b, "a"); }));
        EXPECT_EQ(0, dev.unbind());
        EXPECT_EQ((events{"a"}), log.take());
        ASSERT_EQ(0, device_driver_attach(&other, &dev));
        EXPECT_EQ(&other, dev_driver(&dev));
        EXPECT_EQ(0, dev.unbind());
    }
}

TEST_F(BindTest, DriverWithoutProbeDataOrRemoveIsFine) // D3
{
    static constexpr device_driver bare{"bare", [](const bound_device&) { return 0; }, nullptr};
    ASSERT_EQ(0, device_driver_attach(&bare, &dev));
    EXPECT_EQ(0, device_release_driver(&dev));
}

TEST_F(BindTest, UnbindOfDeviceThatIsNotBoundIsZeroAndReleasesNothing) // D3
{
    ASSERT_EQ(0, add(&dev, "unbound"));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(events{}, log.take());
}

TEST_F(BindTest, EachBindIsAnIdentityOfItsOwn) // D2, V9
{
    devres_ptr<int> old;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &old, 7); }));
    EXPECT_EQ(0, dev.unbind());
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(nullptr, old.access(b));
        EXPECT_FALSE(old.try_access());
        return 0;
    }));
}

// D3, step by step, seen from each of them.
TEST_F(BindTest, UnbindRemovesClosesReleasesAndClearsInThisOrder) // D3 (1)-(4), M8, V10
{
    static BindTest* test;
    static devres_ptr<int> regs;
    static int data;
    test = this;
    dev.on_remove = [this](const bound_device& b) {
        log.add("remove");
        EXPECT_TRUE(regs.try_access()) << "remove runs before anything is closed";
        EXPECT_NE(nullptr, regs.access(b));
    };
    ASSERT_EQ(0, dev.bind([](const bound_device& b) {
        dev_set_drvdata(b, &data);
        EXPECT_EQ(0, devres_ptr<int>::create(b, &regs, 42));
        // Newer than the container, so it runs while the T lives.
        return devm_add_action(
            b,
            +[](const bound_device& bound, void*) {
                test->log.add("quiesce");
                EXPECT_FALSE(regs.try_access()) << "closed before the first release";
                int* hardware = regs.access(bound);
                EXPECT_NE(nullptr, hardware) << "but present for who has the proof";
                EXPECT_EQ(42, hardware ? *hardware : 0);
                EXPECT_EQ(&scripted_device::driver, dev_driver(bound)) << "still bound";
                EXPECT_EQ(&data, dev_get_drvdata(bound));
                devres_ptr<int> late;
                EXPECT_EQ(-ENODEV, devres_ptr<int>::create(bound, &late, 1)) << "V4";
            },
            nullptr);
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ((events{"remove", "quiesce"}), log.take());
    EXPECT_EQ(nullptr, dev_get_drvdata(&dev));
    EXPECT_EQ(nullptr, dev_driver(&dev));
    regs.reset();
}

TEST_F(BindTest, ContainersAreDestroyedAtTheirOwnPlaceInTheOrder) // D3 (3), C1
{
    struct part {
        event_log* log;
        const char* name;
        ~part() { log->add(name); }
    };
    devres_ptr<part> a;
    devres_ptr<part> b;
    ASSERT_EQ(0, dev.bind([&](const bound_device& bound) {
        EXPECT_EQ(0, add(bound, "1"));
        EXPECT_EQ(0, devres_ptr<part>::create(bound, &a, &log, "a"));
        EXPECT_EQ(0, add(bound, "2"));
        EXPECT_EQ(0, devres_ptr<part>::create(bound, &b, &log, "b"));
        EXPECT_EQ(0, add(bound, "3"));
        return 0;
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ((events{"3", "b", "2", "a", "1"}), log.take());
}

TEST_F(BindTest, WhatAReleaseActionAttachesIsReleasedByTheSameUnbind) // D3 (3), C11, C12
{
    static BindTest* test;
    test = this;
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) {
        EXPECT_EQ(0, add(b, "oldest"));
        return devm_add_action(
            b,
            +[](device* d, void*) {
                test->log.add("first");
                EXPECT_EQ(0, test->add(d, "second pass"));
            },
            nullptr);
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ((events{"first", "oldest", "second pass"}), log.take());
    EXPECT_EQ(0, devres_release_all(&dev.devres));
}

TEST_F(BindTest, WhatRemoveAttachesIsReleasedByTheSameUnbind) // C12
{
    dev.on_remove = [this](const bound_device& b) { EXPECT_EQ(0, add(b, "from remove")); };
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return add(b, "from probe"); }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ((events{"from remove", "from probe"}), log.take());
}

TEST_F(BindTest, ActionWithTheProofCanBeFoundRemovedAndReleasedWithTheProof) // V10, A3
{
    static int calls;
    calls = 0;
    constexpr auto quiesce = +[](const bound_device&, int* data) { calls += *data; };
    int data = 5;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(b, quiesce, &data));
        EXPECT_EQ(0, devm_add_action(b, quiesce, &data));
        EXPECT_TRUE(devm_is_action_added(b, quiesce, &data));
        EXPECT_EQ(0, devm_remove_action(b, quiesce, &data));
        EXPECT_EQ(0, devm_release_action(b, quiesce, &data));
        EXPECT_EQ(5, calls);
        EXPECT_FALSE(devm_is_action_added(b, quiesce, &data));
        EXPECT_EQ(-ENOENT, devm_remove_action_nowarn(b, quiesce, &data));
        return 0;
    }));
}

} // namespace
} // namespace devres::test
