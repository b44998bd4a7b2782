// SPDX-License-Identifier: MIT
//
// Nothing is left behind: what a life of an owner, a bind, a container, a file or a registration allocated is
// freed when it is over, counted by malloc itself. M2, V8, X1, C14.
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

#include "device/scripted_device.h"
#include "support/malloc_faults.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

constexpr drm_driver plain{.name = "flat", .unmap = [](drm_device*, drm_file*) {}};

struct bulk {
    explicit bulk(int v = 0) : value(v) {}
    int value;
    std::array<char, 300> room{};
};
using pointer = devres_ptr<bulk>;

// Runs `round` until what it needs once (records of threads, streams) is there, and then again, flat.
template <class Round>
void expect_flat(Round round)
{
    for (int i = 0; i != 3; ++i)
        round();
    const long before = mallocs::live_blocks();
    for (int i = 0; i != 5; ++i)
        round();
    EXPECT_EQ(before, mallocs::live_blocks());
}

TEST(FlatTest, DevicesAndBindings) // D1, D3
{
    expect_flat([] {
        device* parent = device_create("parent");
        auto* dev = heap_device::make("child", parent);
        EXPECT_EQ(0, dev->bind([](const bound_device& b) { return devm_kmalloc(b, 5000) ? 0 : -ENOMEM; }));
        EXPECT_EQ(0, dev->unbind());
        EXPECT_EQ(-EIO, dev->bind([](const bound_device&) { return -EIO; }));
        device_unregister(dev);
        device_unregister(parent);
    });
}

TEST(FlatTest, ResourcesInTwoSteps) // C4, C7, C8
{
    struct owner {
        devres_head devres;
    };
    constexpr auto release = +[](devres_head*, void*) {};
    expect_flat([&] {
        owner o;
        devres_free(devres_alloc(release, 100));
        void* there = devres_alloc(release, 100);
        devres_add(&o.devres, there);
        EXPECT_EQ(there, devres_get(&o.devres, devres_alloc(release, 100)));
        EXPECT_EQ(0, devres_destroy(&o.devres, release));
        devres_add(&o.devres, devres_alloc(release, 100));
        EXPECT_EQ(0, devres_release(&o.devres, release));
        void* group = devres_open_group(&o.devres, nullptr);
        devres_close_group(&o.devres, group);
        devres_remove_group(&o.devres, group);
        devres_add(&o.devres, devres_alloc(release, 100));
        devres_drain(&o.devres);
    });
}

TEST(FlatTest, StringsOfAnyLength) // A7
{
    expect_flat([] {
        struct {
            devres_head devres;
        } owner;
        for (const int length : {5, 500})
            EXPECT_TRUE(managed::kasprintf(&owner, "%*d", length, 7));
        devres_drain(&owner.devres);
    });
}

TEST(FlatTest, AFailedDeadlockCheckKeepsNoBinding) // D3 (0)
{
    warn_capture warns;
    expect_flat([&] {
        scripted_device dev;
        pointer p;
        EXPECT_EQ(0, dev.bind([&](const bound_device& b) { return pointer::create(b, &p); }));
        {
            const auto guard = p.try_access();
            EXPECT_EQ(-EDEADLK, dev.unbind());
            EXPECT_EQ(-EBUSY, dev.bind());
        }
        EXPECT_EQ(0, dev.unbind());
        EXPECT_EQ(1u, warns.take().size());
    });
}

TEST(FlatTest, ContainersEndedInEveryWay) // V1, V8
{
    expect_flat([] {
        std::array<pointer, 7> p;
        pointer copy;
        {
            scripted_device dev;
            EXPECT_EQ(0, dev.bind([&](const bound_device& b) {
                for (pointer& each : p)
                    EXPECT_EQ(0, pointer::create(b, &each));
                return 0;
            }));
            copy = p[0];
            EXPECT_TRUE(p[1].revoke());
            EXPECT_TRUE(p[2].revoke(nowait));
            p[3].reset();
            { // a drop under a reader: unbind has it
                doorway inside;
                doorway leave;
                std::thread reader([&, reader_copy = p[4]]() mutable {
                    auto guard = reader_copy.try_access();
                    reader_copy.reset();
                    inside.open();
                    leave.pass();
                });
                inside.pass();
                p[4].reset();
                leave.open();
                reader.join();
            }
            const auto guard = p[5].try_access();
            EXPECT_FALSE(p[5].revoke(nowait));
        }
        p[0].reset();
        EXPECT_TRUE(copy.is_revoked());
    });
}

