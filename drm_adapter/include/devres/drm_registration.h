// SPDX-License-Identifier: MIT
//
// drm_registration: a drm_device is visible as long as one of these lives.
//
// After Rust-for-Linux's drm::Registration. Registers in its factory, unplugs in its destructor.
//
// Thread safety: distinct registrations any thread; the destructor may run on any thread.
#pragma once

#include <utility>

#include <devres/drm_device.h>

namespace devres {

class [[nodiscard]] drm_registration {
public:
    drm_registration() noexcept = default;
    drm_registration(drm_registration&& other) noexcept : drm_(std::exchange(other.drm_, nullptr)) {}
    drm_registration& operator=(drm_registration&& other) noexcept
    {
        drm_registration taken(std::move(other)); // it may be this one
        std::swap(drm_, taken.drm_);
        return *this;
    }
    // Unplugs and puts. From inside the device's own section it cannot be unplugged: WARN, it stays visible.
    ~drm_registration();

    // Takes a reference on `drm` and registers it. `*out` is changed only on success.
    // Returns:  0; -EINVAL if an argument is null; or the error of drm_dev_register.
    [[nodiscard]] static int create(drm_device* drm, drm_registration* out, unsigned long flags = 0) noexcept;

    // The same, owned by the parent's devres, where it is newer than what `load` attached: unplugged at
    // unbind, where its readers are waited for together with all others of the binding (D3). The release of a
    // group, or of all, from inside the drm_device's section cannot unplug it: WARN, and it goes at unbind.
    // Returns:  0; -EINVAL if `drm` is null or its parent is another device; -EDEADLK, after a WARN, from
    //           inside the drm_device's section, which an unbind would then wait for; -ENODEV if the binding
    //           is closed; -ENOMEM; or the error of drm_dev_register.
    [[nodiscard]] static int create_owned_by_device(const bound_device& dev, drm_device* drm,
                                                    unsigned long flags = 0) noexcept;

    // Null if empty or moved from.
    drm_device* device() const noexcept { return drm_; }
    explicit operator bool() const noexcept { return drm_ != nullptr; }

private:
    drm_device* drm_ = nullptr;
};

} // namespace devres
