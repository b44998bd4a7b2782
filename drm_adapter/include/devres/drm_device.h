// SPDX-License-Identifier: MIT
//
// struct drm_device: what user space holds open, and what therefore outlives its hardware.
//
// A driver derives from it. It is reference counted: the driver's reference goes at unbind, each open file
// holds one, and the last put releases the managed resources, destroys the object and frees it.
//
// Thread safety: every function may be called by any thread at any time while the caller holds a reference
// (an open file is one). Callbacks run without a lock of the library.
//
// Invariants
// 1. Nothing of a drm_device is touched after its memory was given back (M2).
// 2. After drm_dev_unplug nobody is inside its enter/exit section, and nobody gets in (M5, M6).
// 3. A reader inside one drm_device never delays another one (V3).
//
// Does not: model connectors, planes or memory managers. Numbers like M1: drm_adapter/README.md.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include <devres/detail/references.h>
#include <devres/detail/revocation.h>
#include <devres/detail/scoped_lock.h>
#include <devres/device.h>
#include <devres/devm.h>
#include <devres/devres.h>
#include <devres/dump.h>

namespace devres {

struct drm_device;
struct drm_file;
class drm_dev_guard;

namespace detail {
struct drm_core;
class event_waiter;
} // namespace detail

// One entry of a driver's table; the command is its index. Set one of the two handlers: `func` is called
// after a look whether the device is there, and may sleep for long; `guarded` runs inside the enter/exit
// section, so that the hardware stays until it returns, and gets the proof.
struct drm_ioctl_desc {
    const char* name =
        nullptr; // in messages it stands for the place where a guarded handler entered the section
    long (*func)(drm_device* drm, void* arg, drm_file* file) = nullptr;
    long (*guarded)(const drm_dev_guard& inside, void* arg, drm_file* file) = nullptr;
};

// What a driver provides. Everything may be left out.
struct drm_driver {
    const char* name = nullptr;
    void (*release)(drm_device* drm) = nullptr; // at the last put, before the managed resources go
    int (*open)(drm_device* drm, drm_file* file) = nullptr;
    void (*postclose)(drm_device* drm, drm_file* file) = nullptr;
    const drm_ioctl_desc* ioctls = nullptr;
    int num_ioctls = 0;
    void (*unmap)(drm_device* drm, drm_file* file) = nullptr;    // at unplug: take away mappings of hardware
    int (*load)(drm_device* drm, unsigned long flags) = nullptr; // last step of register; may fail
};

struct drm_device {
    // Not usable until drm_dev_init, which the allocating functions call. `upstream`: see devres_head.
    drm_device() noexcept : drm_device(nullptr) {}
    explicit drm_device(std::pmr::memory_resource* upstream) noexcept;
    // References still held: BUG.
    ~drm_device();
    drm_device(const drm_device&) = delete;
    drm_device& operator=(const drm_device&) = delete;

    device* dev = nullptr; // the parent
    const drm_driver* driver = nullptr;
    devres_head devres;

private:
    friend struct detail::drm_core;
    friend class detail::event_waiter;
    friend struct drm_file;
    friend class drm_dev_guard;
    friend int drm_dev_init(drm_device* drm, const drm_driver* driver, device* parent) noexcept;
    friend drm_device* drm_dev_get(drm_device* drm) noexcept;
    friend void drm_dev_put(drm_device* drm) noexcept;
    friend int drm_dev_register(drm_device* drm, unsigned long flags) noexcept;
    friend void drm_dev_unregister(drm_device* drm) noexcept;
    friend bool drm_dev_is_unplugged(const drm_device* drm) noexcept;
    friend bool drm_dev_enter(drm_device* drm, int* idx, const char* file, int line) noexcept;
    friend int drm_open(drm_device* drm, drm_file** file) noexcept;
    friend void drm_close(drm_file* file) noexcept;
    friend void drm_wake_up(drm_device* drm) noexcept;
    friend int drmm_add_final_kfree(drm_device* drm, void* container, std::size_t size,
                                    void (*free)(void* container)) noexcept;
    template <class Condition>
    friend int drm_wait_event(drm_device* drm, Condition condition);

