// SPDX-License-Identifier: MIT
//
// The list of resources of one owner, together with the lock that guards it.
//
// An intrusive, doubly linked list, oldest resource first. It is its own capability: the functions ending in
// `_locked` require that the calling thread holds the list through a `guard` or a `callback_guard`, which are
// defined, like those of these functions that know the state of a resource, in src/list/list.h.
//
// Invariants
// 1. Following `next` from the list visits every listed resource from the oldest to the newest; following
//    `prev` visits the same ones the other way round.
// 2. A resource of this head that was initialised is on the list if and only if its epoch is the list's.
//    Taking everything off in one step is therefore a change of the epoch.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/annotations.h>
#include <devres/detail/resource.h>
#include <devres/env/lock.h>

namespace devres::detail {

enum class life_state : std::uint32_t;

class DEVRES_CAPABILITY resource_list {
public:
    resource_list() noexcept : ends_{&ends_, &ends_} {}
    resource_list(const resource_list&) = delete;
    resource_list& operator=(const resource_list&) = delete;

    bool empty_locked() const noexcept DEVRES_REQUIRES(this) { return ends_.next == &ends_; }

    // Walking: null at either end.
    resource* newest_locked() const noexcept DEVRES_REQUIRES(this) { return at(ends_.prev); }
    resource* oldest_locked() const noexcept DEVRES_REQUIRES(this) { return at(ends_.next); }
    resource* older_locked(const resource* res) const noexcept DEVRES_REQUIRES(this) { return at(res->prev); }
    resource* newer_locked(const resource* res) const noexcept DEVRES_REQUIRES(this) { return at(res->next); }

    // Puts `res` on the list as its newest resource. Its life is `life` from now on, here and below.
    void link_locked(resource* res, life_state life) noexcept DEVRES_REQUIRES(this);
    // The same for a resource that is not known to anybody yet, and whose state has the list's epoch.
    void link_new_locked(resource* res) noexcept DEVRES_REQUIRES(this) { chain(res, ends_.prev, &ends_); }
    // Puts `res` right behind `older`, as the next newer one: it is released just before `older`.
    void link_behind_locked(resource* res, life_state life, resource* older) noexcept DEVRES_REQUIRES(this);
    // Takes `res` off the list. It has no epoch from now on.
    void unlink_locked(resource* res, life_state life) noexcept DEVRES_REQUIRES(this);
    // True if `res`, of this head and in whatever life, is on the list now, and in no pass.
    bool holds_locked(const resource* res) const noexcept DEVRES_REQUIRES(this);

    std::uint32_t epoch_locked() const noexcept DEVRES_REQUIRES(this) { return epoch_; }
    // Takes everything off the list at once; from now on its epoch is `next_epoch`.
    // Returns: the newest resource; the older ones follow through `prev`, up to null.
    // Requires: not empty; no resource of any pass has the epoch `next_epoch`.
    resource* detach_all_locked(std::uint32_t next_epoch) noexcept DEVRES_REQUIRES(this);

private:
    friend class guard;
    friend class callback_guard;

    resource* at(links* place) const noexcept DEVRES_REQUIRES(this)
    {
        return place == &ends_ ? nullptr : static_cast<resource*>(place); // SAFETY: all others are resources
    }
    static void chain(resource* res, links* older, links* newer) noexcept
    {
        // In this order the compiler does not join the two stores to `res` by way of a vector register.
        res->next = newer;
        older->next = res;
        res->prev = older;
        newer->prev = res;
    }

    head_lock lock_;
    // The thread that is in a match or for_each callback under this lock, or null.
    std::atomic<const void*> calling_back_{nullptr};
    links ends_ DEVRES_GUARDED_BY(this); // oldest at next, newest at prev
    std::uint32_t epoch_ DEVRES_GUARDED_BY(this) = 0;
};

} // namespace devres::detail
