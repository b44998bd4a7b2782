// SPDX-License-Identifier: MIT
//
// The library's three owners for the workloads: a device, a drm_device, and a class with nothing but the
// member.
//
// Each supplies head() and the same few typed calls, so that a subject is written once for all three.
#pragma once

#include "subjects/cell.h"

#include <devres/devm.h>
#include <devres/drm_device.h>
#include <devres/drm_managed.h>
#include <devres/managed.h>

#include <cstddef>

namespace bench {

struct devm_owner {
    devres::device dev{"bench"};

    devres::devres_head* head() noexcept { return &dev.devres; }
    template <class A, class D>
    int add_action(A action, D data) noexcept
    {
        return devres::devm_add_action(&dev, action, data);
    }
    template <class A, class D>
    int remove_action(A action, D data) noexcept
    {
        return devres::devm_remove_action_nowarn(&dev, action, data);
    }
    template <class A, class D>
    void release_action(A action, D data) noexcept
    {
        devres::devm_release_action(&dev, action, data);
    }
    void* kmalloc(std::size_t size) noexcept { return devres::devm_kmalloc(&dev, size); }
    void* kzalloc(std::size_t size) noexcept { return devres::devm_kzalloc(&dev, size); }
    void* krealloc(void* p, std::size_t size) noexcept { return devres::devm_krealloc(&dev, p, size); }
    void kfree(void* p) noexcept { devres::devm_kfree(&dev, p); }
};

struct drmm_owner {
    static constexpr devres::drm_driver driver{.name = "bench"};

    devres::device parent{"bench"};
    devres::drm_device* drm = devres::drm_dev_alloc(&driver, &parent);

    drmm_owner() noexcept { require(drm != nullptr); }
    ~drmm_owner() { devres::drm_dev_put(drm); }
    drmm_owner(const drmm_owner&) = delete;
    drmm_owner& operator=(const drmm_owner&) = delete;

    devres::devres_head* head() noexcept { return &drm->devres; }
    template <class A, class D>
    int add_action(A action, D data) noexcept
    {
        return devres::drmm_add_action(drm, action, data);
    }
    template <class A, class D>
    int remove_action(A action, D data) noexcept
    {
        return devres::drmm_remove_action_nowarn(drm, action, data);
    }
    template <class A, class D>
    void release_action(A action, D data) noexcept
    {
        devres::drmm_release_action(drm, action, data);
    }
    void* kmalloc(std::size_t size) noexcept { return devres::drmm_kmalloc(drm, size); }
    void* kzalloc(std::size_t size) noexcept { return devres::drmm_kzalloc(drm, size); }
    void* krealloc(void* p, std::size_t size) noexcept { return devres::drmm_krealloc(drm, p, size); }
    void kfree(void* p) noexcept { devres::drmm_kfree(drm, p); }
};

struct managed_owner {
    struct own_class {
        devres::devres_head devres;
    };

    own_class owner;

    devres::devres_head* head() noexcept { return &owner.devres; }
    template <class A, class D>
    int add_action(A action, D data) noexcept
    {
        return devres::managed::add_action(&owner, action, data);
    }
    template <class A, class D>
    int remove_action(A action, D data) noexcept
    {
        return devres::managed::remove_action_nowarn(&owner, action, data);
    }
    template <class A, class D>
    void release_action(A action, D data) noexcept
    {
        devres::managed::release_action(&owner, action, data);
    }
    void* kmalloc(std::size_t size) noexcept { return devres::managed::kmalloc(&owner, size); }
    void* kzalloc(std::size_t size) noexcept { return devres::managed::kzalloc(&owner, size); }
    void* krealloc(void* p, std::size_t size) noexcept { return devres::managed::krealloc(&owner, p, size); }
    void kfree(void* p) noexcept { devres::managed::kfree(&owner, p); }
};

// Attach, probe and grow shapes.
template <class Owner>
struct ours : Owner {
    void attach(cell* c) noexcept { require(this->add_action(fire, c) == 0); }
    void release_all() noexcept { devres::devres_release_all(this->head()); }
    void end() noexcept { devres::devres_drain(this->head()); }

    void action(cell* c) noexcept { attach(c); }
    void* zalloc(std::size_t size) noexcept { return this->kzalloc(size); }
    void* open() noexcept { return devres::devres_open_group(this->head(), nullptr); }
    void close(void* group) noexcept { devres::devres_close_group(this->head(), group); }

    void* grow(void* p, std::size_t size) noexcept { return this->krealloc(p, size); }
};

struct devm : ours<devm_owner> {
    static constexpr const char* name = "devm";
};
struct drmm : ours<drmm_owner> {
    static constexpr const char* name = "drmm";
};
struct managed : ours<managed_owner> {
    static constexpr const char* name = "managed";
};

} // namespace bench
