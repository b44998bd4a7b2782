// SPDX-License-Identifier: MIT
//
// Devices that bring their own driver: probe and remove are what the test says.
#pragma once

#include <functional>
#include <utility>

#include <devres/devm.h>

namespace devres::test {

struct scripted_base : device {
    std::function<int(const bound_device&)> on_probe;
    std::function<void(const bound_device&)> on_remove;
    std::function<void()> on_release; // at the last put

    int bind() { return device_driver_attach(&driver, this); }
    int bind(std::function<int(const bound_device&)> probe)
    {
        on_probe = std::move(probe);
        return bind();
    }
    int unbind() { return device_release_driver(this); }

    static scripted_base* of(device* dev) { return static_cast<scripted_base*>(dev); }

    static int probe(const bound_device& dev)
    {
        scripted_base* self = of(dev);
        return self->on_probe ? self->on_probe(dev) : 0;
    }
    static void remove(const bound_device& dev)
    {
        scripted_base* self = of(dev);
        if (self->on_remove)
            self->on_remove(dev);
    }
    static constexpr device_driver driver{"scripted", &probe, &remove};

protected:
    scripted_base(const char* name, device* parent, void (*release)(device*)) : device(name, parent, release)
    {
        device_add(this);
    }
    ~scripted_base() = default;
};

// On the stack, registered; gone with its scope.
struct scripted_device : scripted_base {
    explicit scripted_device(const char* name = "dev0", device* parent = nullptr)
        : scripted_base(name, parent, [](device* dev) {
              if (of(dev)->on_release)
                  of(dev)->on_release();
          })
    {
    }
    // First thing in the most derived destructor: remove and release are still there.
    ~scripted_device() { device_del(this); }
};

// On the heap, registered, with one reference; the last put deletes it.
struct heap_device : scripted_base {
    static heap_device* make(const char* name = "dev0", device* parent = nullptr)
    {
        return new heap_device(name, parent);
    }

private:
    heap_device(const char* name, device* parent)
        : scripted_base(name, parent, [](device* dev) {
              auto* self = static_cast<heap_device*>(dev);
              const std::function<void()> last = std::move(self->on_release);
              delete self;
              if (last)
                  last();
          })
    {
    }
    ~heap_device() = default;
};

} // namespace devres::test
