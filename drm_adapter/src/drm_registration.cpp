// SPDX-License-Identifier: MIT

#include <devres/drm_registration.h>

#include <cerrno>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/devm.h>

namespace devres {

drm_registration::~drm_registration()
{
    if (!drm_)
        return;
    drm_dev_unplug(drm_);
    drm_dev_put(drm_);
}

int drm_registration::create(drm_device* drm, drm_registration* out, unsigned long flags) noexcept
{
    if (!drm || !out)
        return -EINVAL;
    if (const int err = drm_dev_register(drm, flags))
        return err;
    drm_registration made;
    made.drm_ = drm_dev_get(drm);
    *out = std::move(made);
    return 0;
}

namespace {

// A registration on the parent's list: unbind closes its drm_device together with everything else of the binding.
class owned_registration {
public:
    explicit owned_registration(detail::binding* binding) noexcept : binding_(binding) {}
    ~owned_registration()
    {
        if (member_.object)
            binding_->remove_member(&member_);
    }
    owned_registration(const owned_registration&) = delete;
    owned_registration& operator=(const owned_registration&) = delete;

    int start(drm_device* drm, unsigned long flags) noexcept
    {
        // Already a member when it becomes visible, so that no reader can be missed by unbind.
        member_.object = &detail::drm_core::section(drm);
        if (!binding_->add_member(&member_)) {
            member_.object = nullptr;
            return -ENODEV;
        }
        return drm_registration::create(drm, &registration_, flags);
    }

private:
    static void set_drained(detail::binding_member* member) noexcept
    {
        drm_device* drm = container_of<&owned_registration::member_>(member)->registration_.device();
        if (drm)
            detail::drm_core::set_drained(drm);
    }

    detail::binding* binding_; // lives as long as the resources of its device
    detail::binding_member member_{nullptr, &set_drained, nullptr};
    drm_registration
        registration_; // goes after ~owned_registration's body, its member being off the binding by then
};

} // namespace

int drm_registration::create_owned_by_device(const bound_device& dev, drm_device* drm,
                                             unsigned long flags) noexcept
{
    if (!drm || drm->dev != static_cast<struct device*>(dev))
        return -EINVAL;
    auto* owned = devm_new<owned_registration>(dev, detail::device_core::binding_of(dev));
    if (!owned)
        return -ENOMEM;
    const int err = owned->start(drm, flags);
    if (err)
        devm_delete(dev, owned);
    return err;
}

} // namespace devres
