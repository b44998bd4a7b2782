// SPDX-License-Identifier: MIT
//
// D1: how long a device lives.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include <devres/devm.h>
#include <devres/dump.h>

#include "device/scripted_device.h"
#include "support/event_log.h"
#include "support/warn_capture.h"

// Called by the next strdup of the program: a device copies its name while it is being made.
static void (*called_by_strdup)() = nullptr;
extern "C" char* strdup(const char* s) noexcept
{
    if (void (*const call)() = std::exchange(called_by_strdup, nullptr))
        call();
    const std::size_t bytes = std::strlen(s) + 1;
    void* const copy = std::malloc(bytes);
    return copy ? static_cast<char*>(std::memcpy(copy, s, bytes)) : nullptr;
}

namespace devres::test {
namespace {

class DeviceLifeTest : public testing::Test {
protected:
    int add(device* dev, const char* name)
    {
        return devm_add_action(dev, [this, name] { log.add(name); });
    }

    event_log log;
    warn_capture warns;
};

TEST_F(DeviceLifeTest, LastPutReleasesResourcesNewestFirstThenCallsRelease) // D1, C1
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    ASSERT_EQ(0, add(dev, "first"));
    ASSERT_EQ(0, add(dev, "second"));
    EXPECT_EQ(dev, get_device(dev));
    put_device(dev);
    EXPECT_EQ(events{}, log.take());
    put_device(dev);
    EXPECT_EQ((events{"second", "first", "release"}), log.take());
}

TEST_F(DeviceLifeTest, WhatReleaseAttachesIsReportedWithoutAName) // C12, D1
{
    auto* dev = new device("short-lived", nullptr, [](device* d) {
        EXPECT_EQ(0, devm_add_action(d, [] {}));
        delete d;
    });
    put_device(dev);
    EXPECT_NE(std::string::npos, warns.take_one().find("still on a head that is being destroyed"));
}

TEST_F(DeviceLifeTest, AReleaseCallbackMayPutTheReferenceThatADestructorWouldHave) // D1
{
    {
        device dev("on the stack");
        ASSERT_EQ(0, device_register(&dev));
        ASSERT_EQ(0, devm_add_action(&dev, [&] {
                      log.add("put");
                      put_device(&dev);
                  }));
    }
    EXPECT_EQ((events{"put"}), log.take());
}

TEST_F(DeviceLifeTest, NullIsFineForGetAndPut) // D1
{
    EXPECT_EQ(nullptr, get_device(nullptr));
    put_device(nullptr);
}

TEST_F(DeviceLifeTest, CreatedDeviceIsRegisteredNamedAndFreedByTheLastPut) // D1
{
    char name[] = "usb1";
    device* dev = device_create(name);
    ASSERT_NE(nullptr, dev);
    name[0] = 'x';
    EXPECT_STREQ("usb1", dev_name(dev));
    EXPECT_STREQ("device", devres_owner_kind(&dev->devres));
    EXPECT_STREQ("usb1", devres_owner_name(&dev->devres));
    static constexpr device_driver driver{"bound at once", [](const bound_device&) { return 0; }, nullptr};
    EXPECT_EQ(0, device_driver_attach(&driver, dev));
    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_EQ(0, device_register(dev)); // nothing left to do
    ASSERT_EQ(0, add(dev, "action"));
    put_device(dev);
    EXPECT_EQ((events{"action"}), log.take());
}

std::string all_devices_dumped()
{
    std::string text;
    devres_dump_all([](void* to, const char* piece,
                       std::size_t bytes) { static_cast<std::string*>(to)->append(piece, bytes); },
                    &text);
    return text;
}

std::string dumped_in_the_making;

TEST_F(DeviceLifeTest, IsListedForDumpsOnceItIsWhole) // section 7
{
    dumped_in_the_making = "not called";
    called_by_strdup = [] { dumped_in_the_making = all_devices_dumped(); };
    const std::string before = all_devices_dumped();
    alignas(device) static unsigned char memory[sizeof(device)] = {};
    device* dev = ::new (static_cast<void*>(memory)) device("usb1");
    EXPECT_EQ(before, dumped_in_the_making);
    EXPECT_EQ(before + "device \"usb1\": 0 resources, 0 bytes\n", all_devices_dumped());
    dev->~device();
    EXPECT_EQ(before, all_devices_dumped());
}

TEST_F(DeviceLifeTest, ChildKeepsItsParentAlive) // D1
{
    heap_device* parent = heap_device::make("parent");
    parent->on_release = [this] { log.add("parent"); };
    heap_device* child = heap_device::make("child", parent);
    child->on_release = [this] { log.add("child"); };
    put_device(parent);
    EXPECT_EQ(events{}, log.take());
    put_device(child);
    const events seen = log.take();
    ASSERT_EQ(2u, seen.size());
    EXPECT_NE(seen.end(), std::find(seen.begin(), seen.end(), "parent"));
}

TEST_F(DeviceLifeTest, CreatedChildKeepsItsParentAlive) // D1
{
    heap_device* parent = heap_device::make("parent");
    parent->on_release = [this] { log.add("parent"); };
    device* child = device_create("child", parent);
    put_device(parent);
    EXPECT_EQ(events{}, log.take());
    put_device(child);
    EXPECT_EQ((events{"parent"}), log.take());
}

TEST_F(DeviceLifeTest, StackDeviceUnregistersInItsDestructor) // D1, D5
{
    static event_log* removed_in;
    removed_in = &log;
    static constexpr device_driver driver{"on-stack", [](const bound_device&) { return 0; },
                                          [](const bound_device&) { removed_in->add("remove"); }};
    {
        device dev("stack");
        ASSERT_EQ(0, device_register(&dev));
        ASSERT_EQ(0, add(&dev, "before bind"));
        EXPECT_EQ(-EBUSY, device_driver_attach(&driver, &dev)); // resources present
        EXPECT_EQ(1u, warns.take().size());
        devres_release_all(&dev.devres);
        log.take();
        ASSERT_EQ(0, device_driver_attach(&driver, &dev));
        ASSERT_EQ(0, add(&dev, "bound"));
    }
    EXPECT_EQ((events{"remove", "bound"}), log.take());
}

TEST_F(DeviceLifeTest, UnregisterPutsTheCreatorsReference) // D1, D5
{
    heap_device* dev = heap_device::make();
    dev->on_release = [this] { log.add("release"); };
    EXPECT_EQ(0, device_unregister(dev));
    EXPECT_EQ((events{"release"}), log.take());
}

TEST_F(DeviceLifeTest, StackChildPutsItsParentInItsDestructor) // D1
{
    heap_device* parent = heap_device::make("parent");
    parent->on_release = [this] { log.add("parent"); };
    {
        device child("child", parent);
        put_device(parent);
        EXPECT_EQ(events{}, log.take());
    }
    EXPECT_EQ((events{"parent"}), log.take());
}

TEST_F(DeviceLifeTest, StackDeviceThatWasUnregisteredIsNotPutTwice) // D1, D5
{
    {
        device dev("stack");
        ASSERT_EQ(0, device_register(&dev));
        ASSERT_EQ(0, add(&dev, "action"));
        EXPECT_EQ(0, device_unregister(&dev)); // puts the creator's reference
        EXPECT_EQ((events{"action"}), log.take());
    }
    {
        device never_registered("stack");
        ASSERT_EQ(0, add(&never_registered, "action"));
    }
    EXPECT_EQ((events{"action"}), log.take());
}

TEST_F(DeviceLifeTest, DriverDataAndDriverFollowTheBind) // D3 (4)
{
    scripted_device dev;
    int data = 0;
    EXPECT_EQ(nullptr, dev_driver(&dev));
    EXPECT_EQ(nullptr, dev_get_drvdata(&dev));
    ASSERT_EQ(0, dev.bind([&](const bound_device& bound) {
        dev_set_drvdata(bound, &data);
        EXPECT_EQ(&scripted_device::driver, dev_driver(bound));
        return 0;
    }));
    EXPECT_EQ(&data, dev_get_drvdata(&dev));
    EXPECT_EQ(&scripted_device::driver, dev_driver(&dev));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(nullptr, dev_get_drvdata(&dev));
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

TEST(DeviceLifeDeathTest, DestroyingDeviceThatOthersHoldAborts) // D1
{
    EXPECT_DEATH(
        {
            device dev("stack");
            get_device(&dev);
        },
        "stack");
}

TEST(DeviceLifeDeathTest, DestroyingDeviceThatOthersHoldAbortsAlsoAfterTheLastPut) // D1
{
    EXPECT_DEATH(
        {
            device dev("stack");
            put_device(&dev);
            get_device(&dev);
        },
        "stack");
}

TEST(DeviceLifeDeathTest, DestroyingParentOfLivingChildAborts) // D1
{
    EXPECT_DEATH(
        {
            device* child = nullptr;
            {
                device parent("parent");
                child = device_create("child", &parent);
            }
            put_device(child);
        },
        "parent");
}

} // namespace
} // namespace devres::test
