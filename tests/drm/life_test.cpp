// SPDX-License-Identifier: MIT
//
// M1 to M4: how a drm_device is made, what it keeps alive, and in which order it ends.
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/dump.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/event_log.h"
#include "support/upstream.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class DrmLifeTest : public testing::Test {
protected:
    int add(drm_device* drm, const char* name)
    {
        return drmm_add_action(drm, [this, name] { log.add(name); });
    }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
};

TEST_F(DrmLifeTest, LastPutReleasesDriverResourcesObjectMemoryAndParentInThisOrder) // M1, M2
{
    heap_device* hardware = heap_device::make("hardware");
    hardware->on_release = [this] { log.add("parent"); };
    driver.on.release = [this](drm_device* drm) {
        log.add("driver");
        EXPECT_STREQ("hardware", dev_name(drm->dev)) << "the parent is there to the very end";
    };
    logged_drm* drm = nullptr;
    ASSERT_EQ(0, hardware->bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        EXPECT_NE(nullptr, drm);
        return 0;
    }));
    ASSERT_EQ(0, add(drm, "first"));
    ASSERT_EQ(0, add(drm, "second"));
    EXPECT_EQ(drm, drm_dev_get(drm));
    EXPECT_EQ(0, hardware->unbind());
    put_device(hardware);
    EXPECT_EQ(events{}, log.take()) << "one reference is left, and with it the parent";
    drm_dev_put(drm);
    EXPECT_EQ((events{"driver", "second", "first", "~T", "parent"}), log.take());
}

TEST_F(DrmLifeTest, NullIsFineForGetPutAndClose) // M1
{
    EXPECT_EQ(nullptr, drm_dev_get(nullptr));
    drm_dev_put(nullptr);
    drm_close(nullptr);
}

TEST_F(DrmLifeTest, AllocWithoutDevmBelongsToTheCaller) // M4
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    ASSERT_NE(nullptr, drm);
    EXPECT_EQ(&parent, drm->dev);
    EXPECT_EQ(&driver, drm->driver);
    EXPECT_STREQ("drm_device", devres_owner_kind(&drm->devres));
    EXPECT_STREQ("dev0", devres_owner_name(&drm->devres));
    ASSERT_EQ(0, add(drm, "action"));
    EXPECT_EQ(0, devres_release_all(&parent.devres)) << "nothing on the parent";
    drm_dev_put(drm);
    EXPECT_EQ((events{"action"}), log.take());
    EXPECT_EQ(nullptr, drm_dev_alloc(nullptr, &parent));
    EXPECT_EQ(nullptr, drm_dev_alloc(&driver, nullptr));
}

struct regs {
    int word = 5;
};
struct my_gpu : drm_device {
    int x;
    devres_ptr<regs> bar;
};
struct counted_gpu : drm_device {
    explicit counted_gpu(int* alive) : alive_(alive) { ++*alive_; }
    ~counted_gpu() { --*alive_; }
    int* alive_;
};

TEST_F(DrmLifeTest, DevmAllocMakesAnAggregateFromItsMembers) // M4, A8
{
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        devres_ptr<regs> bar;
        EXPECT_EQ(0, devres_ptr<regs>::create(b, &bar));
        my_gpu* gpu = devm_drm_dev_alloc<my_gpu>(b, &driver, 42, bar);
        EXPECT_NE(nullptr, gpu);
        EXPECT_EQ(42, gpu->x);
        EXPECT_EQ(5, gpu->bar.try_access()->word);
        my_gpu* plain = devm_drm_dev_alloc<my_gpu>(b, &driver);
        EXPECT_EQ(0, plain->x);
        EXPECT_FALSE(plain->bar);
        return 0;
    }));
    EXPECT_EQ(0, parent.unbind());
}

TEST_F(DrmLifeTest, DevmAllocWithAnUnusableArgumentGivesNullAndUnwinds) // M4
{
    int alive = 0;
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<counted_gpu>(&parent, nullptr, &alive));
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<counted_gpu>(nullptr, &driver, &alive));
    EXPECT_EQ(0, alive);
    EXPECT_EQ(0, devres_release_all(&parent.devres));
}

