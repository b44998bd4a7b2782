// SPDX-License-Identifier: MIT
//
// D4, D5, C14, C15: the end of a device, whoever brings it about.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "device/scripted_device.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class DeviceEndTest : public testing::Test {
protected:
    int add(device* owner, const char* name)
    {
        return devm_add_action(owner, [this, name] { log.add(name); });
    }

    event_log log;
    warn_capture warns;
};

TEST_F(DeviceEndTest, DelReleasesAnUnboundDeviceThoughOthersHoldItAndSoDoesTheLastPut) // D4
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    get_device(dev);
    ASSERT_EQ(0, add(dev, "early"));
    EXPECT_EQ(0, device_del(dev));
    EXPECT_EQ((events{"early"}), log.take());
    ASSERT_EQ(0, add(dev, "late"));
    put_device(dev);
    EXPECT_EQ(events{}, log.take());
    put_device(dev);
    EXPECT_EQ((events{"late", "release"}), log.take());
}

TEST_F(DeviceEndTest, WhatTakesThePlaceOfItsCallServesAsAnAction) // A1, A3, D5
{
    device parent("parent");
    heap_device* child = heap_device::make("child");
    child->on_release = [this] { log.add("child"); };
    heap_device* other = heap_device::make("other");
    other->on_release = [this] { log.add("other"); };
    ASSERT_EQ(0, devm_add_action(&parent, device_unregister, child));
    ASSERT_EQ(0, devm_add_action<device_unregister>(&parent, other));
    EXPECT_TRUE(devm_is_action_added(&parent, &device_unregister, child));
    EXPECT_EQ(2, devres_release_all(&parent));
    EXPECT_EQ((events{"other", "child"}), log.take());
}

TEST_F(DeviceEndTest, DelOfBoundDeviceUnbindsItFirst) // D5
{
    scripted_device dev;
    dev.on_remove = [this](const bound_device&) { log.add("remove"); };
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return add(b, "action"); }));
    EXPECT_EQ(0, device_del(&dev));
    EXPECT_EQ((events{"remove", "action"}), log.take());
    EXPECT_EQ(nullptr, dev_driver(&dev));
    EXPECT_EQ(0, device_del(&dev)); // nothing left to do
    EXPECT_EQ(-ENODEV, dev.bind());
    EXPECT_EQ(0, device_add(&dev));
    EXPECT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
}

TEST_F(DeviceEndTest, UnregisterIsDelAndPut) // D5
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    dev->on_remove = [this](const bound_device&) { log.add("remove"); };
    ASSERT_EQ(0, dev->bind([this](const bound_device& b) { return add(b, "action"); }));
    EXPECT_EQ(0, device_unregister(dev));
    EXPECT_EQ((events{"remove", "action", "release"}), log.take());
}

TEST_F(DeviceEndTest, BindKeepsTheDeviceAliveUntilTheUnbindIsOver) // D1, D3
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    dev->on_remove = [this](const bound_device&) { log.add("remove"); };
    ASSERT_EQ(0, dev->bind([this](const bound_device& b) { return add(b, "action"); }));
    put_device(dev); // the creator's
    EXPECT_EQ(events{}, log.take());
    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_EQ((events{"remove", "action", "release"}), log.take());
}

TEST_F(DeviceEndTest, ReleaseActionMayDropTheLastReferenceDuringUnbind) // C14
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, dev->bind([this](const bound_device& b) {
        EXPECT_EQ(0, add(b, "older"));
        return devm_add_action(b, &put_device, static_cast<device*>(b));
    }));
    EXPECT_EQ(0, device_release_driver(dev)); // the caller's reference goes inside
    EXPECT_EQ((events{"older", "release"}), log.take());
}

TEST_F(DeviceEndTest, ReleaseActionMayDropTheLastReferenceDuringDel) // C14
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, add(dev, "older"));
    ASSERT_EQ(0, devm_add_action(dev, &put_device, static_cast<device*>(dev)));
    ASSERT_EQ(0, add(dev, "newer"));
    EXPECT_EQ(0, device_del(dev));
    EXPECT_EQ((events{"newer", "older", "release"}), log.take());
}

TEST_F(DeviceEndTest, SingleReleaseMayDropTheLastReference) // C14
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, add(dev, "older"));
    ASSERT_EQ(0, devm_add_action(dev, &put_device, static_cast<device*>(dev)));
    ASSERT_EQ(0, add(dev, "newer"));
    EXPECT_EQ(0, devm_release_action(dev, &put_device, static_cast<device*>(dev)));
    EXPECT_EQ((events{"newer", "older", "release"}), log.take());
}

