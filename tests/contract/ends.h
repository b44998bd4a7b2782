// SPDX-License-Identifier: MIT
//
// The ways in which an owner's life, or one bind of it, ends; for the rules about that end.
#pragma once

#include "contract/contract.h"

namespace devres::test {

struct by_last_put : device_family {
    static constexpr const char* label = "LastPutDevice";
};

struct by_unbind : device_family {
    static constexpr const char* label = "Unbind";
    static int probe(const bound_device&) { return 0; }
    static constexpr device_driver driver{"testdrv", &probe, nullptr};

    static owner* make(std::pmr::memory_resource* upstream)
    {
        owner* dev = device_family::make(upstream);
        EXPECT_EQ(0, device_add(dev));
        EXPECT_EQ(0, device_driver_attach(&driver, dev));
        return dev;
    }
    static void end(owner* dev)
    {
        EXPECT_EQ(0, device_release_driver(dev));
        EXPECT_EQ(0u, checked_count(dev->devres)) << "unbind left something behind";
        device_unregister(dev);
    }
};

struct by_device_del : device_family {
    static constexpr const char* label = "DeviceDel";

    static owner* make(std::pmr::memory_resource* upstream)
    {
        owner* dev = device_family::make(upstream);
        EXPECT_EQ(0, device_add(dev));
        return dev;
    }
    static void end(owner* dev)
    {
        EXPECT_EQ(0, device_del(dev));
        EXPECT_EQ(0u, checked_count(dev->devres)) << "device_del left something behind";
        put_device(dev);
    }
};

struct by_last_drm_put : drm_family {
    static constexpr const char* label = "LastDrmDevPut";
};

struct by_destructor : session_family {
    static constexpr const char* label = "Destructor";
};

using ends = ::testing::Types<by_last_put, by_unbind, by_device_del, by_last_drm_put, by_destructor>;

struct end_names {
    template <class End>
    static std::string GetName(int)
    {
        return End::label;
    }
};

} // namespace devres::test
