// SPDX-License-Identifier: MIT
//
// The life of a drm_device: references, visibility, unplug.

#include <devres/drm_device.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include <devres/detail/report.h>
#include <devres/detail/thread.h>
#include <devres/drm_managed.h>

namespace devres {
namespace detail {

namespace {

drm_device* drm_of(devres_head* head) noexcept
{
    return container_of<&drm_device::devres>(head);
}

// A drm_device is called what its parent is called.
constexpr devres_owner_ops drm_ops{"drm_device", [](devres_head* head) -> const char* {
                                       const device* parent = drm_of(head)->dev;
                                       return parent ? dev_name(parent) : nullptr;
                                   }};

} // namespace

// --- Life ----------------------------------------------------------------------------------------------------------

int drm_core::init(drm_device* drm, const drm_driver* driver, device* parent) noexcept
{
    if (!drm || !driver || !parent)
        return -EINVAL;
    int unused = 0;
    if (!drm->references_.compare_exchange_strong(unused, 1, std::memory_order_acq_rel)) {
        warn("drm_dev_init", &drm->devres, "in use already");
        return -EINVAL;
    }
    drm->driver = driver;
    drm->dev = get_device(parent);
    return 0;
}

void drm_core::get(drm_device* drm) noexcept
{
    drm->references_.fetch_add(1, std::memory_order_relaxed);
}

void drm_core::put(drm_device* drm) noexcept
{
    const int before = drm->references_.fetch_sub(1, std::memory_order_acq_rel);
    if (before == 1)
        final_put(drm);
    else if (before < 1)
        bug("drm_dev_put", &drm->devres, "put more often than got");
}

// In the order of M2. After free_ nothing of the device is there any more.
void drm_core::final_put(drm_device* drm) noexcept
{
    if (drm->driver->release)
        drm->driver->release(drm);
    devres_drain(&drm->devres);
    device* parent = drm->dev;
    void (*free)(void*) = drm->free_;
    void* container = drm->container_;
    // Memory of the caller's may be given to drm_dev_init again.
    drm->dev = nullptr;
    drm->free_ = nullptr;
    drm->container_ = nullptr;
    if (free)
        free(container);
    put_device(parent);
}

int drm_core::set_container(drm_device* drm, void* container, std::size_t size, void (*free)(void*)) noexcept
{
    const auto first = reinterpret_cast<std::uintptr_t>(container);
    const auto inner = reinterpret_cast<std::uintptr_t>(drm);
    if (drm->free_) {
        warn("drmm_add_final_kfree", &drm->devres, "there is one already");
        return -EINVAL;
    }
    if (!container || !free || inner < first || size < sizeof(drm_device) ||
        inner - first > size - sizeof(drm_device)) {
        warn("drmm_add_final_kfree", &drm->devres, "%p is not wholly inside the %zu bytes at %p",
             static_cast<void*>(drm), size, container);
        return -EINVAL;
    }
    drm->container_ = container;
    drm->free_ = free;
    return 0;
}

// --- Visibility ------------------------------------------------------------------------------------------------------

int drm_core::register_device(drm_device* drm, unsigned long flags) noexcept
{
    using visibility = drm_device::visibility;
    {
        const scoped_lock held(drm->files_lock_);
        if (drm->unplugged_ || (drm->visibility_ == visibility::hidden && unplugged(drm)))
            return -ENODEV;
        if (drm->visibility_ != visibility::hidden)
            return -EBUSY;
        drm->visibility_ = visibility::registering;
    }
    const int err = drm->driver->load ? drm->driver->load(drm, flags) : 0;
    if (err) {
        roll_back_register(drm);
        return err;
    }
    const scoped_lock held(drm->files_lock_);
    if (drm->visibility_ == visibility::registering)
        drm->visibility_ = visibility::visible;
    return 0;
}

// Half way: whoever got in meanwhile is waited for, and the files opened meanwhile lead nowhere.
void drm_core::roll_back_register(drm_device* drm) noexcept
{
    drm->gate_.shut();
    kill_files(drm);
    if (inside_at(reader_set(drm->gate_)).file)
        warn("drm_dev_register", &drm->devres, "the driver's load failed and has not left the section");
    else
        wait_for_readers(reader_set(drm->gate_));
    const scoped_lock held(drm->files_lock_);
    drm->visibility_ = drm_device::visibility::hidden;
    drm->gate_.open_again(); // but for an unplug or unbind meanwhile
}

void drm_core::hide(drm_device* drm) noexcept
{
    const scoped_lock held(drm->files_lock_);
    drm->visibility_ = drm_device::visibility::hidden;
}

// Done changes before a wake_up.
template <class Done>
void drm_core::wait_until(drm_device* drm, Done done) noexcept
{
    std::unique_lock held(drm->event_lock_);
    drm->event_.wait(held, done);
}

int drm_core::unplug(drm_device* drm, source_place where) noexcept
{
    if (warn_if_inside("drm_dev_unplug", &drm->devres, reader_set(drm->gate_), where))
        return -EDEADLK;
    bool second = false;
    {
        const scoped_lock held(drm->files_lock_);
        second = std::exchange(drm->unplugged_, true);
        drm->gate_.close();
        if (!second)
            drm->unplugger_.store(this_thread(), std::memory_order_relaxed);
    }
    if (second) {
        // Not if a hook of the first one calls it again.
        if (drm->unplugger_.load(std::memory_order_relaxed) != this_thread())
            wait_until(drm, [drm] { return drm->unplug_done_.load(std::memory_order_acquire); });
        return 0;
    }
    wake_up(drm); // who waits for an event inside the section must leave it
    if (!drm->drained_.load(std::memory_order_acquire))
        wait_for_readers(reader_set(drm->gate_));
    hide(drm);
    unmap_files(drm);
    drm->unplug_done_.store(true, std::memory_order_release);
    drm->unplugger_.store(nullptr, std::memory_order_relaxed);
    wake_up(drm);
    return 0;
}

void drm_core::wake_up(drm_device* drm) noexcept
{
    // The lock makes sure that nobody is between looking and falling asleep.
    const std::lock_guard held(drm->event_lock_);
    drm->event_.notify_all();
}

} // namespace detail

using detail::drm_core;

drm_device::drm_device(std::pmr::memory_resource* upstream) noexcept : devres(&detail::drm_ops, upstream) {}

drm_device::~drm_device()
{
    if (references_.load(std::memory_order_acquire) != 0)
        detail::bug("~drm_device", &devres, "destroyed while references are still held");
}

int drm_dev_init(drm_device* drm, const drm_driver* driver, device* parent) noexcept
{
    return drm_core::init(drm, driver, parent);
}

drm_device* drm_dev_get(drm_device* drm) noexcept
{
    if (drm)
        drm_core::get(drm);
    return drm;
}

void drm_dev_put(drm_device* drm) noexcept
{
    if (drm)
        drm_core::put(drm);
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
    drm_core::set_object(drm, drm, &detail::destroy_drm_object<drm_device>);
    return drm;
}

int drm_dev_register(drm_device* drm, unsigned long flags) noexcept
{
    return drm_core::register_device(drm, flags);
}

void drm_dev_unregister(drm_device* drm) noexcept
{
    drm_core::hide(drm);
}

int drm_dev_unplug(drm_device* drm, const char* file, int line) noexcept
{
    return drm_core::unplug(drm, {file, line});
}

bool drm_dev_is_unplugged(const drm_device* drm) noexcept
{
    return drm_core::unplugged(drm);
}

void drm_wake_up(drm_device* drm) noexcept
{
    drm_core::wake_up(drm);
}

// --- The managed family ------------------------------------------------------------------------------------------------

int drmm_add_final_kfree(drm_device* drm, void* container, std::size_t size, void (*free)(void*)) noexcept
{
    return drm_core::set_container(drm, container, size, free);
}

int drmm_mutex_init(drm_device* drm, pthread_mutex_t* mutex) noexcept
{
    if (const int err = ::pthread_mutex_init(mutex, nullptr))
        return -err;
    return drmm_add_action_or_reset(drm, &::pthread_mutex_destroy, mutex);
}

char* drmm_kasprintf(drm_device* drm, gfp_t gfp, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = drmm_kvasprintf(drm, gfp, format, args);
    va_end(args);
    return s;
}

char* drmm_kasprintf(drm_device* drm, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = drmm_kvasprintf(drm, GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

} // namespace devres