// The last handle is dropped by a sibling's release, so that the binding has to keep the container to its
// end.
TEST(FlatTest, ContainersDroppedWhileUnbindReleases) // V8, C11
{
    struct holder {
        pointer older;
    };
    expect_flat([] {
        scripted_device dev;
        EXPECT_EQ(0, dev.bind([&](const bound_device& b) {
            for (int i = 0; i != 3; ++i) {
                pointer p;
                EXPECT_EQ(0, pointer::create(b, &p));
                EXPECT_TRUE(devm_new<holder>(b, std::move(p)));
            }
            return 0;
        }));
        EXPECT_EQ(0, dev.unbind());
    });
}

TEST(FlatTest, ACreateThatComesAfterTheCloseLeavesNothing) // V4
{
    expect_flat([] {
        scripted_device dev;
        int err = 0;
        EXPECT_EQ(0, dev.bind([&](const bound_device& b) {
            return devm_add_action(
                b,
                +[](const bound_device& bound, int* result) {
                    pointer late;
                    *result = pointer::create(bound, &late);
                },
                &err);
        }));
        EXPECT_EQ(0, dev.unbind());
        EXPECT_EQ(-ENODEV, err);
    });
}

TEST(FlatTest, DrmDevicesFilesAndRegistrations) // M2, M7, X1, X2
{
    expect_flat([] {
        scripted_device dev;
        std::array<drm_file*, 3> files{};
        drm_registration own;
        EXPECT_EQ(0, dev.bind([&](const bound_device& b) {
            auto* drm = devm_drm_dev_alloc<drm_device>(b, &plain);
            EXPECT_TRUE(drmm_kzalloc(drm, 3000));
            EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
            EXPECT_EQ(-EBUSY, drm_registration::create_owned_by_device(b, drm));
            for (drm_file*& file : files)
                EXPECT_EQ(0, drm_open(drm, &file));
            drm_device* second = drm_dev_alloc(&plain, b);
            EXPECT_EQ(0, drm_registration::create(second, &own));
            drm_dev_put(second);
            return 0;
        }));
        drm_close(files[1]);
        EXPECT_EQ(0, dev.unbind());
        drm_file* refused = nullptr;
        EXPECT_EQ(-ENODEV, drm_open(files[0]->drm, &refused));
        drm_close(files[0]);
        drm_close(files[2]);
    });
}

// So many that the table of a binding's members grows, and shrinks again member by member.
TEST(FlatTest, ManyOwnedRegistrations) // D3 (2), X2
{
    expect_flat([] {
        scripted_device dev;
        EXPECT_EQ(0, dev.bind([](const bound_device& b) {
            for (int i = 0; i != 40; ++i) {
                auto* drm = devm_drm_dev_alloc<drm_device>(b, &plain);
                EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
            }
            return 0;
        }));
        EXPECT_EQ(0, dev.unbind());
    });
}

// Without memory for a larger table of members it is only slower.
TEST(FlatTest, OwnedRegistrationsBeyondTheFirstTableWithoutMemoryForALargerOne) // D3 (2), X2
{
    expect_flat([] {
        scripted_device dev;
        std::array<drm_device*, 12> drms{};
        EXPECT_EQ(0, dev.bind([&](const bound_device& b) {
            for (drm_device*& drm : drms) {
                drm = devm_drm_dev_alloc<drm_device>(b, &plain);
                mallocs::fail_from(1); // the registration itself still gets its memory
                EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
                mallocs::fail_no_more();
            }
            for (drm_device* drm : drms)
                drm_dev_get(drm);
            return 0;
        }));
        EXPECT_EQ(0, dev.unbind());
        for (drm_device* drm : drms) {
            EXPECT_TRUE(drm_dev_is_unplugged(drm));
            drm_dev_put(drm);
        }
    });
}

} // namespace
} // namespace devres::test