TEST_F(DrmLifeTest, DevmAllocWithoutMemoryForTheParentsActionUnwindsEverything) // M4
{
    test_upstream upstream;
    device poor("poor", nullptr, nullptr, &upstream);
    upstream.fail_from(0);
    int alive = 0;
    driver.on.release = [this](drm_device*) { log.add("driver"); };
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<counted_gpu>(&poor, &driver, &alive));
    EXPECT_EQ(0, alive);
    EXPECT_EQ((events{"driver"}), log.take());
    upstream.fail_no_more();
    counted_gpu* gpu = devm_drm_dev_alloc<counted_gpu>(&poor, &driver, &alive);
    ASSERT_NE(nullptr, gpu);
    EXPECT_EQ(1, alive);
    devres_release_all(&poor.devres);
    EXPECT_EQ(0, alive);
}

TEST_F(DrmLifeTest, DestructorCannotRegisterOrOpen) // M2
{
    static int loads;
    loads = 0;
    driver.on.load = [](drm_device*, unsigned long) {
        ++loads;
        return 0;
    };
    struct tries : drm_device {
        ~tries()
        {
            drm_file* file = nullptr;
            EXPECT_EQ(-ENODEV, drm_open(this, &file));
            EXPECT_EQ(-ENODEV, drm_dev_register(this));
        }
    };
    for (const bool visible : {false, true}) {
        auto* gpu = devm_drm_dev_alloc<tries>(&parent, &driver);
        ASSERT_NE(nullptr, gpu);
        if (visible) {
            EXPECT_EQ(0, drm_dev_register(gpu));
        }
        devres_release_all(&parent.devres);
    }
    EXPECT_EQ(1, loads);
}

// Its destructor may do what is fine at the end of one that was made.
TEST_F(DrmLifeTest, DevmAllocWithANullArgumentMakesNoObject) // M4
{
    struct unplugs : counted_gpu {
        using counted_gpu::counted_gpu;
        ~unplugs() { drm_dev_unplug(this); }
    };
    int alive = 0;
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<unplugs>(nullptr, &driver, &alive));
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<unplugs>(&parent, nullptr, &alive));
    EXPECT_NE(nullptr, devm_drm_dev_alloc<unplugs>(&parent, &driver, &alive));
    EXPECT_EQ(1, alive);
    devres_release_all(&parent.devres);
    EXPECT_EQ(0, alive);
}

#if defined(__cpp_exceptions)
TEST_F(DrmLifeTest, WhatAThrowingConstructorAttachedIsReleased) // M4, C12
{
    struct thrower : drm_device {
        explicit thrower(event_log* log)
        {
            EXPECT_EQ(0, drmm_add_action(this, [log] { log->add("action"); }));
            throw 42;
        }
    };
    EXPECT_THROW((void)devm_drm_dev_alloc<thrower>(&parent, &driver, &log), int);
    EXPECT_EQ((events{"action"}), log.take()); // and no WARN
    EXPECT_EQ(0, devres_release_all(&parent.devres));
}

TEST_F(DrmLifeTest, ThrowingConstructorLeavesNothingBehind) // M4
{
    struct thrower : drm_device {
        thrower() { throw 42; }
    };
    EXPECT_THROW((void)devm_drm_dev_alloc<thrower>(&parent, &driver), int);
    EXPECT_EQ(0, devres_release_all(&parent.devres));
}
#endif

TEST_F(DrmLifeTest, SubclassActionsGetTheSubclass) // A1, M2
{
    static int seen;
    seen = 0;
    my_gpu* gpu = devm_drm_dev_alloc<my_gpu>(&parent, &driver, 42);
    ASSERT_NE(nullptr, gpu);
    ASSERT_EQ(0, drmm_add_action(
                     gpu, +[](my_gpu* g, int* data) { seen = g->x + *data; }, &seen));
    devres_release_all(&parent.devres);
    EXPECT_EQ(42, seen);
}

