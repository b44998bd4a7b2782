// SPDX-License-Identifier: MIT
//
// A binding: one bind of one device, an identity that is never reused.
//
// It outlives the bind for as long as a handle refers to it, closes everything that belongs to the bind in
// one step, and is what bound_device proves.
//
// Thread safety: every function may be called by any thread that holds a reference.
// Invariants
// 1. Once the domain is closed no member is added, and has_readers_ no longer changes.
// 2. Members are found by identity and removed in constant time, however many there are.
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <devres/detail/action.h>
#include <devres/detail/revocation.h>
#include <devres/device.h>

namespace devres::detail {

// Something else that ends with the binding, such as a drm_device registered by it. It lives in its owner,
// who takes it off the binding before it goes.
struct binding_member {
    using notify_fn = void (*)(binding_member* member) noexcept;

    binding_member(gate& gate_of_it, notify_fn wake_it, notify_fn on_drained) noexcept
        : object(gate_of_it), wake(wake_it), drained(on_drained)
    {
    }
    binding_member(const binding_member&) = delete;
    binding_member& operator=(const binding_member&) = delete;

    gate& object;
    // Both are called under the binding's lock and must not call back into the binding.
    const notify_fn wake;    // everything of the binding is closed: wakes who sleeps inside `object`
    const notify_fn drained; // all readers are out; nothing has been released yet

private:
    friend class member_table;
    binding_member* next_ = nullptr;  // in the bucket
    binding_member** link_ = nullptr; // what points to this one; null: not in a table
};

// The members of one binding by the identity of their gates: a hash table whose links lie in the members.
// Thread safety: none; the binding's lock guards it.
class member_table {
public:
    member_table() noexcept = default;
    ~member_table();
    member_table(const member_table&) = delete;
    member_table& operator=(const member_table&) = delete;

    void insert(binding_member* member) noexcept;
    void remove(binding_member* member) noexcept; // not in the table: no-op
    bool contains(identity id) const noexcept;

    void close_all() const noexcept;
    // Calls the function of each member that `which` selects.
    void notify_all(const binding_member::notify_fn binding_member::*which) const noexcept;

    // How many buckets it should have now: more than it has if it is full, else 0.
    std::size_t wanted() const noexcept { return count_ < size_ ? 0 : 2 * size_; }
    // Moves everything to `size` empty buckets, a power of two.
    // Returns: the former buckets, for the caller to delete; null if those were the first ones.
    binding_member** rehash(binding_member** buckets, std::size_t size) noexcept;

private:
    static constexpr std::size_t first_size = 4;

    // The gates of members have consecutive identities.
    binding_member** bucket_of(identity id) const noexcept
    {
        return &buckets_[id / revoke::step & (size_ - 1)];
    }
    void link(binding_member* member) noexcept;
    template <class Visit>
    void for_each(Visit visit) const noexcept;

    binding_member* first_[first_size] = {};
    binding_member** buckets_ = first_;
    std::size_t size_ = first_size;
    std::size_t count_ = 0;
};

// Something that the last of its users could not free yet, because the device's list may still be busy with
// it.
struct binding_leftover {
    binding_leftover* next = nullptr;
};

class binding {
public:
    explicit binding(device* dev) noexcept : device_(dev) {}
    binding(const binding&) = delete;
    binding& operator=(const binding&) = delete;

    const domain_gate& domain() const noexcept { return domain_; }

    void get() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void put() noexcept;

    // The device, without a reference; null once the bind has ended.
    device* peek_device() noexcept;
    // The same for borrowed_device.
    device* borrow_device() noexcept;

    // Returns: false if the binding is closed already.
    bool add_member(binding_member* member) noexcept;
    void remove_member(binding_member* member) noexcept;

    // From now on somebody may be inside, so that unbind has to wait.
    // Returns: false if the binding was closed before anybody said so.
    bool expect_readers() noexcept;

    // Everybody inside the binding or one of its members.
    reader_set readers() const noexcept { return {&names, this}; }

