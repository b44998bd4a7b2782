// SPDX-License-Identifier: MIT
//
// What every function of a device says of null and of the unusual.
#include <atomic>
#include <cerrno>
#include <thread>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>

#include "device/scripted_device.h"
#include "support/threads.h"
#include "support/warn_capture.h"

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

TEST(DeviceSurfaceTest, ABindWaitsForTheOneUnderWay) // D6
{
    scripted_device dev;
    doorway probing;
    doorway go_on;
    std::atomic<bool> done{false};
    std::thread first([&] {
        EXPECT_EQ(0, dev.bind([&](const bound_device&) {
            probing.open();
            go_on.pass();
            done = true;
            return 0;
        }));
    });
    probing.pass();
    std::thread second([&] {
        const int err = dev.bind();
        EXPECT_TRUE(done) << "it did not wait";
        EXPECT_TRUE(err == -EBUSY || err == 0) << err; // the unbind may have been faster
    });
    std::thread third([&] {
        EXPECT_EQ(0, device_release_driver(&dev));
        EXPECT_TRUE(done) << "it did not wait";
    });
    await_sleepers(2);
    go_on.open();
    first.join();
    second.join();
    third.join();
}

// The unbind waits for this thread's guard: to wait for the unbind would be for ever.
TEST(DeviceSurfaceTest, NobodyInsideAGuardWaitsForTheUnbindThatWaitsForTheGuard) // D3 (0), D6, V5
{
    warn_capture warns;
    scripted_device dev;
    devres_ptr<int> p;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &p, 7); }));
    std::thread unbinder;
    {
        const auto guard = p.try_access();
        unbinder = std::thread([&] { EXPECT_EQ(0, dev.unbind()); });
        while (!p.is_revoked())
            std::this_thread::yield();
        EXPECT_EQ(-EBUSY, device_driver_attach(&scripted_base::driver, &dev));
        EXPECT_EQ(-EDEADLK, device_release_driver(&dev));
        EXPECT_EQ(-EDEADLK, device_unregister_tree(&dev));
    }
    unbinder.join();
    EXPECT_EQ(2u, warns.take().size());
}

} // namespace
} // namespace devres::test
