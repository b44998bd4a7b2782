// SPDX-License-Identifier: MIT

#include <devres/device.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/detail/report.h>
#include <devres/detail/thread.h>
#include <devres/devm.h>

namespace devres {
namespace detail {

namespace {

device* device_of(devres_head* head) noexcept
{
    return container_of<&device::devres>(head);
}

constexpr devres_owner_ops device_ops{"device", [](devres_head* head) { return dev_name(device_of(head)); }};

} // namespace

// --- The section that bind and unbind of one device exclude each other in (D6) ----------------------------------

class device_core::bind_section {
public:
    // Not entered if this very thread is in it: in probe, in remove, or in a release callback of unbind.
    bind_section(device* dev, const char* function) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (dev->binder_.load(std::memory_order_relaxed) == this_thread()) {
            warn(function, &dev->devres, "called from inside bind or unbind of the same device");
            return;
        }
        dev->bind_lock_.acquire();
        dev->binder_.store(this_thread(), std::memory_order_relaxed);
        get_device(dev); // what runs inside may drop the last other reference
        dev_ = dev;
    }
    ~bind_section() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (!dev_)
            return;
        dev_->binder_.store(nullptr, std::memory_order_relaxed);
        dev_->bind_lock_.release();
        put_device(dev_);
    }
    bind_section(const bind_section&) = delete;
    bind_section& operator=(const bind_section&) = delete;

    explicit operator bool() const noexcept { return dev_ != nullptr; }

private:
    device* dev_ = nullptr;
};

// --- Bind ----------------------------------------------------------------------------------------------------------

int device_core::attach(const device_driver* driver, device* dev) noexcept
{
    if (binding* now = take_binding(dev)) {
        // Waiting for the section from inside a guard would wait for whoever waits for the guard.
        const bool inside = inside_at(now->readers()).file != nullptr;
        now->put();
        if (inside)
            return -EBUSY;
    }
    const bind_section section(dev, "device_driver_attach");
    if (!section)
        return -EDEADLK;
    if (!dev->registered_.load(std::memory_order_acquire))
        return -ENODEV;
    if (dev->driver_.load(std::memory_order_relaxed))
        return -EBUSY;
    if (warn_if_not_empty("device_driver_attach", &dev->devres))
        return -EBUSY;

    auto* fresh = new (std::nothrow) binding(dev);
    if (!fresh)
        return -ENOMEM;
    get(dev); // the binding's, put in end_binding
    {
        const scoped_lock held(dev->binding_lock_);
        dev->binding_ = fresh;
    }
    dev->driver_.store(driver, std::memory_order_release);
    const bound_device proof(dev, fresh);
    const int err = driver->probe ? driver->probe(proof) : 0;
    if (err)
        end_binding(dev);
    return err;
}

// --- Unbind ----------------------------------------------------------------------------------------------------------

// The binding with a reference, or null.
binding* device_core::take_binding(device* dev) noexcept
{
    const scoped_lock held(dev->binding_lock_);
    if (dev->binding_)
        dev->binding_->get();
    return dev->binding_;
}

bool device_core::is_inside(device* dev, const char* function, source_place where) noexcept
{
    binding* now = take_binding(dev);
    if (!now)
        return false;
    const bool inside = warn_if_inside(function, &dev->devres, now->readers(), where);
    now->put();
    return inside;
}

// D3 (1) to (4).
void device_core::unbind(device* dev) noexcept
{
    const device_driver* driver = dev->driver_.load(std::memory_order_relaxed);
    if (driver->remove) {
        const bound_device proof(dev, dev->binding_);
        driver->remove(proof);
    }
    end_binding(dev);
}

// D3 (2) to (4): everything closed, one wait, everything released, the device as before.
void device_core::end_binding(device* dev) noexcept
{
    binding* ended = dev->binding_; // only changed inside the section
    ended->close_and_wait();
    devres_drain(&dev->devres);
    {
        const scoped_lock held(dev->binding_lock_);
        dev->binding_ = nullptr;
    }
    dev->driver_.store(nullptr, std::memory_order_release);
    dev->driver_data_.store(nullptr);
    free_leftovers(ended->end());
    ended->put();
    put(dev); // not the last one: the section has its own
}

int device_core::release_driver(device* dev, source_place where) noexcept
{
    if (is_inside(dev, "device_release_driver", where))
        return -EDEADLK;
    const bind_section section(dev, "device_release_driver");
    if (!section)
        return -EDEADLK;
    if (dev->driver_.load(std::memory_order_relaxed))
        unbind(dev);
    return 0;
}

// --- Register and unregister -----------------------------------------------------------------------------------------

int device_core::add(device* dev) noexcept
{
    dev->registered_.store(true, std::memory_order_release);
    return 0;
}

int device_core::del(device* dev, const char* function, source_place where) noexcept
{
    if (is_inside(dev, function, where))
        return -EDEADLK;
    const bind_section section(dev, function);
    if (!section)
        return -EDEADLK;
    if (dev->driver_.load(std::memory_order_relaxed))
        unbind(dev);
    dev->registered_.store(false, std::memory_order_release);
    devres_drain(&dev->devres);
    return 0;
}

// --- The last reference ----------------------------------------------------------------------------------------------

void device_core::put(device* dev) noexcept
{
    const int before = dev->references_.fetch_sub(1, std::memory_order_acq_rel);
    if (before == 1)
        destroy(dev);
    else if (before < 1)
        bug("put_device", &dev->devres, "put more often than got");
}