TEST_F(DrmLifeTest, WhatADrmmActionAttachesIsReleasedByTheSameLastPut) // C12; Linux's drmm leaks it
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    ASSERT_NE(nullptr, drm);
    ASSERT_EQ(0, add(drm, "oldest"));
    ASSERT_EQ(0, drmm_add_action(drm, [this, drm] {
                  log.add("adds");
                  EXPECT_EQ(0, add(drm, "added"));
              }));
    driver.on.release = [this](drm_device* d) { EXPECT_EQ(0, add(d, "from release")); };
    drm_dev_put(drm);
    EXPECT_EQ((events{"from release", "adds", "oldest", "added"}), log.take());
}

// --- Memory of the owner's own (M3) -----------------------------------------------------------------------

struct own_gpu {
    int before = 0;
    drm_device drm;
    int after = 0;
};

TEST_F(DrmLifeTest, FinalKfreeFreesTheContainerLast) // M2, M3
{
    static event_log* freed_in;
    freed_in = &log;
    void* memory = std::malloc(sizeof(own_gpu));
    auto* gpu = ::new (memory) own_gpu;
    ASSERT_EQ(0, drm_dev_init(&gpu->drm, &driver, &parent));
    ASSERT_EQ(0, drmm_add_final_kfree(&gpu->drm, gpu, sizeof *gpu, [](void* p) {
                  freed_in->add("free");
                  std::free(p);
              }));
    ASSERT_EQ(0, add(&gpu->drm, "action"));
    driver.on.release = [this](drm_device*) { log.add("driver"); };
    drm_dev_put(&gpu->drm);
    EXPECT_EQ((events{"driver", "action", "free"}), log.take());
}

TEST_F(DrmLifeTest, FinalKfreeRefusesASecondOneAndAContainerThatIsNotAround) // M3
{
    own_gpu gpu;
    own_gpu elsewhere;
    static int freed;
    freed = 0;
    constexpr auto count = +[](void*) { ++freed; };
    ASSERT_EQ(0, drm_dev_init(&gpu.drm, &driver, &parent));
    drm_device* drm = &gpu.drm;
    const auto to_end =
        static_cast<std::size_t>(reinterpret_cast<char*>(drm + 1) - reinterpret_cast<char*>(&gpu));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, &elsewhere, sizeof elsewhere, count));
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, &gpu, sizeof(int), count)) << "ends before";
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, &gpu, to_end - 1, count)) << "ends inside";
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, reinterpret_cast<char*>(drm) + 1, sizeof gpu, count))
        << "starts inside";
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, drm + 2, ~std::size_t{0}, count)) << "starts behind";
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(0, drmm_add_final_kfree(drm, &gpu, sizeof gpu, count));
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, &gpu, sizeof gpu, count)) << "set already";
    EXPECT_EQ(1u, warns.take().size());
    drm_dev_put(drm);
    EXPECT_EQ(1, freed);
    ASSERT_EQ(0, drm_dev_init(drm, &driver, &parent)); // the same memory once more
    drm_dev_put(drm);
    EXPECT_EQ(1, freed) << "by what was said of its former life";
}

TEST_F(DrmLifeTest, FinalKfreeRefusesADeviceTheLibraryAllocated) // M3
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    EXPECT_EQ(-EINVAL, drmm_add_final_kfree(drm, drm, sizeof *drm, [](void*) { ADD_FAILURE(); }));
    EXPECT_EQ(1u, warns.take().size());
    drm_dev_put(drm);
}

TEST_F(DrmLifeTest, InitRefusesNullAndADeviceInUse) // M3
{
    drm_device drm;
    EXPECT_EQ(-EINVAL, drm_dev_init(nullptr, &driver, &parent));
    EXPECT_EQ(-EINVAL, drm_dev_init(&drm, nullptr, &parent));
    EXPECT_EQ(-EINVAL, drm_dev_init(&drm, &driver, nullptr));
    ASSERT_EQ(0, drm_dev_init(&drm, &driver, &parent));
    EXPECT_EQ(-EINVAL, drm_dev_init(&drm, &driver, &parent));
    EXPECT_EQ(1u, warns.take().size());
    drm_dev_put(&drm);
}