    devres_listed listed_; // while `dev` is set, which it is called after

    enum class unplug_state : unsigned char { no, running, done };

    detail::gate gate_; // closed by unplug and by unbind; shut while a register that failed is taken back
    detail::references references_{0};
    std::atomic<std::uint32_t> events_{0}; // goes up when something changed that a sleeper may wait for
    std::atomic<bool> drained_{false}; // the unbind of its parent has closed it and waited for its readers
    detail::lock condition_lock_;      // held while a condition of drm_wait_event is asked
    std::atomic<const void*> asker_{nullptr}; // the thread that asks it
    detail::lock files_lock_;                 // short

    bool visible_ DEVRES_GUARDED_BY(files_lock_) = false;
    bool registering_ DEVRES_GUARDED_BY(files_lock_) = false; // until drm_dev_register returns
    bool files_unmapped_ DEVRES_GUARDED_BY(files_lock_) = false;
    unplug_state unplug_ DEVRES_GUARDED_BY(files_lock_) = unplug_state::no;
    const void* unplugger_ DEVRES_GUARDED_BY(files_lock_) = nullptr;         // the thread that unplugs
    std::uint32_t registrations_ DEVRES_GUARDED_BY(files_lock_) = 0;         // that have begun
    detail::event_waiter* waiters_ DEVRES_GUARDED_BY(files_lock_) = nullptr; // newest first
    unsigned waiters_generation_ DEVRES_GUARDED_BY(files_lock_) = 0;         // the process that they are in
    drm_file* files_ DEVRES_GUARDED_BY(files_lock_) = nullptr;               // newest first
    drm_file* unmapped_files_ DEVRES_GUARDED_BY(files_lock_) = nullptr; // those that unplug has been through

    void (*free_)(void*) = nullptr; // takes container_; null: the caller's memory
    void* container_ = nullptr;
};

// An open file. `driver_priv` is the driver's.
struct drm_file {
    drm_device* const drm;
    void* driver_priv = nullptr;

    drm_file(const drm_file&) = delete;
    drm_file& operator=(const drm_file&) = delete;

private:
    friend struct detail::drm_core;
    friend int drm_open(drm_device* drm, drm_file** file) noexcept;
    friend void drm_close(drm_file* file) noexcept;
    friend long drm_ioctl(drm_file* file, unsigned cmd, void* arg) noexcept;

    explicit drm_file(drm_device* owner) noexcept : drm(owner) {}
    ~drm_file() = default;

    enum class closing : unsigned char { no, asked, by_hook };

