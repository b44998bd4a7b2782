// SPDX-License-Identifier: MIT
//
// What every function of a device says of null and of the unusual.
#include <cerrno>

#include <gtest/gtest.h>

#include <devres/device.h>

#include "device/scripted_device.h"

namespace devres::test {
namespace {

TEST(DeviceSurfaceTest, NullIsRefusedOrIgnored) // D1
{
    device* const none = nullptr;
    EXPECT_EQ(-EINVAL, device_add(none));
    EXPECT_EQ(-EINVAL, device_register(none));
    EXPECT_EQ(-EINVAL, device_del(none));
    EXPECT_EQ(-EINVAL, device_unregister(none));
    EXPECT_EQ(-EINVAL, device_release_driver(none));
    EXPECT_EQ(-EINVAL, device_driver_attach(&scripted_base::driver, none));
    EXPECT_EQ(nullptr, get_device(none));
    put_device(none);
    scripted_device dev;
    EXPECT_EQ(-EINVAL, device_driver_attach(nullptr, &dev));
}

TEST(DeviceSurfaceTest, ADeviceWithoutANameIsCalledUnnamed)
{
    device dev(nullptr);
    EXPECT_STREQ("(unnamed)", dev_name(&dev));
    EXPECT_STREQ("(unnamed)", devres_owner_name(&dev.devres));
    EXPECT_STREQ("device", devres_owner_kind(&dev.devres));
}

TEST(DeviceSurfaceTest, ProbeAndRemoveMayBeMissing) // D2, D3
{
    static constexpr device_driver bare{"bare", nullptr, nullptr};
    device* dev = device_create("dev0");
    EXPECT_EQ(0, device_driver_attach(&bare, dev));
    EXPECT_EQ(&bare, dev_driver(dev));
    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_EQ(nullptr, dev_driver(dev));
    device_unregister(dev);
}

} // namespace
} // namespace devres::test
