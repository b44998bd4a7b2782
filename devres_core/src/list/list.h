// SPDX-License-Identifier: MIT
//
// How a list is held, and what can be done with it while it is held (detail/resource_list.h).
//
// Thread safety: a guard belongs to the thread that made it.
// Locking: no code of the user runs, but for an owner's name in a BUG, and nothing is allocated or freed,
//          while a `guard` lives. A `callback_guard` is for match and for_each callbacks, which run under the
//          lock (C2).
#pragma once

#include <devres/devres.h>
#include <devres/env/thread.h>

#include "list/state.h"

namespace devres::detail {

inline resource_list& list_of(devres_head* head) noexcept DEVRES_RETURN_CAPABILITY(head->list_)
{
    return head->list_;
}

// Holds a list to the end of the scope. `function` is for the BUG if the list is held by a match or for_each
// callback of this very thread.
class DEVRES_SCOPED_CAPABILITY [[nodiscard]] guard {
public:
    guard(devres_head* head, const char* function) noexcept DEVRES_ACQUIRE(list_of(head))
        : lock_(list_of(head).lock_)
    {
        if (!lock_.try_acquire(&token_)) [[unlikely]]
            token_ = acquire_slowly(head, function);
    }
    ~guard() DEVRES_RELEASE() { lock_.release(token_); }
    guard(const guard&) = delete; // nor assigned: it has a reference

private:
    static head_lock::token acquire_slowly(devres_head* head, const char* function) noexcept;

    head_lock& lock_;
    head_lock::token token_;
};

// Holds a list while callbacks run under its lock. One that comes back to this head finds the lock held by
// its own thread, which is a BUG instead of a deadlock (C2).
class DEVRES_SCOPED_CAPABILITY [[nodiscard]] callback_guard {
public:
    callback_guard(devres_head* head, const char* function) noexcept DEVRES_ACQUIRE(list_of(head));
    ~callback_guard() DEVRES_RELEASE();
    callback_guard(const callback_guard&) = delete;

    // BUG if this thread is in a match or for_each callback of `head`.
    static void reject(devres_head* head, const char* function) noexcept;

private:
    resource_list& list_;
};

// --- The list ----------------------------------------------------------------------------------------------

inline void resource_list::link_locked(resource* res, life_state life) noexcept
{
    // Release, as in holds_locked() acquire: for who holds another list and asks it for a node.
    resource_state::of(res).with(life).with_epoch(epoch_).store(res, std::memory_order_release);
    link_new_locked(res);
}

inline void resource_list::link_behind_locked(resource* res, life_state life, resource* older) noexcept
{
    resource_state::of(res).with(life).with_epoch(epoch_).store(res);
    chain(res, older, older->next);
}

inline void resource_list::unlink_locked(resource* res, life_state life) noexcept
{
    res->next->prev = res->prev;
    res->prev->next = res->next;
    set_life(res, life);
}

inline bool resource_list::holds_locked(const resource* res) const noexcept
{
    return resource_state::of(res, std::memory_order_acquire).has_epoch(epoch_);
}

inline resource* resource_list::detach_all_locked(std::uint32_t next_epoch) noexcept
{
    resource* newest = at(ends_.prev);
    ends_.next->prev = nullptr;
    ends_.next = ends_.prev = &ends_;
    epoch_ = next_epoch;
    return newest;
}

} // namespace devres::detail
