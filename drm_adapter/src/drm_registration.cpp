// SPDX-License-Identifier: MIT
//
// Registrations as objects: one's own, and those that the parent's binding owns.

#include <devres/drm_registration.h>

#include <cerrno>
#include <new>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/devm.h>

namespace devres {

using detail::drm_core;

drm_registration::~drm_registration()
{
    if (!drm_)
        return;
    drm_core::unplug(drm_, "~drm_registration", {});
    drm_dev_put(drm_);
}

int drm_registration::create(drm_device* drm, drm_registration* out, unsigned long flags) noexcept
{
    if (!drm || !out)
        return -EINVAL;
    drm_dev_get(drm); // first, since `load` may drop the caller's
    if (const int err = drm_dev_register(drm, flags)) {
        drm_dev_put(drm);
        return err;
    }
    drm_registration made;
    made.drm_ = drm;
    *out = std::move(made);
    return 0;
}

namespace {

// A registration on the parent's list: unbind closes its drm_device together with everything else of the
// binding. It goes on the list when register has returned. So nobody releases it while `load` runs, and what
// `load` attached to the parent is released after the unplug.
class owned_registration : public devres_node, public detail::binding_member {
public:
    owned_registration(detail::binding* binding, drm_device* drm) noexcept
        : binding_member(drm_core::section(drm), &wake_sleepers, &set_drained),
          drm_(drm_dev_get(drm)),
          binding_(binding)
    {
        devres_node_init(this, &end, "drm_registration");
    }
    ~owned_registration()
    {
        binding_->remove_member(this);
        drm_dev_put(drm_);
    }
    owned_registration(const owned_registration&) = delete;
    owned_registration& operator=(const owned_registration&) = delete;

    int start(unsigned long flags) noexcept
    {
        // Already a member when it becomes visible, so that no reader can be missed by unbind.
        return binding_->add_member(this) ? drm_dev_register(drm_, flags) : -ENODEV;
    }

private:
    // SAFETY of the casts: only owned registrations have these functions.
    static void end(devres_head* head, devres_node* node)
    {
        auto* self = static_cast<owned_registration*>(node);
        if (self->binding_->unpark(head, self))
            return;
        if (drm_core::unplug(self->drm_, "~drm_registration", {}) != 0)
            self->binding_->park(self); // a group goes inside the section; unbind will have it
        else
            delete self;
    }
    static void wake_sleepers(detail::binding_member* member) noexcept
    {
        drm_wake_up(static_cast<owned_registration*>(member)->drm_);
    }
    static void set_drained(detail::binding_member* member) noexcept
    {
        drm_core::set_drained(static_cast<owned_registration*>(member)->drm_);
    }

    drm_device* const drm_;
    detail::binding* const binding_; // lives as long as the resources of its device
};

} // namespace

int drm_registration::create_owned_by_device(const bound_device& dev, drm_device* drm,
                                             unsigned long flags) noexcept
{
    if (!drm || drm->dev != static_cast<struct device*>(dev))
        return -EINVAL;
    // An unbind, or a probe that fails, would wait for the section that this thread is in.
    if (detail::warn_if_inside("drm_registration", &drm->devres, detail::reader_set(drm_core::section(drm)),
                               {}))
        return -EDEADLK;
    auto* owned = new (std::nothrow) owned_registration(detail::device_core::binding_of(dev), drm);
    if (!owned)
        return -ENOMEM;
    const int err = owned->start(flags);
    if (err)
        delete owned;
    else
        devres_node_add(&dev->devres, owned);
    return err;
}

} // namespace devres