    drm_file* next_ DEVRES_GUARDED_BY(drm->files_lock_) = nullptr;
    drm_file** link_ DEVRES_GUARDED_BY(drm->files_lock_) = nullptr;   // what points to this one
    const void* hook_ DEVRES_GUARDED_BY(drm->files_lock_) = nullptr;  // the thread in its open or unmap hook
    std::uint32_t opened_in_ DEVRES_GUARDED_BY(drm->files_lock_) = 0; // which registration
    closing closing_ DEVRES_GUARDED_BY(drm->files_lock_) = closing::no;
    bool ready_ DEVRES_GUARDED_BY(drm->files_lock_) = false; // the driver's open has succeeded
    std::atomic<bool> dead_{false};                          // opened during a register that failed
};

// --- Life --------------------------------------------------------------------------------------------------

// Prepares a drm_device that lies in memory of the caller's. It holds a reference on `parent` to its end.
// After its last put it may be prepared again, and begins anew: neither registered nor unplugged.
// Returns:  0; -EINVAL if an argument is null, or (WARN) if it is in use already.
[[nodiscard]] int drm_dev_init(drm_device* drm, const drm_driver* driver, device* parent) noexcept;

// Null is fine. The last put: driver->release, the managed resources newest first, the object, its memory,
// the reference on the parent (M2).
drm_device* drm_dev_get(drm_device* drm) noexcept;
void drm_dev_put(drm_device* drm) noexcept;

// A plain drm_device on the heap with one reference, the caller's.
// Returns:  null on no memory or a null argument.
[[nodiscard]] drm_device* drm_dev_alloc(const drm_driver* driver, device* parent) noexcept;

// --- Visibility --------------------------------------------------------------------------------------------

// Makes it visible to drm_open, then calls the driver's `load`.
// Returns:  0, also if it was unregistered or unplugged meanwhile, and then it is not visible; -ENODEV if
//           unplugged, or in its last put; -EBUSY if registered, or while another register has not returned;
//           load's error, after the section was closed, drm_wait_event woken, everybody inside waited for,
//           files opened meanwhile made dead (older ones are as they were), and the section opened again.
[[nodiscard]] int drm_dev_register(drm_device* drm, unsigned long flags = 0) noexcept;

// Ends visibility. Open files stay; it is not unplugged. Not registered: no-op. While `load` runs: the
// register goes on, and the drm_device stays invisible.
void drm_dev_unregister(drm_device* drm) noexcept;

// The hardware is gone: closes the section, waits for those inside, ends visibility, wakes blocked file
// operations, and has each open file's hardware mappings taken away. A second call waits for the first and
// does nothing. From inside a guard of anything else, which an `unmap` hook may be revoking, it waits for
// those inside but not for the hooks, unless it comes from a release callback.
// Returns:  0; -EDEADLK, after a WARN naming both places and with nothing changed, from inside the section.
// Blocking: until every reader inside this drm_device has left.
int drm_dev_unplug(drm_device* drm, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) noexcept;

// True once drm_dev_unplug, or the unbind of the parent that owns its registration, has closed the section.
bool drm_dev_is_unplugged(const drm_device* drm) noexcept;

// --- Files -------------------------------------------------------------------------------------------------

// Opens a file, which holds a reference.
// Returns:  0; -ENODEV not registered, unplugged, or closed by a hook of the driver meanwhile; -ENOMEM; the
//           driver's error. `*file` is set on success only.
[[nodiscard]] int drm_open(drm_device* drm, drm_file** file) noexcept;

// Closes it and puts its reference; may be the last. Null is fine. Waits for a hook that another thread is
// running with this file. Called from inside the file's own open or unmap hook it returns at once, and the
// file is closed when the hook has returned. Closed already, as in its own postclose: WARN, nothing changes.
void drm_close(drm_file* file) noexcept;

// Calls entry `cmd` of the driver's table.
// Returns:  what the handler returned; -ENODEV once unplugged, or for a file opened during a register that
//           failed; -EINVAL for a command the driver does not have.
// Blocking: a guarded entry waits while a register that failed is taken back; inside a condition of
//           drm_wait_event it gives -ENODEV instead.
long drm_ioctl(drm_file* file, unsigned cmd, void* arg) noexcept;

// For file operations that block: sleeps until condition() holds; it is asked at each drm_wake_up, under a
// lock that keeps the conditions of one drm_device apart.
// Returns:  0; -ENODEV once unplugged; also -ENODEV for a caller that has begun to wait during a register
//           that fails, or is inside the section while such a register is taken back. -EDEADLK, after a WARN,
//           from inside a condition of the same drm_device.
template <class Condition>
[[nodiscard]] int drm_wait_event(drm_device* drm, Condition condition);
void drm_wake_up(drm_device* drm) noexcept;

// --- Managed memory of owners with their own allocation ---------------------------------------------------

// Declared here because the last put calls it; see also drm_managed.h.
// At the very end calls free(container), which lies around the drm_device (M3).
// Returns:  0; -EINVAL, after a WARN, if there is one already or the drm_device is not wholly inside
//           [container, container + size).
[[nodiscard]] int drmm_add_final_kfree(drm_device* drm, void* container, std::size_t size,
                                       void (*free)(void* container)) noexcept;

// --- Implementation of the inline parts -------------------------------------------------------------------

namespace detail {

template <>
inline constexpr bool has_placed_functions<drm_device> = true;

// What the parts of the adapter share.
struct drm_core {
    static gate& section(drm_device* drm) noexcept { return drm->gate_; }
    static void set_drained(drm_device* drm) noexcept
    {
        drm->drained_.store(true, std::memory_order_release);
    }

