// SPDX-License-Identifier: MIT
//
// Order and borders at the end of a drm_device, and what conditions may rely on.
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <new>
#include <thread>

#include <gtest/gtest.h>

#include <devres/drm_managed.h>

#include "drm/clients.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

constexpr drm_driver plain_driver{.name = "surface"};

struct ended_parent : device {
    explicit ended_parent(event_log* l)
        : device("parent", nullptr,
                 [](device* dev) {
                     event_log* told = static_cast<ended_parent*>(dev)->log;
                     delete static_cast<ended_parent*>(dev);
                     told->add("parent");
                 }),
          log(l)
    {
        device_add(this);
    }
    event_log* log;
};

TEST(DrmSurfaceTest, TheParentGoesAfterTheMemoryOfItsDrmDevice) // M1, M2
{
    event_log log;
    auto* parent = new ended_parent(&log);
    auto* drm = devm_drm_dev_alloc<logged_drm>(parent, &plain_driver, &log);
    drm_dev_get(drm);
    device_unregister(parent);
    EXPECT_EQ(events{}, log.take()) << "the drm_device keeps its parent";
    drm_dev_put(drm);
    EXPECT_EQ((events{"~T", "parent"}), log.take());
}

TEST(DrmSurfaceTest, ADrmDeviceOfTheCallersHasNoParentAfterItsLastPut) // M2, M3
{
    event_log log;
    auto* parent = new ended_parent(&log);
    drm_device drm;
    ASSERT_EQ(0, drm_dev_init(&drm, &plain_driver, parent));
    device_unregister(parent);
    drm_dev_put(&drm);
    EXPECT_EQ(events{"parent"}, log.take());
    EXPECT_EQ(nullptr, drm.dev) << "and messages do not ask it for its name";
}

TEST(DrmSurfaceTest, ADrmDeviceOfTheCallersMayBeginAnotherLife) // M3
{
    device* parent = device_create("parent");
    drm_device drm;
    for (int life = 0; life != 2; ++life) {
        ASSERT_EQ(0, drm_dev_init(&drm, &plain_driver, parent));
        EXPECT_EQ(parent, drm.dev);
        drm_dev_put(&drm);
    }
    put_device(parent);
}

TEST(DrmSurfaceTest, FinalKfreeMeasuresToTheLastByte) // M3
{
    warn_capture warns;
    struct container {
        char before[32];
        alignas(drm_device) std::byte drm[sizeof(drm_device)];
        char after[32];
    };
    device* parent = device_create("parent");
    auto* memory = new container;
    auto* drm = new (memory->drm) drm_device;
    ASSERT_EQ(0, drm_dev_init(drm, &plain_driver, parent));
    const auto offset = offsetof(container, drm);
    constexpr auto free = [](void* p) {
        auto* whole = static_cast<container*>(p);
        std::destroy_at(reinterpret_cast<drm_device*>(whole->drm)); // SAFETY: made there above
        delete whole;
    };
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, memory, sizeof(drm_device) - 1, free));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, memory, offset + sizeof(drm_device) - 1, free));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, memory, 0, free));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, nullptr, sizeof(container), free));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, memory, sizeof(container), nullptr));
    EXPECT_EQ(5u, warns.take().size());
    EXPECT_EQ(0, drmm_add_final_kfree(drm, memory, offset + sizeof(drm_device), free));
    drm_dev_put(drm);
    device_unregister(parent);
}

// The conditions of one drm_device are asked one after the other.
TEST(DrmSurfaceTest, ConditionsOfOneDeviceExcludeEachOther) // M5
{
    device* parent = device_create("parent");
    drm_device* drm = drm_dev_alloc(&plain_driver, parent);
    doorway in_condition;
    doorway leave;
    std::atomic<int> inside{0};
    std::atomic<bool> collided{false};
    std::atomic<bool> second_asks{false};
    std::thread first([&] {
        EXPECT_EQ(0, drm_wait_event(drm, [&] {
                      ++inside;
                      in_condition.open();
                      leave.pass();
                      --inside;
                      return true;
                  }));
    });
    in_condition.pass();
    std::thread second([&] {
        second_asks = true;
        EXPECT_EQ(0, drm_wait_event(drm, [&] {
                      collided = inside != 0;
                      return true;
                  }));
    });
    await_sleepers(1); // the second, at the lock that the first holds
    leave.open();
    first.join();
    second.join();
    EXPECT_TRUE(second_asks);
    EXPECT_FALSE(collided);
    drm_dev_put(drm);
    device_unregister(parent);
}

} // namespace
} // namespace devres::test