TEST_F(DeviceEndTest, HandleMayDropTheLastReferenceAndIsOfNoUseAfterwards) // C14, A9
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    devres_action dropper;
    devres_action bystander;
    ASSERT_EQ(0, devm_add_action(
                     dev, [this] { log.add("bystander"); }, &bystander));
    ASSERT_EQ(0, devm_add_action(
                     dev, [dev] { put_device(dev); }, &dropper));
    EXPECT_EQ(0, dropper.run());
    EXPECT_EQ((events{"bystander", "release"}), log.take());
    EXPECT_EQ(-ENOENT, dropper.cancel());
    EXPECT_EQ(-ENOENT, bystander.run());
}

TEST_F(DeviceEndTest, GroupReleaseMayDropTheLastReference) // C14
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    void* group = devm_open_group(dev, nullptr);
    ASSERT_NE(nullptr, group);
    ASSERT_EQ(0, add(dev, "inside"));
    ASSERT_EQ(0, devm_add_action(dev, &put_device, static_cast<device*>(dev)));
    devm_close_group(dev, group);
    devm_release_group(dev, group);
    EXPECT_EQ((events{"inside", "release"}), log.take());
}

TEST_F(DeviceEndTest, ReleaseActionMayDropTheParentToo) // C14, D1
{
    heap_device* parent = heap_device::make("parent");
    parent->on_release = [this] { log.add("parent"); };
    heap_device* child = heap_device::make("child", parent);
    child->on_release = [this] { log.add("child"); };
    put_device(parent); // only the child holds it
    ASSERT_EQ(0, child->bind([](const bound_device& b) {
        return devm_add_action(b, &put_device, static_cast<device*>(b));
    }));
    EXPECT_EQ(0, device_release_driver(child));
    EXPECT_EQ(2u, log.take().size());
}

// Another thread claimed one resource and is still releasing it.
class ClaimTest : public DeviceEndTest {
protected:
    static void block(ClaimTest* self)
    {
        self->inside.open();
        self->go_on.pass();
        self->linger_and_finish();
    }
    void linger_and_finish()
    {
        linger();
        claimed_done = true;
    }

    doorway inside;
    doorway go_on;
    std::atomic<bool> claimed_done{false};
};

TEST_F(ClaimTest, UnbindWaitsForAResourceThatAnotherThreadIsReleasing) // C15
{
    scripted_device dev;
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) {
        return devm_add_action(static_cast<device*>(b), &ClaimTest::block, static_cast<ClaimTest*>(this));
    }));
    std::thread claimer(
        [&] { EXPECT_EQ(0, devm_release_action(&dev, &ClaimTest::block, static_cast<ClaimTest*>(this))); });
    inside.pass();
    std::thread opener([&] {
        linger();
        go_on.open();
    });
    EXPECT_EQ(0, dev.unbind());
    EXPECT_TRUE(claimed_done);
    opener.join();
    claimer.join();
}

TEST_F(ClaimTest, LastPutWaitsForAResourceThatAnotherThreadIsReleasing) // C15
{
    heap_device* dev = heap_device::make();
    bool released_after = false;
    dev->on_release = [&] { released_after = claimed_done; };
    ASSERT_EQ(0, devm_add_action(dev, &ClaimTest::block, static_cast<ClaimTest*>(this)));
    std::thread claimer(
        [&] { EXPECT_EQ(0, devm_release_action(dev, &ClaimTest::block, static_cast<ClaimTest*>(this))); });
    inside.pass();
    std::thread opener([&] {
        linger();
        go_on.open();
    });
    put_device(dev);
    EXPECT_TRUE(released_after);
    opener.join();
    claimer.join();
}

TEST_F(ClaimTest, TheThreadThatIsReleasingDoesNotWaitForItself) // C15
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, add(dev, "older"));
    static heap_device* victim;
    victim = dev;
    constexpr auto drop = +[](void*) { put_device(victim); };
    ASSERT_EQ(0, devm_add_action(dev, drop, nullptr));
    EXPECT_EQ(0, devm_release_action(dev, drop, nullptr));
    EXPECT_EQ((events{"older", "release"}), log.take());
}

} // namespace
} // namespace devres::test