    // Memory of the caller's may have been a drm_device before.
    static void forget_former_life(drm_device* drm) noexcept;

    // The library allocated the memory at `object` and destroys it with `destroy`.
    static void set_object(drm_device* drm, void* object, void (*destroy)(void*)) noexcept
    {
        drm->container_ = object;
        drm->free_ = destroy;
    }

    // drm_dev_unplug; `function` and `where` are for messages.
    static int unplug(drm_device* drm, const char* function, source_place where) noexcept;

    // --- Sleeping: until something changed since `seen` was read ---

    static std::uint32_t events(const drm_device* drm) noexcept
    {
        return drm->events_.load(std::memory_order_acquire);
    }
    static void sleep(drm_device* drm, std::uint32_t seen) noexcept;
    // The same, with a report in the name of `function` if it takes long (V11).
    static void sleep(drm_device* drm, std::uint32_t seen, wait_clock& clock, const char* function) noexcept;
    template <class Done>
    static void wait_until(drm_device* drm, const char* function, Done done) noexcept
    {
        for (wait_clock clock;;) {
            const std::uint32_t seen = events(drm);
            if (done())
                return;
            sleep(drm, seen, clock, function);
        }
    }
    // The newest of those who wait for an event. In the child of a fork those of the parent do not.
    static event_waiter*& waiters_locked(drm_device* drm) noexcept DEVRES_REQUIRES(drm->files_lock_);
    // Tells those who have begun to wait for an event during the register under way, which has failed.
    static void stop_waiters_locked(drm_device* drm) noexcept DEVRES_REQUIRES(drm->files_lock_);

    // True if this thread asks a condition of drm_wait_event; the second after a WARN: the next would wait
    // for it.
    static bool is_asking(const drm_device* drm) noexcept;
    static bool warn_if_asking(drm_device* drm) noexcept;
    static void begin_asking(drm_device* drm) noexcept;
    class asking {
    public:
        explicit asking(drm_device* drm) noexcept : drm_(drm) { begin_asking(drm_); }
        ~asking() { drm_->asker_.store(nullptr, std::memory_order_relaxed); }
        asking(const asking&) = delete;
        asking& operator=(const asking&) = delete;

    private:
        drm_device* drm_;
    };

    // --- Files ---

    // Marks dead what was opened during the register under way.
    static void kill_files_locked(drm_device* drm) noexcept DEVRES_REQUIRES(drm->files_lock_);
    static void unmap_files(drm_device* drm) noexcept;
    static void call_unmap(drm_device* drm, drm_file* file) noexcept;
    static drm_file* begin_unmap(drm_device* drm) noexcept;
    // Puts the file on a list, as its newest.
    static void link_locked(drm_file* file, drm_file** list) noexcept DEVRES_REQUIRES(file->drm->files_lock_);
    static void unlink_locked(drm_file* file) noexcept DEVRES_REQUIRES(file->drm->files_lock_);
    // The hook has returned; wakes a closer that waits for that.
    // Returns: `by_hook`: the caller must finish_close() the file, which is off the lists. `asked`: another
    //          thread frees it as soon as the lock is left.
    static drm_file::closing end_hook_locked(drm_file* file) noexcept DEVRES_REQUIRES(file->drm->files_lock_);
    static void finish_close(drm_file* file) noexcept;
    // Enters the section for a guarded entry of the driver's table.
    static drm_dev_guard enter(drm_file* file, source_place where) noexcept;

