// SPDX-License-Identifier: MIT
//
// The library's four ways to read what may be taken away.
#pragma once

#include "access/payload.h"

#include <devres/device.h>
#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/revocable.h>

namespace bench {

struct no_reader {
    template <class Subject>
    explicit no_reader(const Subject&) noexcept
    {
    }
};

struct revocable_access {
    static constexpr const char* name = "revocable";
    using reader = no_reader;

    devres::revocable<payload> object;

    template <class F>
    bool with(reader&, F f)
    {
        auto guard = object.try_access();
        if (!guard) [[unlikely]]
            return false;
        f(*guard);
        return true;
    }
    void revoke() noexcept { object.revoke(); }
};

// A device bound to a driver whose probe makes one container.
struct devres_ptr_access {
    static constexpr const char* name = "devres_ptr";
    using reader = no_reader;

    static int probe(const devres::bound_device& bound)
    {
        auto* self = static_cast<devres_ptr_access*>(devres::dev_get_drvdata(bound));
        return devres::devres_ptr<payload>::create(bound, &self->object);
    }
    static constexpr devres::device_driver driver{.name = "bench", .probe = probe, .remove = nullptr};

    devres::device* dev = devres::device_create("bench");
    devres::devres_ptr<payload> object;

    devres_ptr_access() noexcept
    {
        devres::dev_set_drvdata(dev, this);
        require(devres::device_driver_attach(&driver, dev) == 0);
    }
    ~devres_ptr_access() { devres::device_unregister(dev); }
    devres_ptr_access(const devres_ptr_access&) = delete;
    devres_ptr_access& operator=(const devres_ptr_access&) = delete;

    template <class F>
    bool with(reader&, F f)
    {
        auto guard = object.try_access();
        if (!guard) [[unlikely]]
            return false;
        f(*guard);
        return true;
    }
    void revoke() noexcept { object.revoke(); }
};

// The same object, taken away by unbinding its device.
struct unbind_access : devres_ptr_access {
    static constexpr const char* name = "devres_ptr_unbind";

    void revoke() noexcept { devres::device_release_driver(dev); }
};

struct drm_base {
    using reader = no_reader;

    static constexpr devres::drm_driver driver{.name = "bench"};

    devres::device parent{"bench"};
    devres::drm_device* drm = devres::drm_dev_alloc(&driver, &parent);
    payload object;

    drm_base() noexcept { require(drm != nullptr); }
    ~drm_base() { devres::drm_dev_put(drm); }
    drm_base(const drm_base&) = delete;
    drm_base& operator=(const drm_base&) = delete;

    void revoke() noexcept { devres::drm_dev_unplug(drm); }
};

struct drm_enter_access : drm_base {
    static constexpr const char* name = "drm_dev_enter";

    template <class F>
    bool with(reader&, F f)
    {
        int idx;
        if (!devres::drm_dev_enter(drm, &idx)) [[unlikely]]
            return false;
        f(object);
        devres::drm_dev_exit(idx);
        return true;
    }
};

struct drm_guard_access : drm_base {
    static constexpr const char* name = "drm_dev_guard";

    template <class F>
    bool with(reader&, F f)
    {
        devres::drm_dev_guard guard(drm);
        if (!guard) [[unlikely]]
            return false;
        f(object);
        return true;
    }
};

} // namespace bench