    // D3 (2): closes the domain and every member, wakes who sleeps inside a member, then waits once.
    // `function` and `owner` say in reports who waits.
    void close_and_wait(const char* function, devres_head* owner) noexcept;

    // The same in three steps, for several bindings with one wait: close() all, wait_for_others() for all,
    // then drained() for each, with what that returned.
    // Returns:  false if nobody can be inside.
    bool close() noexcept;
    void drained(bool all_have_left) noexcept;

    // What the wait of unbind has brought so far.
    enum class readers_state : unsigned char {
        not_waited_for,
        have_left,
        some_left_out // see wait_for_others()
    };
    readers_state waited() const noexcept { return waited_.load(std::memory_order_acquire); }

    // Keeps it until everything of the bind has been released. False if that has happened.
    bool keep_until_end(binding_leftover* leftover) noexcept;

    // --- What cannot be ended from inside itself, as by the release of a group there, waits for unbind ---
    // So that no pass of the device takes it again before that, it is on a list of the binding's own.

    // Both are for a node's own release callback, in which it is on no list.
    void park(devres_node* node) noexcept { devres_node_add(&parked_, node); }
    // Puts it back on the device's list. Returns: false if it was not parked: released from another list.
    bool unpark(const devres_head* released_from, devres_node* node) noexcept;
    // Releases all that are parked: the last one, which is the oldest that its pass had, first. So by
    // unpark() what one pass has parked comes to stand in the order that it had.
    // Returns: false if there is none.
    bool unpark_all() noexcept { return devres_drain(&parked_) != 0; }
    // The list, to release one of them or to ask about releases.
    devres_head* parked() noexcept { return &parked_; }

    // D3 (4): the device has nothing more to do with it.
    // Returns: what was kept, for the caller to free.
    binding_leftover* end() noexcept;

private:
    static bool names(const void* self, identity domain, identity object) noexcept;
    ~binding() = default;
    static const char* name_of_parked(devres_head* parked) noexcept;

    domain_gate domain_;
    std::atomic<int> references_{1};
    // Both are only ever set, under lock_ and while the domain is open. So who closes the domain under lock_
    // sees what was set before, and a relaxed look without the lock that finds one set needs no more.
    std::atomic<bool> has_readers_{false};
    std::atomic<bool> has_members_{false};
    std::atomic<readers_state> waited_{readers_state::not_waited_for};
    mutable lock lock_;
    device* device_ DEVRES_GUARDED_BY(lock_);
    member_table members_ DEVRES_GUARDED_BY(lock_);
    binding_leftover* leftovers_ DEVRES_GUARDED_BY(lock_) = nullptr;

    static constexpr devres_owner_ops parked_ops{"parked resources of a device", &name_of_parked};
    devres_head parked_{&parked_ops};
};

// That this thread is busy with a device, which its stack refers to: ~device on this very thread must not
// wait for that.
class device_visit {
public:
    explicit device_visit(device* dev) noexcept : dev_(dev), outer_(std::exchange(innermost, this)) {}
    ~device_visit() { innermost = outer_; }
    device_visit(const device_visit&) = delete;
    device_visit& operator=(const device_visit&) = delete;

    // Null if it has been destroyed meanwhile.
    device* dev() const noexcept { return dev_; }

    static bool is_under_way(const device* dev) noexcept;
    // Nobody's any more: it is being destroyed.
    static void forget(const device* dev) noexcept;

private:
    static constinit thread_local device_visit* innermost;

    device* dev_;
    device_visit* outer_;
};

// Waits for `readers`, as wait_for_readers() does. A hook of the driver may have returned and left the
// calling thread inside some of what is closed: after a WARN nobody inside one of these is waited for (V5).
// Returns: true if all readers have left.
bool wait_for_others(const reader_set& readers, const char* function, devres_head* owner) noexcept;

// Frees what a binding kept. It is where the only kind of leftover is known (devres_ptr.cpp).
void free_leftovers(binding_leftover* kept) noexcept;

// What bind and unbind share, and access to what bound_device hides, for the adapters.
struct device_core {
    static binding* binding_of(const bound_device& dev) noexcept { return dev.binding_; }