    // Tells the analysis that a file on a list of `drm` has the lock of `drm`.
    static void is_of(drm_device* drm, drm_file* file) noexcept DEVRES_REQUIRES(drm->files_lock_)
        DEVRES_ASSERT_CAPABILITY(file->drm->files_lock_)
    {
        static_cast<void>(drm);
        static_cast<void>(file);
    }
};

// Who is in drm_wait_event. It lives on that thread's stack.
class event_waiter {
public:
    explicit event_waiter(drm_device* drm) noexcept;
    ~event_waiter();
    event_waiter(const event_waiter&) = delete;
    event_waiter& operator=(const event_waiter&) = delete;

    bool must_stop() noexcept;

private:
    friend struct drm_core;

    // Tells the analysis that one on the list of `drm` has the lock of `drm`.
    static void is_of(drm_device* drm, event_waiter* one) noexcept DEVRES_REQUIRES(drm->files_lock_)
        DEVRES_ASSERT_CAPABILITY(one->drm_->files_lock_)
    {
        static_cast<void>(drm);
        static_cast<void>(one);
    }

    drm_device* const drm_;
    event_waiter* next_ DEVRES_GUARDED_BY(drm_->files_lock_) = nullptr;
    event_waiter** link_ DEVRES_GUARDED_BY(drm_->files_lock_) = nullptr; // what points to this one
    std::uint32_t began_in_ DEVRES_GUARDED_BY(drm_->files_lock_) = 0;    // how many registers had begun
    bool told_to_stop_ DEVRES_GUARDED_BY(drm_->files_lock_) = false;
    const unsigned generation_ = fork_generation();
};

// True if T has an operator new of its own that says by null that there is no memory. Else the global one is
// used, whatever else T declares.
template <class T>
concept has_nothrow_new = requires
{
    T::operator new (std::size_t{}, std::nothrow);
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                               \
    "-Wmissing-field-initializers" // an aggregate's other members have their defaults
template <class T, class... Args>
T* new_drm_object(Args&&... args)
{
    // An aggregate takes braces: the base, then its members.
    if constexpr (std::is_constructible_v<T, Args...> && has_nothrow_new<T>)
        return new (std::nothrow) T(std::forward<Args>(args)...);
    else if constexpr (std::is_constructible_v<T, Args...>)
        return ::new (std::nothrow) T(std::forward<Args>(args)...);
    else if constexpr (has_nothrow_new<T>)
        return new (std::nothrow) T{{}, std::forward<Args>(args)...};
    else
        return ::new (std::nothrow) T{{}, std::forward<Args>(args)...};
}
#pragma GCC diagnostic pop

template <class T>
void destroy_drm_object(void* object) noexcept
{
    auto* whole = static_cast<T*>(object); // SAFETY: only set for objects of new_drm_object<T>
    if constexpr (has_nothrow_new<T>)
        delete whole;
    else
        ::delete whole;
}

} // namespace detail

template <class Condition>
int drm_wait_event(drm_device* drm, Condition condition)
{
    if (detail::drm_core::warn_if_asking(drm))
        return -EDEADLK;
    detail::event_waiter waiter(drm);
    for (;;) {
        const std::uint32_t seen = detail::drm_core::events(drm);
        {
            const detail::scoped_lock held(drm->condition_lock_);
            if (waiter.must_stop())
                return -ENODEV;
            const detail::drm_core::asking now(drm);
            if (condition())
                return 0;
        }
        detail::drm_core::sleep(drm, seen);
    }
}

// --- The section ------------------------------------------------------------------------------------------

// Enters the section of this drm_device. Nests, and may sleep inside.
// Returns:  true, and `*idx` to be given to drm_dev_exit by the same thread; false once unplugged.
// Cost:     about a nanosecond with drm_dev_exit; nothing shared is written.
[[nodiscard]] inline bool drm_dev_enter(drm_device* drm, int* idx, const char* file = __builtin_FILE(),
                                        int line = __builtin_LINE()) noexcept
{
    detail::reader_slot* slot = detail::try_enter(drm->gate_, {file, line});
    if (!slot) [[unlikely]]
        return false;
    *idx = detail::slot_index(slot);
    return true;
}

// Leaves it, once. Not entered with this idx by this thread: WARN, also if a devres_ptr's guard has that
// number. A number does not say of what it is, and is used again. So this is not detected: a second exit, or
// one with a number that was never entered (such as 0), ends the section of any drm_device, or the guard of a
// revocable, that this thread has entered with that number.
inline void drm_dev_exit(int idx) noexcept
{
    detail::leave_index(idx, "drm_dev_exit");
}

// The section as a scope, and the proof of being inside that guarded ioctls get.
class [[nodiscard]] drm_dev_guard {
public:
    [[gnu::always_inline]] explicit drm_dev_guard(drm_device* drm, const char* file = __builtin_FILE(),
                                                  int line = __builtin_LINE()) noexcept
        : drm_(drm), slot_(detail::try_enter(drm->gate_, {file, line}))
    {
    }
    drm_dev_guard(drm_dev_guard&& other) noexcept
        : drm_(other.drm_), slot_(std::exchange(other.slot_, nullptr))
    {
    }
    drm_dev_guard& operator=(drm_dev_guard&&) = delete;
    [[gnu::always_inline]] ~drm_dev_guard()
    {
        if (slot_)
            detail::leave(slot_);
    }

