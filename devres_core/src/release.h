// SPDX-License-Identifier: MIT
//
// Passes: how resources that left the list are released, without the lock.
//
// A pass is a record on the stack of the thread that releases, linked on the head while it lasts. It takes
// resources off the list under the lock, then calls them back newest first without it.
//
// Invariants
// 1. After a callback nothing of the head is touched unless `head` is still set: who destroys the head on
//    this very thread, inside the callback, clears it; who destroys it on another thread waits for the pass
//    (C14, C15).
// 2. The slots of what it released are given back in one step at the end.
// 3. Its last touch of the head is leaving the lock under which it took itself off the head, after which the
//    head may be gone. The head's memory has been given back before.
#pragma once

#include <devres/detail/revocation.h>

#include "core.h"

namespace devres::detail {

struct pass {
    pass* next; // on the head, from begin_locked() on
    devres_head* head;
    const void* thread = this_thread();
    resource* pending = nullptr; // newest first, linked by prev
    links* freed = nullptr;      // slots, linked by next
    std::uint32_t freed_count = 0;
    int not_in_slots = 0;  // released besides them, less the group markers among them
    arena* kept = nullptr; // the memory, if the head went or let go of it meanwhile
    bool resumed = false;  // inside one of its callbacks the owner ended, and that released what was pending

    explicit pass(devres_head* owner) noexcept : head(owner) {}

    void begin_locked() noexcept
    {
        next = core::passes(head);
        core::passes(head) = this;
    }
    // With a slot that nobody refers to any more, to be given back at the end.
    void begin_with_freed_locked(resource* res) noexcept;
    // Releases what is pending.
    void run() noexcept;
    // Gives memory back and leaves the head. Must be called once after begin_locked().
    void end() noexcept;
    // run() and end() for a claim, quicker if that is a plain slot and the lock is biased to this thread.
    void finish_one() noexcept;

    // How many resources it has released so far. Before end().
    int released() const noexcept { return static_cast<int>(freed_count) + not_in_slots; }

    // Frees what is pending without releasing it.
    void discard() noexcept;
    // Destroys the one pending callable without calling it.
    void drop() noexcept;

private:
    [[nodiscard]] bool give_one_quickly(resource* res) noexcept;
    [[nodiscard]] bool give_slots_locked(block** garbage) noexcept;
    [[gnu::noinline]] void end_slowly(block* garbage) noexcept;
    void leave_locked() noexcept;
    void release_rare(resource* res, state_word state) noexcept;
    void give_slot(resource* res) noexcept;
    void dispose(resource* res, state_word before) noexcept;
};

// If `res` is still being made, leaves it to the thread that makes it, with a reference on its memory: that
// one will find out when it is done. Called by whoever took it off the list.
bool abandon(devres_head* head, resource* res) noexcept;

// Claims one resource that is on the list: unlinked, and waited for by an owner's end.
inline void claim_locked(pass& claim, resource* res) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    core::unlink_locked(claim.head, res, life::detached);
    res->prev = nullptr;
    claim.pending = res;
    claim.begin_locked();
}

// The same, if the lock is biased to this thread and take(head), under it, finds a resource and takes it off
// the list.
// Returns: false, with nothing done, if it is not so; the caller must then take the lock another way.
template <class Take>
bool claim_quickly(pass& claim, Take take) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    core::quick_guard held(claim.head);
    resource* res = held ? take(claim.head) : nullptr;
    if (!res)
        return held.fail();
    set_life(res, life::detached);
    res->prev = nullptr;
    claim.pending = res;
    claim.begin_locked();
    return true;
}

} // namespace devres::detail