TEST_F(DrmLifeTest, CallbackMayDropTheLastReference) // C14
{
    logged_drm* drm = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log);
    ASSERT_NE(nullptr, drm);
    ASSERT_EQ(0, add(drm, "older"));
    drm_dev_get(drm);
    devres_release_all(&parent.devres); // the parent's reference
    drm_device* raw = drm;
    ASSERT_EQ(0, drmm_add_action(raw, &drm_dev_put, raw));
    EXPECT_EQ(0, drmm_release_action(raw, &drm_dev_put, raw));
    EXPECT_EQ((events{"older", "~T"}), log.take());
}

TEST_F(DrmLifeTest, IsListedForDumpsWhileItHasItsParent) // section 7, M3
{
    const auto dumped = [] {
        std::string text;
        devres_dump_all([](void* to, const char* piece,
                           std::size_t bytes) { static_cast<std::string*>(to)->append(piece, bytes); },
                        &text);
        return text;
    };
    const auto has_drm_device = [&] { return dumped().find("drm_device") != std::string::npos; };
    drm_device drm;
    for (int times = 0; times < 2; ++times) {
        heap_device* hardware = heap_device::make("hardware");
        hardware->on_release = [&] { log.add(has_drm_device() ? "parent, listed" : "parent"); };
        EXPECT_FALSE(has_drm_device());
        ASSERT_EQ(0, drm_dev_init(&drm, &driver, hardware));
        put_device(hardware);
        EXPECT_NE(std::string::npos, dumped().find("drm_device \"hardware\": 0 resources, 0 bytes\n"));
        drm_dev_put(&drm); // and with it the parent
        EXPECT_FALSE(has_drm_device());
        EXPECT_EQ((events{"parent"}), log.take());
    }
}

struct gpu_with_throwing_new : drm_device {
    static void* operator new(std::size_t bytes)
    {
        ADD_FAILURE() << "it could only throw";
        return ::operator new(bytes);
    }
    static void operator delete(void* p)
    {
        ADD_FAILURE() << "not from its operator new";
        ::operator delete(p);
    }
};
struct gpu_from_a_pool : drm_device {
    static void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept
    {
        ++in_use;
        return std::malloc(bytes);
    }
    static void operator delete(void* p)
    {
        --in_use;
        std::free(p);
    }
    static void operator delete(void* p, const std::nothrow_t&) noexcept { operator delete(p); }
    inline static int in_use = 0;
};

TEST_F(DrmLifeTest, AnOperatorNewOfTheTypeServesIfItCanSayNull) // M4
{
    ASSERT_NE(nullptr, devm_drm_dev_alloc<gpu_with_throwing_new>(&parent, &driver));
    ASSERT_NE(nullptr, devm_drm_dev_alloc<gpu_from_a_pool>(&parent, &driver));
    EXPECT_EQ(1, gpu_from_a_pool::in_use);
    EXPECT_EQ(nullptr, devm_drm_dev_alloc<gpu_from_a_pool>(&parent, nullptr));
    EXPECT_EQ(1, gpu_from_a_pool::in_use);
    devres_release_all(&parent.devres);
    EXPECT_EQ(0, gpu_from_a_pool::in_use);
}

TEST(DrmLifeDeathTest, DestroyingADeviceInUseAborts) // M1
{
    EXPECT_DEATH(
        {
            scripted_driver driver;
            scripted_device parent;
            drm_device drm;
            (void)drm_dev_init(&drm, &driver, &parent);
        },
        "drm_device");
}

TEST(DrmLifeDeathTest, PuttingMoreOftenThanGettingAborts) // M1
{
    EXPECT_DEATH(
        {
            scripted_driver driver;
            scripted_device parent;
            drm_device drm;
            (void)drm_dev_init(&drm, &driver, &parent);
            drm_dev_put(&drm);
            drm_dev_put(&drm);
        },
        "");
}

} // namespace
} // namespace devres::test
