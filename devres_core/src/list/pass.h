// SPDX-License-Identifier: MIT
//
// A pass: the resources that one thread has taken off the list and releases, newest first, without the lock.
//
// It lives on that thread's stack and joins the head under the lock, in the section in which it takes its
// first resource, so that an owner's end finds it and waits for it (C15). A claim is a pass over one
// resource; a construction (A8), and a search that builds an index (A5), joins with nothing to release; an
// owner's end is a pass that begins again until nothing is left (end.cpp). README.md of this folder has the
// tables.
//
// Thread safety: a pass belongs to its thread. Other threads that hold the list look at `next_`, `thread_`,
//                `epoch_` and `activity_`, and change the first when a neighbour leaves, and the last. What
//                the same thread does in a callback of the pass may change all of it.
//
// Invariants
// 1. After a callback nothing of the head is touched unless `head_` is still set. Whoever ends the head on
//    this very thread, inside the callback, clears it; whoever ends it on another thread waits until the pass
//    has left (C14).
// 2. What was released is given back to the head, or leaves its memory, before the pass leaves, and goes back
//    to a user's upstream before that, too, so that the upstream is still there. If the owner has ended on
//    this thread, what is left goes back when the pass is finished: the upstream outlives that call.
// 3. Leaving is the last touch of the head: under the lock the pass takes itself off the head, and once that
//    lock is released the head may be gone.
#pragma once

#include <devres/env/sanitizer.h>

#include "env/env.h"
#include "list/memory.h"

namespace devres::detail {

inline pass*& passes_of(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
{
    return head->passes_;
}

class pass {
public:
    enum class kind : unsigned char { releasing, constructing, searching }; // the last builds an index

    explicit pass(kind what = kind::releasing) noexcept : kind_(what), counts_(what == kind::releasing) {}
    // Neither copied nor assigned: it has an atomic member.

    // --- Under the lock ---
    // Each pass joins once at most, and passes of one thread leave in the reverse order. Whoever lets it join
    // has to finish() it, but for an end of the owner, which leaves by itself.
    void join_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    // Takes everything off the list. Requires: the list is not empty.
    void take_all_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    // Takes one resource off the list, to be released before those that were taken so far.
    void take_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head))
    {
        list_of(head).unlink_locked(res, resource_state::of(res).life());
        res->prev = pending_;
        pending_ = res;
    }
    // Joins, and takes one resource.
    void claim_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head))
    {
        join_locked(head);
        take_locked(head, res);
    }

    // --- Without ---
    // Releases what is pending, gives the memory back and leaves the head, if it has joined.
    // Returns: how many resources were released, group markers not counted.
    int finish() noexcept;

    // The newest resource that is pending, or null; from now on it is the caller's.
    resource* pop() noexcept
    {
        resource* res = pending_;
        if (res)
            pending_ = static_cast<resource*>(res->prev);
        return res;
    }
    // Done with it: frees it, or keeps its memory until that can go back to the head.
    void discard(resource* res) noexcept { free(res, resource_state::of(res)); }

    // The head that it has joined, or null: before, afterwards, and once the owner has ended on this thread.
    devres_head* head() const noexcept { return head_; }

    // --- Questions about a head ---
    // True if a pass of that kind is under way on this thread.
    static bool is_here_locked(devres_head* head, kind what) noexcept DEVRES_REQUIRES(list_of(head));
    // Tells the passes of this thread that one of their callbacks has attached something (C12).
    static void note_attach_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));

private:
    friend class owner_end;

    // A pass that waits for nothing but other passes is itself not waited for: so two ends do not wait for
    // each other. The table "A pass" says who moves one from which to which.
    enum activity : std::uint32_t { active, waiting, dismissed };

    bool is(activity what) const noexcept { return activity_.load(std::memory_order_acquire) == what; }
    bool change(std::uint32_t from, activity to) noexcept
    {
        return activity_.compare_exchange_strong(from, to, std::memory_order_acq_rel);
    }

    void note_outer_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    // The pass of this thread that has joined last, or null.
    static pass* innermost_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
    {
        pass* p = passes_of(head);
        while (p && p->thread_ != this_thread())
            p = p->next_;
        return p;
    }
    static bool is_in_use_locked(devres_head* head, std::uint32_t epoch) noexcept
        DEVRES_REQUIRES(list_of(head));
    static bool is_busy_locked(devres_head* head, const void* thread) noexcept DEVRES_REQUIRES(list_of(head));
    static void call_waiting_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    // True if there is nothing else: no other pass, and an empty list.
    bool is_last_locked(devres_head* head) const noexcept DEVRES_REQUIRES(list_of(head))
    {
        return passes_of(head) == this && !next_ && list_of(head).empty_locked();
    }
    // From now on this pass waits for others, and nobody waits for it.
    void wait_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    void leave_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));

    // Releases what is pending.
    void run() noexcept;
    bool announce(resource* res) noexcept;
    void release(resource* res) noexcept;
    void release_rare(resource* res, resource_state state) noexcept;
    bool abandon(resource* res) noexcept;
    void free(resource* res, resource_state state) noexcept;
    void free_slot(resource* res) noexcept;
    // Does not touch the slots: the memory that they lie in is freed as a whole, by this pass or another.
    unused_memory forget_freed() noexcept
    {
        const unused_memory unused{kept_, freed_.blocks};
        kept_ = nullptr;
        freed_ = {};
        return unused;
    }
    // Once `head_` is null: frees what an end of the owner on this thread has left here. There is nothing
    // after an ordinary leave.
    void free_left() noexcept
    {
        if (kept_ || !freed_.empty()) [[unlikely]]
            free_unused(source_, forget_freed());
    }
    bool has_taken_all() const noexcept { return epoch_ != no_epoch; }

    devres_head* head_ = nullptr;
    upstream* source_ = nullptr; // of the head that it has joined
    pass* next_ = nullptr;       // further passes of the head
    pass* outer_ = nullptr;      // the pass of this thread in whose callback this one has joined
    const void* thread_ = this_thread();
    resource* pending_ = nullptr;         // newest first, linked by `prev`
    const resource* announced_ = nullptr; // the newest one, if a log hook has been told of its release
    released_memory freed_;
    block* kept_ = nullptr; // the head's memory, if the head has ended inside a callback of this pass
    std::uint32_t epoch_ = no_epoch; // of what it has taken
    int released_ = 0;
    kind kind_;
    // For the cut-off (C12). README.md says what a round is.
    bool counts_;           // false for a construction or a search that is inside no callback
    bool attached_ = false; // this thread has attached something since the last round
    bool told_ = false;     // of its cut-off, this pass or one around it
    int rounds_ = 0;        // so far
    std::atomic<std::uint32_t> activity_{active};
};

inline void pass::join_locked(devres_head* head) noexcept
{
    head_ = head;
    source_ = upstream_of(head);
    next_ = passes_of(head);
    if (next_) [[unlikely]]
        note_outer_locked(head);
    passes_of(head) = this;
}

// Puts a resource on the head as its newest one.
inline void attach_locked(devres_head* head, resource* res, life_state life = life_state::listed) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    list_of(head).link_locked(res, life);
    if (passes_of(head)) [[unlikely]]
        pass::note_attach_locked(head);
}

} // namespace devres::detail
