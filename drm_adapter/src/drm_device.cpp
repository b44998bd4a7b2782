// SPDX-License-Identifier: MIT
//
// The life of a drm_device: how it begins, its references, and its end.

#include <devres/drm_device.h>

#include <cerrno>
#include <cstdint>
#include <memory>

#include <devres/detail/report.h>
#include <devres/detail/scoped_lock.h>

namespace devres {

namespace {

// A drm_device is called what its parent is called.
constexpr devres_owner_ops drm_ops{"drm_device", [](devres_head* head) -> const char* {
                                       const device* parent = container_of<&drm_device::devres>(head)->dev;
                                       return parent ? dev_name(parent) : nullptr;
                                   }};

} // namespace

// A section that was closed never opens again; the next life has another one. Files are none, since each of
// them would have kept the former life.
void detail::drm_core::forget_former_life(drm_device* drm) noexcept
{
    std::destroy_at(&drm->gate_);
    std::construct_at(&drm->gate_);
    drm->drained_.store(false, std::memory_order_relaxed);
    const scoped_lock held(drm->files_lock_);
    drm->visible_ = false;
    drm->files_unmapped_ = false;
    drm->unplug_ = drm_device::unplug_state::no;
}

drm_device::drm_device(std::pmr::memory_resource* upstream) noexcept : devres(&drm_ops, upstream) {}

drm_device::~drm_device()
{
    if (references_.held() != 0)
        detail::bug("~drm_device", &devres, "destroyed while references are still held");
    if (!references_.has_ended())
        devres_drain(&devres); // it has not begun: the constructor of a derived class threw
}

int drm_dev_init(drm_device* drm, const drm_driver* driver, device* parent) noexcept
{
    if (!drm || !driver || !parent)
        return -EINVAL;
    if (!drm->references_.begin()) {
        detail::warn("drm_dev_init", &drm->devres, "in use already");
        return -EINVAL;
    }
    drm->driver = driver;
    drm->dev = get_device(parent);
    detail::drm_core::forget_former_life(drm);
    drm->listed_.begin(&drm->devres);
    return 0;
}

drm_device* drm_dev_alloc(const drm_driver* driver, device* parent) noexcept
{
    auto* drm = new (std::nothrow) drm_device;
    if (!drm)
        return nullptr;
    if (drm_dev_init(drm, driver, parent)) {
        delete drm;
        return nullptr;
    }
    detail::drm_core::set_object(drm, drm, &detail::destroy_drm_object<drm_device>);
    return drm;
}

drm_device* drm_dev_get(drm_device* drm) noexcept
{
    if (drm)
        drm->references_.get();
    return drm;
}

// The last put goes in the order of M2. After `free` nothing of the device is there any more.
void drm_dev_put(drm_device* drm) noexcept
{
    if (!drm || !drm->references_.put("drm_dev_put", &drm->devres))
        return;
    if (drm->driver->release)
        drm->driver->release(drm);
    devres_drain(&drm->devres);
    drm->listed_.end(); // before its name goes, and the container, which may be freed without a destructor
    device* const parent = drm->dev;
    void (*const free)(void*) = drm->free_;
    void* const container = drm->container_;
    // Memory of the caller's may be given to drm_dev_init again.
    drm->free_ = nullptr;
    drm->container_ = nullptr;
    drm->references_.require_last("drm_dev_put", &drm->devres);
    drm->dev = nullptr; // before another life may begin
    drm->references_.finish("drm_dev_put", &drm->devres);
    if (free)
        free(container);
    put_device(parent);
}

int drmm_add_final_kfree(drm_device* drm, void* container, std::size_t size, void (*free)(void*)) noexcept
{
    const auto first = reinterpret_cast<std::uintptr_t>(container);
    const auto inner = reinterpret_cast<std::uintptr_t>(drm);
    if (drm->free_) {
        detail::warn("drmm_add_final_kfree", &drm->devres, "there is one already");
        return -EINVAL;
    }
    if (!container || !free || inner < first || size < sizeof(drm_device) ||
        inner - first > size - sizeof(drm_device)) {
        detail::warn("drmm_add_final_kfree", &drm->devres, "%p is not wholly inside the %zu bytes at %p",
                     static_cast<void*>(drm), size, container);
        return -EINVAL;
    }
    drm->container_ = container;
    drm->free_ = free;
    return 0;
}

} // namespace devres
