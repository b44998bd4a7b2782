// SPDX-License-Identifier: MIT
//
// The life of a device: references, registration, its end.

#include <devres/device.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/detail/report.h>
#include <devres/detail/scoped_lock.h>

namespace devres {

namespace {

constexpr devres_owner_ops device_ops{
    "device", [](devres_head* head) { return dev_name(container_of<&device::devres>(head)); }};

} // namespace

device::device(const char* name, device* parent, void (*release)(device*),
               std::pmr::memory_resource* upstream)
    : devres(&device_ops, upstream),
      name_(name ? ::strdup(name) : nullptr),
      parent_(get_device(parent)),
      release_(release)
{
}

device::~device()
{
    using detail::device_core;
    constexpr const char* still_held = "destroyed while references are still held";
    // A reference of its own, so that neither a release callback nor somebody who has borrowed it on another
    // thread puts the last one. Who has done so already may still be ending it.
    const bool lives = references_.get_if_live();
    if (lives && device_core::del(this, "~device", {}) != 0)
        detail::bug("~device", &devres, "destroyed from inside itself");
    const bool visits = detail::device_visit::is_under_way(this);
    if (visits && lives)
        detail::bug("~device", &devres, still_held); // by the revoke in whose handler (V11) this thread is
    if (!visits)
        device_core::wait_for_borrowers(this);
    if (lives) {
        if (references_.held() == 2) // else a release callback has put the creator's
            put_device(this);
        put_device(this);
    } else if (!references_.has_ended()) {
        detail::bug("~device", &devres, "destroyed from inside itself");
    }
    if (references_.held() != 0)
        detail::bug("~device", &devres, still_held);
    detail::device_visit::forget(this);
    listed_.end(); // before its name goes
    // SAFETY: strdup's. Null from now on: the head may still have something to say.
    std::free(const_cast<char*>(std::exchange(name_, nullptr)));
}

device* device_create(const char* name, device* parent) noexcept
{
    auto* dev = new (std::nothrow) device(name, parent, [](device* d) { delete d; });
    if (!dev)
        return nullptr;
    if (name && !dev->name_) { // there was no memory for the copy
        put_device(dev);
        return nullptr;
    }
    device_add(dev);
    return dev;
}

// --- Registration -----------------------------------------------------------------------------------------

void device_initialize(device*) noexcept {}

int device_add(device* dev) noexcept
{
    return dev ? detail::device_core::add(dev) : -EINVAL;
}

int device_register(device* dev) noexcept
{
    return device_add(dev);
}

int device_del(device* dev, const char* file, int line) noexcept
{
    return dev ? detail::device_core::del(dev, "device_del", {file, line}) : -EINVAL;
}

int device_unregister(device* dev, const char* file, int line) noexcept
{
    if (!dev)
        return -EINVAL;
    const int err = detail::device_core::del(dev, "device_unregister", {file, line});
    if (!err)
        put_device(dev);
    return err;
}

// --- References -------------------------------------------------------------------------------------------

device* get_device(device* dev) noexcept
{
    if (dev)
        dev->references_.get();
    return dev;
}

void put_device(device* dev) noexcept
{
    if (dev && dev->references_.put("put_device", &dev->devres))
        detail::device_core::end(dev);
}

namespace detail {

void device_core::borrow(device* dev) noexcept
{
    devres::get_device(dev);
    dev->borrowed_.fetch_add(1, std::memory_order_relaxed);
}

bool device_core::borrow_if_live(device* dev) noexcept
{
    if (!dev->references_.get_if_live())
        return false;
    dev->borrowed_.fetch_add(1, std::memory_order_relaxed);
    return true;
}

// Under the lock, so that who ends the device can wait until this thread has left it. If this is the last
// reference, ~device on another thread waits until the end is over.
void device_core::give_back(device* dev) noexcept
{
    const auto returned = [dev]() noexcept {
        dev->borrowed_.fetch_sub(1, std::memory_order_release);
        park::wake(parking_lot, dev->borrowed_, INT_MAX);
    };
    bool last = false;
    {
        const scoped_lock held(dev->binding_lock_);
        last = dev->references_.put("put_device", &dev->devres);
        if (!last)
            returned();
    }
    if (!last)
        return;
    const device_visit ending(dev);
    end(dev);
    if (ending.dev()) { // else `release` has destroyed it
        const scoped_lock held(dev->binding_lock_);
        returned();
    }
}

void device_core::wait_for_borrowers(device* dev) noexcept
{
    wait_clock clock;
    while (const std::uint32_t now = dev->borrowed_.load(std::memory_order_acquire))
        if (park_while(dev->borrowed_, now, clock))
            warn("~device", &dev->devres, "has waited %.1f s for another thread that is busy with the device",
                 clock.seconds());
    const scoped_lock has_left(dev->binding_lock_);
}

// The device is unbound, since a binding holds a reference.
void device_core::end(device* dev) noexcept
{
    {
        const scoped_lock has_left(dev->binding_lock_); // who has just given it back
    }
    forget(dev);
    devres_drain(&dev->devres);
    dev->references_.finish("put_device", &dev->devres);
    device* parent = std::exchange(dev->parent_, nullptr);
    if (dev->release_) {
        dev->listed_.end();
        dev->release_(dev); // dev may be gone
    }
    put_device(parent);
}

} // namespace detail

// --- What it says -----------------------------------------------------------------------------------------

const char* dev_name(const device* dev) noexcept
{
    return dev->name_ ? dev->name_ : "(unnamed)";
}

void dev_set_drvdata(device* dev, void* data) noexcept
{
    dev->driver_data_.store(data);
}

void* dev_get_drvdata(const device* dev) noexcept
{
    return dev->driver_data_.load();
}

const device_driver* dev_driver(const device* dev) noexcept
{
    return dev->driver_.load();
}

} // namespace devres