    // The section that bind, unbind and delete of one device exclude each other in (D6). It borrows the
    // device, since what runs inside may drop the last other reference.
    // Requires: would_deadlock() has said no.
    // Returns: false, after a WARN, if whoever is in it may wait for what this thread is constructing.
    static bool enter_section(device* dev, const char* function) noexcept
        DEVRES_TRY_ACQUIRE(true, dev->bind_lock_);
    // The same with all that is to be asked before an unbind, and once more afterwards: a probe may have made
    // what this thread is inside of a part of the binding.
    static bool enter_to_unbind(device* dev, const char* function, source_place where) noexcept
        DEVRES_TRY_ACQUIRE(true, dev->bind_lock_);
    static void leave_section(device* dev) noexcept DEVRES_RELEASE(dev->bind_lock_);
    class bind_section;

    // Registers it, as a child of its parent: 0, or -ENODEV while its last put releases it. And the reverse;
    // forgotten already: no-op, false.
    static int add(device* dev) noexcept;
    static bool forget(device* dev) noexcept;

    // Unbinds if bound, forgets the device and releases what it has (D4, D5). Returns: 0 or -EDEADLK.
    static int del(device* dev, const char* function, source_place where) noexcept;
    // True, after a WARN, if the calling thread may not wait for the section: it is in it, or whoever is
    // waits for it.
    static bool would_deadlock(device* dev, const char* function) noexcept;
    // True if the calling thread is inside a release callback of something of the device.
    static bool is_releasing(device* dev) noexcept;
    // True, after a WARN, if the calling thread is inside what unbind would wait for (D3 (0)).
    static bool is_inside(device* dev, const char* function, source_place where) noexcept;
    // D3 (1) to (4).
    static void unbind(device* dev, const char* function) noexcept DEVRES_REQUIRES(dev->bind_lock_);
    static void call_remove(device* dev) noexcept DEVRES_REQUIRES(dev->bind_lock_);
    // D3 (2) to (4); and (3) to (4), when the readers have left.
    static void end_binding(device* dev, const char* function) noexcept DEVRES_REQUIRES(dev->bind_lock_);
    static void release_binding(device* dev) noexcept DEVRES_REQUIRES(dev->bind_lock_);

    // A reference as borrowed_device has one, and as whoever is in a section. The second is for somebody who
    // has none, under a lock that the device's end takes as well; false: it is in its last put.
    static void borrow(device* dev) noexcept;
    [[nodiscard]] static bool borrow_if_live(device* dev) noexcept;
    static void give_back(device* dev) noexcept;
    // Waits until nobody has borrowed it any more.
    // Requires: it is not bound, so that nobody can begin to, and this thread has not borrowed it.
    static void wait_for_borrowers(device* dev) noexcept;
    // What follows from the last put.
    static void end(device* dev) noexcept;

    // The binding, with a reference or without; null if not bound.
    static binding* get_binding(device* dev) noexcept;
    static binding* peek_binding(device* dev) noexcept;
};

// The device of a binding, kept for as long as this lives. It is a reference of the library's own, for which
// ~device waits, as its user cannot know of it.
class borrowed_device {
public:
    explicit borrowed_device(binding* from) noexcept : visit_(from->borrow_device()) {}
    ~borrowed_device()
    {
        if (device* dev = visit_.dev())
            device_core::give_back(dev);
    }
    borrowed_device(const borrowed_device&) = delete;
    borrowed_device& operator=(const borrowed_device&) = delete;

    // Null once the bind has ended.
    devres_head* head() const noexcept { return visit_.dev() ? &visit_.dev()->devres : nullptr; }

private:
    device_visit visit_;
};

} // namespace devres::detail
