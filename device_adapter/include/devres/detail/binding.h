// SPDX-License-Identifier: MIT
//
// A binding: one bind of one device, an identity that is never reused.
//
// It outlives the bind for as long as a handle refers to it, closes everything that belongs to the bind in one
// step, and is what bound_device proves.
//
// Thread safety: every function may be called by any thread that holds a reference.
#pragma once

#include <atomic>
#include <type_traits>

#include <devres/detail/action.h>
#include <devres/detail/revocation.h>
#include <devres/device.h>

namespace devres::detail {

// Something else that ends with the binding, such as a drm_device registered by it. Lives in its owner, who
// takes it off the binding before it goes.
struct binding_member {
    gate* object = nullptr;
    // Called with the closing done and all readers out, before anything is released.
    void (*drained)(binding_member* member) = nullptr;
    binding_member* next = nullptr;
};

// Something that the last of its users could not free yet, because the device's list may still be busy with it.
struct binding_leftover {
    binding_leftover* next = nullptr;
};

class binding {
public:
    explicit binding(device* dev) noexcept : device_(dev) {}
    binding(const binding&) = delete;
    binding& operator=(const binding&) = delete;

    const gate& domain() const noexcept { return domain_; }

    void get() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void put() noexcept;

    // The device with a reference, or null once the bind has ended.
    device* get_device() noexcept;
    device* peek_device() noexcept;

    // Returns: false if the binding is closed already.
    bool add_member(binding_member* member) noexcept;
    void remove_member(binding_member* member) noexcept;

    // From now on somebody may be inside: unbind has to wait.
    void expect_readers() noexcept { has_readers_.store(true, std::memory_order_relaxed); }

    // Everybody inside the binding or one of its members.
    reader_set readers() const noexcept { return {&names, this}; }

    // D3 (2): closes the domain and every member, then waits once.
    void close_and_wait() noexcept;

    // Keeps it until everything of the bind has been released. False if that has happened.
    bool keep_until_end(binding_leftover* leftover) noexcept;

    // D3 (4): the device has nothing more to do with it.
    // Returns: what was kept, for the caller to free.
    binding_leftover* end() noexcept;

private:
    static bool names(const void* self, identity domain, identity object) noexcept;
    ~binding() = default;

    gate domain_;
    std::atomic<int> references_{1};
    std::atomic<bool> has_readers_{false};
    mutable lock lock_;
    device* device_ DEVRES_GUARDED_BY(lock_);
    binding_member* members_ DEVRES_GUARDED_BY(lock_) = nullptr;
    binding_leftover* leftovers_ DEVRES_GUARDED_BY(lock_) = nullptr;
};

// Frees what a binding kept. Where the only kind of leftover is known (devres_ptr.cpp).
void free_leftovers(binding_leftover* kept) noexcept;

// Access to what bound_device hides, for the adapters.
struct device_core {
    static binding* binding_of(const bound_device& dev) noexcept { return dev.binding_; }

    // The proof for an action that runs in the binding it was attached in.
    class proof {
    public:
        explicit proof(devres_head* head) noexcept;
        operator const bound_device&() const noexcept { return dev_; }
        operator device*() const noexcept { return dev_; }

    private:
        bound_device dev_;
    };

    static int attach(const device_driver* driver, device* dev) noexcept;
    static int release_driver(device* dev, source_place where) noexcept;
    static int add(device* dev) noexcept;
    static int del(device* dev, const char* function, source_place where) noexcept;
    static void get(device* dev) noexcept { dev->references_.fetch_add(1, std::memory_order_relaxed); }
    static void put(device* dev) noexcept;
    static void destroy(device* dev) noexcept;

    static const char* name(const device* dev) noexcept { return dev->name_; }
    static void set_data(device* dev, void* data) noexcept { dev->driver_data_.store(data); }
    static void* data(const device* dev) noexcept { return dev->driver_data_.load(); }
    static const device_driver* driver(const device* dev) noexcept { return dev->driver_.load(); }

private:
    class bind_section;
    static binding* take_binding(device* dev) noexcept;
    static binding* take_proven(device* dev) noexcept;
    static bool is_inside(device* dev, const char* function, source_place where) noexcept;
    static void unbind(device* dev) noexcept;
    static void end_binding(device* dev) noexcept;
};

// Actions attached with a proof of binding may take one (V10).
struct bound_owner {
    template <class P>
    static constexpr bool converts_to = std::is_same_v<P, const bound_device&> ||
                                        std::is_same_v<P, device*> || std::is_same_v<P, const device*>;
    static device_core::proof from(devres_head* head) noexcept { return device_core::proof(head); }
};

} // namespace devres::detail
