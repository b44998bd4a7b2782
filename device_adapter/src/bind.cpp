// SPDX-License-Identifier: MIT
//
// Bind and unbind: the section that they exclude each other in, and what they do there.

#include <cerrno>
#include <new>

#include <devres/detail/binding.h>
#include <devres/detail/probe.h>
#include <devres/detail/report.h>
#include <devres/detail/scoped_lock.h>
#include <devres/env/thread.h>

namespace devres {
namespace detail {

// --- The section (D6) -------------------------------------------------------------------------------------

namespace {
constexpr char while_it_ends[] = "called while the last put releases the device";
}

// Leaves it at the end of the scope.
class DEVRES_SCOPED_CAPABILITY device_core::bind_section {
public:
    // Requires: this thread has entered it.
    explicit bind_section(device* dev) noexcept DEVRES_REQUIRES(dev->bind_lock_) : dev_(dev) {}
    ~bind_section() DEVRES_RELEASE() { leave_section(dev_); }
    bind_section(const bind_section&) = delete;
    bind_section& operator=(const bind_section&) = delete;

private:
    device* dev_;
};

bool device_core::enter_section(device* dev, const char* function) noexcept
{
    if (!borrow_if_live(dev)) {
        if (dev->references_.is_ending()) { // since would_deadlock() was asked, by a put of another thread
            warn(function, &dev->devres, while_it_ends);
            return false;
        }
        borrow(dev); // its end is over
    }
    if (!dev->bind_lock_.try_acquire()) {
        if (constructing_here(&dev->devres)) {
            warn(function, &dev->devres,
                 "called from inside a constructor that bind or unbind of the same device waits for");
            give_back(dev);
            return false;
        }
        dev->bind_lock_.acquire();
    }
    dev->binder_.store(this_thread(), std::memory_order_relaxed);
    return true;
}

bool device_core::enter_to_unbind(device* dev, const char* function, source_place where) noexcept
{
    if (is_inside(dev, function, where) || would_deadlock(dev, function) || !enter_section(dev, function))
        return false;
    if (!is_inside(dev, function, where))
        return true;
    leave_section(dev);
    return false;
}

void device_core::leave_section(device* dev) noexcept
{
    dev->tree_ = nullptr;
    dev->binder_.store(nullptr, std::memory_order_relaxed);
    dev->bind_lock_.release();
    give_back(dev);
}

bool device_core::is_releasing(device* dev) noexcept
{
    if (releasing_here(&dev->devres))
        return true;
    binding* now = get_binding(dev);
    if (!now)
        return false;
    const bool releasing = releasing_here(now->parked());
    now->put();
    return releasing;
}

bool device_core::would_deadlock(device* dev, const char* function) noexcept
{
    const char* why = nullptr;
    if (dev->binder_.load(std::memory_order_relaxed) == this_thread())
        why = "called from inside bind or unbind of the same device";
    else if (dev->references_.is_ending())
        why = while_it_ends;
    else if (is_releasing(dev)) // unbind waits for whoever releases something of the device (C15)
        why = "called from inside a release callback of the same device";
    if (why)
        warn(function, &dev->devres, "%s", why);
    return why != nullptr;
}

bool device_core::is_inside(device* dev, const char* function, source_place where) noexcept
{
    binding* now = get_binding(dev);
    if (!now)
        return false;
    const bool inside = warn_if_inside(function, &dev->devres, now->readers(), where);
    now->put();
    return inside;
}

// --- The binding of a device ------------------------------------------------------------------------------

binding* device_core::get_binding(device* dev) noexcept
{
    const scoped_lock held(dev->binding_lock_);
    if (dev->binding_)
        dev->binding_->get();
    return dev->binding_;
}

// Inside the bind section nobody else changes it; an action with a proof is released by the unbind of its
// binding, or by a thread that this unbind waits for (C15).
binding* device_core::peek_binding(device* dev) noexcept
{
    const scoped_lock held(dev->binding_lock_);
    return dev->binding_;
}

namespace {

device* device_of(devres_head* head) noexcept
{
    return container_of<&device::devres>(head);
}

} // namespace

bound_owner::proof::proof(devres_head* head) noexcept
    : dev_(device_of(head), device_core::peek_binding(device_of(head)))
{
}

// --- Unbind -----------------------------------------------------------------------------------------------

void device_core::unbind(device* dev, const char* function) noexcept
{
    call_remove(dev);
    end_binding(dev, function);
}

void device_core::call_remove(device* dev) noexcept
{
    DEVRES_PROBE_OWNER(unbind, &dev->devres);
    const device_driver* driver = dev->driver_.load(std::memory_order_relaxed);
    if (driver->remove) {
        const bound_device proof(dev, peek_binding(dev));
        driver->remove(proof);
    }
}

void device_core::end_binding(device* dev, const char* function) noexcept
{
    peek_binding(dev)->close_and_wait(function, &dev->devres);
    release_binding(dev);
}

void device_core::release_binding(device* dev) noexcept
{
    binding* ended = peek_binding(dev);
    ended->unpark_all();
    do
        devres_drain(&dev->devres);
    while (ended->unpark_all()); // by a pass of another thread, which the drain has waited for
    {
        const scoped_lock held(dev->binding_lock_);
        dev->binding_ = nullptr;
    }
    dev->driver_.store(nullptr, std::memory_order_release);
    dev->driver_data_.store(nullptr);
    free_leftovers(ended->end());
    ended->put();
    put_device(dev); // the binding's; not the last one, since the section has its own
}

int device_core::del(device* dev, const char* function, source_place where) noexcept
{
    if (!enter_to_unbind(dev, function, where))
        return -EDEADLK;
    const bind_section section(dev);
    if (dev->driver_.load(std::memory_order_relaxed))
        unbind(dev, function);
    forget(dev);
    devres_drain(&dev->devres);
    return 0;
}

} // namespace detail

using detail::device_core;

int device_driver_attach(const device_driver* driver, device* dev) noexcept
{
    if (!driver || !dev)
        return -EINVAL;
    if (device_core::would_deadlock(dev, "device_driver_attach"))
        return -EDEADLK;
    if (detail::binding* now = device_core::get_binding(dev)) {
        // Waiting for the section from inside a guard would wait for whoever waits for the guard.
        const bool inside = detail::inside_at(now->readers()).file != nullptr;
        now->put();
        if (inside)
            return -EBUSY;
    }
    if (!device_core::enter_section(dev, "device_driver_attach"))
        return -EDEADLK;
    const device_core::bind_section section(dev);
    if (!dev->registered_.load(std::memory_order_acquire) || dev->references_.has_ended())
        return -ENODEV;
    if (dev->driver_.load(std::memory_order_relaxed))
        return -EBUSY;
    if (detail::warn_if_not_empty("device_driver_attach", &dev->devres))
        return -EBUSY;

    auto* fresh = new (std::nothrow) detail::binding(dev);
    if (!fresh)
        return -ENOMEM;
    get_device(dev); // the binding's; put in end_binding()
    {
        const detail::scoped_lock held(dev->binding_lock_);
        dev->binding_ = fresh;
    }
    dev->driver_.store(driver, std::memory_order_release);
    const int err = driver->probe ? driver->probe(bound_device(dev, fresh)) : 0;
    if (err)
        device_core::end_binding(dev, "device_driver_attach");
    return err;
}

int device_release_driver(device* dev, const char* file, int line) noexcept
{
    constexpr const char* function = "device_release_driver";
    if (!dev)
        return -EINVAL;
    if (!device_core::enter_to_unbind(dev, function, {file, line}))
        return -EDEADLK;
    const device_core::bind_section section(dev);
    if (dev->driver_.load(std::memory_order_relaxed))
        device_core::unbind(dev, function);
    return 0;
}

} // namespace devres