// Not bound: a binding holds a reference.
void device_core::destroy(device* dev) noexcept
{
    dev->registered_.store(false, std::memory_order_relaxed);
    devres_drain(&dev->devres);
    device* parent = std::exchange(dev->parent_, nullptr);
    if (dev->release_)
        dev->release_(dev); // dev may be gone
    put_device(parent);
}

device_core::proof::proof(devres_head* head) noexcept : dev_(device_of(head), take_proven(device_of(head))) {}

// An action that takes a proof was attached with one, so it is released while that binding lasts: by its unbind, or by a
// thread that unbind waits for (C15).
binding* device_core::take_proven(device* dev) noexcept
{
    const scoped_lock held(dev->binding_lock_);
    return dev->binding_;
}

// --- Binding ---------------------------------------------------------------------------------------------------------

void binding::put() noexcept
{
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

device* binding::get_device() noexcept
{
    const scoped_lock held(lock_);
    return devres::get_device(device_);
}

device* binding::peek_device() noexcept
{
    const scoped_lock held(lock_);
    return device_;
}

bool binding::add_member(binding_member* member) noexcept
{
    const scoped_lock held(lock_);
    if (!domain_.is_open())
        return false;
    expect_readers();
    member->next = members_;
    members_ = member;
    return true;
}

void binding::remove_member(binding_member* member) noexcept
{
    const scoped_lock held(lock_);
    for (binding_member** at = &members_; *at; at = &(*at)->next)
        if (*at == member) {
            *at = member->next;
            return;
        }
}

bool binding::names(const void* context, identity domain, identity object) noexcept
{
    const auto* self = static_cast<const binding*>(context);
    if (domain == self->domain_.id())
        return true;
    const scoped_lock held(self->lock_);
    for (const binding_member* m = self->members_; m; m = m->next)
        if (m->object->id() == domain || m->object->id() == object)
            return true;
    return false;
}

void binding::close_and_wait() noexcept
{
    {
        const scoped_lock held(lock_);
        domain_.close();
        for (binding_member* m = members_; m; m = m->next)
            m->object->close();
    }
    if (!has_readers_.load(std::memory_order_relaxed))
        return;
    wait_for_readers(readers());
    const scoped_lock held(lock_);
    for (binding_member* m = members_; m; m = m->next)
        if (m->drained)
            m->drained(m);
}

bool binding::keep_until_end(binding_leftover* leftover) noexcept
{
    const scoped_lock held(lock_);
    if (!device_)
        return false;
    leftover->next = leftovers_;
    leftovers_ = leftover;
    return true;
}

binding_leftover* binding::end() noexcept
{
    const scoped_lock held(lock_);
    device_ = nullptr;
    return std::exchange(leftovers_, nullptr);
}

} // namespace detail

using detail::device_core;

device::device(const char* name, device* parent, void (*release)(device*),
               std::pmr::memory_resource* upstream)
    : devres(&detail::device_ops, upstream),
      name_(name ? ::strdup(name) : nullptr),
      parent_(get_device(parent)),
      release_(release)
{
}

device::~device()
{
    if (references_.load(std::memory_order_acquire) > 0) {
        if (device_del(this) != 0)
            detail::bug("~device", &devres, "destroyed from inside itself");
        if (references_.load(std::memory_order_acquire) != 1)
            detail::bug("~device", &devres, "destroyed while references are still held");
        put_device(this);
    }
    std::free(const_cast<char*>(name_)); // SAFETY: strdup's
}

device* device_create(const char* name, device* parent) noexcept
{
    auto* dev = new (std::nothrow) device(name, parent, [](device* d) { delete d; });
    if (dev)
        device_core::add(dev);
    return dev;
}

void device_initialize(device*) noexcept {}

int device_add(device* dev) noexcept
{
    return dev ? device_core::add(dev) : -EINVAL;
}

int device_register(device* dev) noexcept
{
    return device_add(dev);
}

int device_del(device* dev, const char* file, int line) noexcept
{
    return dev ? device_core::del(dev, "device_del", {file, line}) : -EINVAL;
}

int device_unregister(device* dev, const char* file, int line) noexcept
{
    if (!dev)
        return -EINVAL;
    const int err = device_core::del(dev, "device_unregister", {file, line});
    if (!err)
        put_device(dev);
    return err;
}

device* get_device(device* dev) noexcept
{
    if (dev)
        device_core::get(dev);
    return dev;
}

void put_device(device* dev) noexcept
{
    if (dev)
        device_core::put(dev);
}

int device_driver_attach(const device_driver* driver, device* dev) noexcept
{
    return driver && dev ? device_core::attach(driver, dev) : -EINVAL;
}

int device_release_driver(device* dev, const char* file, int line) noexcept
{
    return dev ? device_core::release_driver(dev, {file, line}) : -EINVAL;
}

const char* dev_name(const device* dev) noexcept
{
    const char* name = device_core::name(dev);
    return name ? name : "(unnamed)";
}

void dev_set_drvdata(device* dev, void* data) noexcept
{
    device_core::set_data(dev, data);
}

void* dev_get_drvdata(const device* dev) noexcept
{
    return device_core::data(dev);
}

const device_driver* dev_driver(const device* dev) noexcept
{
    return device_core::driver(dev);
}

char* devm_kasprintf(device* dev, gfp_t gfp, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = devm_kvasprintf(dev, gfp, format, args);
    va_end(args);
    return s;
}

char* devm_kasprintf(device* dev, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = devm_kvasprintf(dev, GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

} // namespace devres
