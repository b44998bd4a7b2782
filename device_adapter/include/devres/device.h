// SPDX-License-Identifier: MIT
//
// struct device: the part of the driver core that managed resources need.
//
// A device is reference counted, is registered and bound to at most one driver, and releases its managed
// resources at unbind. Each bind makes a new binding, and bound_device is the proof of one.
//
// Thread safety: every function may be called by any thread at any time while the caller holds a reference
// (or the device is its own). Bind and unbind of one device exclude each other (D6).
//
// Invariants
// 1. Unbind closes everything of the binding, waits once, and only then releases (D3).
// 2. Nothing of a device is touched after its last reference was dropped (C14).
// 3. A device keeps its parent alive.
//
// Numbers like D3 are the rules in device_adapter/README.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include <devres/detail/references.h>
#include <devres/devres.h>
#include <devres/dump.h>

namespace devres {

struct device;
class bound_device;

namespace detail {
class binding;
struct bound_owner;
class device_tree;
struct device_core;
} // namespace detail

// What a driver does with a device. `remove` may be null. Both run with the device bound; `remove` must wake
// or cancel readers that wait for something, since unbind waits for them afterwards; until then they may come
// back. A hook ends the guards that it takes; what unbind does if it has not is in the README at V5.
struct device_driver {
    const char* name;
    int (*probe)(const bound_device& dev);
    void (*remove)(const bound_device& dev);
};

struct device {
    // A device of one's own, on the stack or inside something; not registered. It starts with one reference,
    // its creator's. `release` runs at the last put (null: nothing). `upstream`: see devres_head.
    explicit device(const char* name, device* parent = nullptr, void (*release)(device* dev) = nullptr,
                    std::pmr::memory_resource* upstream = nullptr);
    // Unregisters if need be and drops the creator's reference if it was not put. Others still held: BUG
    // (D1).
    ~device();
    device(const device&) = delete;
    device& operator=(const device&) = delete;

    devres_head devres;

private:
    friend struct detail::device_core;
    friend class detail::device_tree;
    friend device* device_create(const char* name, device* parent) noexcept;
    friend int device_add(device* dev) noexcept;
    friend device* get_device(device* dev) noexcept;
    friend void put_device(device* dev) noexcept;
    friend int device_driver_attach(const device_driver* driver, device* dev) noexcept;
    friend int device_release_driver(device* dev, const char* file, int line) noexcept;
    friend const char* dev_name(const device* dev) noexcept;
    friend void dev_set_drvdata(device* dev, void* data) noexcept;
    friend void* dev_get_drvdata(const device* dev) noexcept;
    friend const device_driver* dev_driver(const device* dev) noexcept;

    const char* name_; // a copy of its own
    device* parent_;
    void (*release_)(device*);
    detail::references references_{1};
    // How many of those are borrowed (detail/binding.h). It falls under binding_lock_: with the reference,
    // or, if that was the last one, when the end is over.
    std::atomic<std::uint32_t> borrowed_{0};
    std::atomic<bool> registered_{false};
    detail::lock bind_lock_;                   // held across bind and unbind
    std::atomic<const void*> binder_{nullptr}; // the thread that holds bind_lock_
    detail::lock binding_lock_;                // short
    std::atomic<const device_driver*> driver_{nullptr};
    // This and driver_ are changed only under bind_lock_.
    detail::binding* binding_ DEVRES_GUARDED_BY(binding_lock_) = nullptr;
    std::atomic<void*> driver_data_{nullptr};

    detail::lock children_lock_; // short
    // The registered ones, oldest first unless device_unregister_tree has been through them.
    device* first_child_ DEVRES_GUARDED_BY(children_lock_) = nullptr;
    device** last_child_ DEVRES_GUARDED_BY(children_lock_) = &first_child_;
    device* next_sibling_ = nullptr;  // guarded by the parent's children_lock_, as is the next
    device** sibling_link_ = nullptr; // what points to this one; null: it is not registered, or has no parent
    const device* tree_ = nullptr;    // the top of the tree for which its section was entered, or null
    device* next_in_tree_ = nullptr;  // whoever holds bind_lock_ for device_unregister_tree

    devres_listed listed_{&devres}; // the last member: another thread may dump what is listed
};

// Proof that a device is bound, for the time of the call that was given it: probe, remove, or an action
// that takes one. It cannot be made, copied or kept (V10); it converts to device*, which can.
//
// It is a managed_proof: wherever the family, devres_* or a helper takes an owner, it takes this, too.
class bound_device {
public:
    using devres_owner = device;
    using devres_actions = detail::bound_owner;

    bound_device(const bound_device&) = delete;
    bound_device& operator=(const bound_device&) = delete;
    void operator&() const = delete; // keep the device*, or a devres_ptr