    // False if the device is unplugged.
    explicit operator bool() const noexcept { return slot_ != nullptr; }
    drm_device* device() const noexcept { return drm_; }

    // A guard that may be moved to another thread and end there; see revocable_guard::detach.
    drm_dev_guard detach() noexcept
    {
        return {drm_, slot_ ? detail::detach(std::exchange(slot_, nullptr)) : nullptr};
    }

private:
    friend struct detail::drm_core;
    drm_dev_guard(drm_device* drm, detail::reader_slot* slot) noexcept : drm_(drm), slot_(slot) {}

    drm_device* drm_;
    detail::reader_slot* slot_;
};

// --- Allocation together with a device --------------------------------------------------------------------

// Makes a T, derived from drm_device, on the heap. Its first reference is dropped when `parent` releases its
// resources; it is freed at the last put (M4). An operator new of T's own serves if it has a form with
// std::nothrow, else the global one.
// Returns:  null on no memory, with everything unwound, or on a null argument, with no T made. What T's
//           constructor throws is rethrown; what it had attached to its own drm_device is released, when T's
//           members are gone: an action of a constructor that may still throw must not touch them.
template <class T, class... Args>
[[nodiscard]] T* devm_drm_dev_alloc(device* parent, const drm_driver* driver, Args&&... args)
{
    static_assert(std::is_base_of_v<drm_device, T> && std::is_convertible_v<T*, drm_device*>,
                  "devres: devm_drm_dev_alloc<T> needs a T derived from drm_device");
    if (!parent || !driver) // asked before there is a T, whose destructor may call what needs them
        return nullptr;
    T* object = detail::new_drm_object<T>(std::forward<Args>(args)...);
    if (!object)
        return nullptr;
    if (drm_dev_init(object, driver, parent)) {
        detail::destroy_drm_object<T>(object);
        return nullptr;
    }
    detail::drm_core::set_object(object, object, &detail::destroy_drm_object<T>);
    if (devm_add_action_or_reset(parent, &drm_dev_put, static_cast<drm_device*>(object)))
        return nullptr;
    return object;
}

} // namespace devres
