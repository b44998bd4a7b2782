// SPDX-License-Identifier: MIT
//
// D1, C15: what a release callback may do to a device whose last reference has been put.
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "device/scripted_device.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class LastPutTest : public testing::Test {
protected:
    event_log log;
    warn_capture warns;
};

TEST_F(LastPutTest, GetAndPutInsideAReleaseCallbackDoNotEndTheDeviceTwice) // D1
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, devm_add_action(dev, [this] { log.add("older"); }));
    ASSERT_EQ(0, devm_add_action(dev, [this, dev] {
                  for (int i = 0; i != 3; ++i)
                      put_device(get_device(dev));
                  log.add("newer");
              }));
    put_device(dev);
    EXPECT_EQ((events{"newer", "older", "release"}), log.take());
}

TEST_F(LastPutTest, GetAndPutOnAnotherThreadThatTheLastPutWaitsForDoNotEndItTwice) // D1, C15
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    static doorway* ending;
    static doorway* claimed;
    static device* owner;
    doorway ending_here;
    doorway claimed_here;
    ending = &ending_here;
    claimed = &claimed_here;
    owner = dev;
    constexpr auto pairs = +[](void*) {
        claimed->open();
        ending->pass();
        put_device(get_device(owner));
    };
    ASSERT_EQ(0, devm_add_action(dev, [&] { ending_here.open(); }));
    ASSERT_EQ(0, devm_add_action(dev, pairs, nullptr));
    std::thread claimer([&] { EXPECT_EQ(0, devm_release_action(dev, pairs, nullptr)); });
    claimed_here.pass();
    put_device(dev);
    EXPECT_EQ((events{"release"}), log.take());
    claimer.join();
}

TEST_F(LastPutTest, BindUnbindAndDeleteInsideAReleaseCallbackGiveEDEADLK) // D1
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    using call = int (*)(device*);
    static constexpr std::array<call, 4> calls = {
        [](device* d) { return device_driver_attach(&scripted_device::driver, d); },
        [](device* d) { return device_release_driver(d); },
        [](device* d) { return device_del(d); },
        [](device* d) { return device_unregister(d); },
    };
    ASSERT_EQ(0, devm_add_action(dev, [this, dev] {
                  for (const call c : calls) {
                      EXPECT_EQ(-EDEADLK, c(dev));
                      const std::string message = warns.take_one();
                      EXPECT_NE(std::string::npos, message.find("dev0")) << message;
                  }
              }));
    put_device(dev);
    EXPECT_EQ((events{"release"}), log.take());
}

TEST_F(LastPutTest, RegisteringItInsideAReleaseCallbackGivesENODEVAndItsParentForgetsIt) // D1, D7
{
    heap_device* hub = heap_device::make("hub");
    heap_device* port = heap_device::make("port", hub);
    ASSERT_EQ(0, device_del(port));
    port->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, devm_add_action(port, [this, port] {
                  EXPECT_EQ(-ENODEV, device_add(port));
                  EXPECT_EQ(-ENODEV, device_register(port));
                  log.add("action");
              }));
    put_device(port);
    EXPECT_EQ((events{"action", "release"}), log.take());
    EXPECT_EQ(0, device_unregister_tree(hub)); // would find a child that is gone
}

// What a callback waits for is refused as well, or the last put would wait for itself.
TEST_F(LastPutTest, DeleteOnAnotherThreadThatAReleaseCallbackWaitsForGivesEDEADLK) // D1
{
    heap_device* dev = heap_device::make();
    ASSERT_EQ(0, devm_add_action(dev, [dev] {
                  std::thread([dev] { EXPECT_EQ(-EDEADLK, device_del(dev)); }).join(); // or never
              }));
    put_device(dev);
    EXPECT_EQ(1u, warns.take().size());
}

TEST_F(LastPutTest, ParentIsPutAfterTheChildsRelease) // D1
{
    heap_device* parent = heap_device::make("parent");
    parent->on_release = [this] { log.add("parent"); };
    heap_device* child = heap_device::make("child", parent);
    child->on_release = [this] { log.add("child"); };
    put_device(parent);
    put_device(child);
    EXPECT_EQ((events{"child", "parent"}), log.take());
}

TEST_F(LastPutTest, DeletingAnUnregisteredStackDeviceOnceMoreReleasesNothingTwice) // D1, D5
{
    scripted_device dev;
    dev.on_release = [this] { log.add("release"); };
    EXPECT_EQ(0, device_unregister(&dev));
    EXPECT_EQ((events{"release"}), log.take());
    EXPECT_EQ(0, device_del(&dev));
    EXPECT_EQ(0, device_add(&dev));
    EXPECT_EQ(-ENODEV, dev.bind());
    EXPECT_EQ(events{}, log.take());
}

TEST(LastPutDeathTest, ReferenceStillHeldAfterTheLastPutAborts) // D1
{
    EXPECT_DEATH(
        {
            heap_device* dev = heap_device::make("greedy");
            (void)devm_add_action(dev, [dev] { get_device(dev); });
            put_device(dev);
        },
        "BUG: put_device: device \"greedy\": a reference is still held");
}

TEST(LastPutDeathTest, PutWithoutAGetInsideTheLastPutAborts) // D1
{
    EXPECT_DEATH(
        {
            heap_device* dev = heap_device::make("careless");
            (void)devm_add_action(dev, [dev] { put_device(dev); });
            put_device(dev);
        },
        "BUG: put_device: device \"careless\": put more often than got");
}

} // namespace
} // namespace devres::test