    operator device*() const noexcept { return device_; }
    device* operator->() const noexcept { return device_; }

private:
    friend struct detail::device_core;
    friend struct detail::bound_owner;
    friend int device_driver_attach(const device_driver* driver, device* dev) noexcept;
    bound_device(device* dev, detail::binding* binding) noexcept : device_(dev), binding_(binding) {}
    ~bound_device() = default;

    device* device_;
    detail::binding* binding_;
};

namespace detail {

template <>
inline constexpr bool has_placed_functions<device> = true;

// How an action that was attached with a proof of binding finds its first parameter (V10).
struct bound_owner {
    template <class P>
    static constexpr bool converts_to = std::is_same_v<P, const bound_device&> ||
                                        std::is_same_v<P, device*> || std::is_same_v<P, const device*>;

    // The proof for an action that runs in the binding it was attached in.
    class proof {
    public:
        explicit proof(devres_head* head) noexcept;
        operator const bound_device&() const noexcept { return dev_; }
        operator device*() const noexcept { return dev_; }

    private:
        bound_device dev_;
    };
    static proof from(devres_head* head) noexcept { return proof(head); }
};

} // namespace detail

// A device on the heap with one reference, the caller's: what can be unplugged while others hold it. As in
// Linux it comes registered; device_register on it has nothing left to do. Freed at the last put.
// From then on a device_unregister_tree of its parent on another thread may put the reference that this
// returns. Where that may happen, make it with `new device(name, parent, release)`, take a second reference
// by get_device for as long as the pointer is needed, and then call device_register.
// Returns:  null on no memory, also for the copy of the name.
[[nodiscard]] device* device_create(const char* name, device* parent = nullptr) noexcept;

// There for ported code; a device is initialised by its constructor.
void device_initialize(device* dev) noexcept;

// Makes the device known, so that a driver can be bound. Registered already: 0, no change.
// Returns:  0; -EINVAL for null; -ENODEV, with nothing changed, while the last put releases it.
int device_add(device* dev) noexcept;
int device_register(device* dev) noexcept;

// Unbinds if bound (D5), forgets the device, and releases its resources even if others hold a reference (D4).
// Returns:  0; -EDEADLK from inside the device (WARN, nothing changed).
int device_del(device* dev, const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept;

// device_del and put_device.
// Returns:  as device_del; on -EDEADLK the reference is not put.
int device_unregister(device* dev, const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept;

// A hub goes (D7): device_unregister of `dev` and of all its descendants, children before their parents. The
// bindings of all of them are closed before the readers of all of them are waited for, once. What is
// registered below `dev` meanwhile is not part of it. Each is put by the call that unregisters it: two calls
// on a tree, or on a tree and a part of it, put each device once; one that is not registered is not put.
// A hub's driver that unregisters its ports in a release callback must not call device_unregister there: a
// tree may have put the port, which is gone then. It holds a reference of its own on each port; its callback
// calls device_unregister_tree(port), which does nothing if a tree was faster, and then put_device(port).
// Returns:  as device_unregister, for all or none: -EDEADLK, after a WARN and with nothing changed, from
//           inside any of them.
// Blocking: until every reader has left. The bind sections of all of them are held, so a `remove` in the tree
//           that unregisters or binds another device of the tree gets -EDEADLK.
// Cost:     linear in the devices; allocates nothing.
int device_unregister_tree(device* dev, const char* file = __builtin_FILE(),
                           int line = __builtin_LINE()) noexcept;

// Null is fine. get returns its argument. The last put releases what is managed, then runs `release`.
device* get_device(device* dev) noexcept;
void put_device(device* dev) noexcept;

// Binds: calls probe, with a new binding (D2).
// Returns:  0; -EINVAL if an argument is null; -ENODEV not registered; -EBUSY bound already or resources
//           present (WARN); -ENOMEM; probe's error, after everything that probe attached has been released
//           and the device is as before; -EDEADLK from inside bind or unbind of this device.
// Blocking: waits for a bind or unbind under way.
[[nodiscard]] int device_driver_attach(const device_driver* driver, device* dev) noexcept;

// Unbinds (D3): remove; closes the binding and waits once for all readers; releases in passes until empty.
// Returns:  0, also if not bound; -EDEADLK, after a WARN and with nothing changed, from inside the device.
int device_release_driver(device* dev, const char* file = __builtin_FILE(),
                          int line = __builtin_LINE()) noexcept;

const char* dev_name(const device* dev) noexcept;
void dev_set_drvdata(device* dev, void* data) noexcept;
void* dev_get_drvdata(const device* dev) noexcept;

// The driver the device is bound to (also during probe and remove), or null.
const device_driver* dev_driver(const device* dev) noexcept;

} // namespace devres
