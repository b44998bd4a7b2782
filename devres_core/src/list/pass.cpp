// SPDX-License-Identifier: MIT
//
// Built with exceptions on, so that one leaving a release callback meets noexcept and terminates.

#include "list/pass.h"

#include "list/two_step.h"

namespace devres {
namespace detail {

// --- Under the lock ----------------------------------------------------------------------------------------

// True if something in a pass has that epoch: it would look listed if the list had it, too (C16).
bool pass::is_in_use_locked(devres_head* head, std::uint32_t epoch) noexcept
{
    for (const pass* p = passes_of(head); p; p = p->next_)
        if (p->epoch_ == epoch)
            return true;
    return epoch == no_epoch;
}

void pass::take_all_locked(devres_head* head) noexcept
{
    epoch_ = list_of(head).epoch_locked();
    std::uint32_t next = epoch_;
    do
        next += epoch_step;
    while (is_in_use_locked(head, next));
    pending_ = list_of(head).detach_all_locked(next);
}

// Goes on counting where the pass around this one is.
void pass::note_outer_locked(devres_head* head) noexcept
{
    outer_ = innermost_locked(head);
    if (!outer_)
        return;
    counts_ |= outer_->counts_;
    attached_ = outer_->attached_;
    rounds_ = outer_->rounds_;
}

void pass::note_attach_locked(devres_head* head) noexcept
{
    for (pass* p = innermost_locked(head); p; p = p->outer_)
        p->attached_ = p->counts_;
}

bool pass::is_here_locked(devres_head* head, kind what) noexcept
{
    const pass* p = innermost_locked(head);
    while (p && p->kind_ != what)
        p = p->outer_;
    return p != nullptr;
}

// True if a pass of a thread other than `thread` is active.
bool pass::is_busy_locked(devres_head* head, const void* thread) noexcept
{
    for (const pass* p = passes_of(head); p; p = p->next_)
        if (p->thread_ != thread && p->now() == activity::active)
            return true;
    return false;
}

// Calls those that have nobody to wait for any more. They are active from then on, so that the head stays
// until they have looked at it.
void pass::call_waiting_locked(devres_head* head) noexcept
{
    for (pass* p = passes_of(head); p; p = p->next_)
        if (p->now() == activity::waiting && !is_busy_locked(head, p->thread_) &&
            p->change(activity::waiting, activity::active))
            env_wake(p->activity_);
}

// Does not touch the slots: the memory that they lie in is freed as a whole, by this pass or another.
unused_memory pass::forget_freed() noexcept
{
    others_ += static_cast<int>(freed_.slot_count);
    const unused_memory unused{kept_, freed_.blocks};
    kept_ = nullptr;
    freed_ = {};
    return unused;
}

unused_memory pass::give_back_locked(devres_head* head) noexcept
{
    const std::uint32_t before = freed_.slot_count;
    const unused_memory unused = take_back_locked(head, freed_);
    others_ += static_cast<int>(before - freed_.slot_count);
    return unused;
}

void pass::leave_locked(devres_head* head) noexcept
{
    pass** at = &passes_of(head);
    while (*at != this)
        at = &(*at)->next_;
    *at = next_;
    if (passes_of(head)) [[unlikely]]
        call_waiting_locked(head);
}

// --- Releasing ---------------------------------------------------------------------------------------------

// Leaves a resource to the thread that is still constructing it.
// Returns: false if that thread has finished meanwhile, so that the resource can be released.
bool pass::abandon(resource* res) noexcept
{
    const guard held(head_, "release");
    if (resource_state::of(res).life() != life_state::constructing)
        return false;
    set_life(res, life_state::abandoned);
    return true;
}

inline void pass::free_slot(resource* res) noexcept
{
    // An action's payload is known to nobody but the library, which may still look for it by key.
    if constexpr (checked_memory)
        if (res->ops->kind != resource_kind::action)
            poison(res->payload(), exact_size(res));
    res->next = freed_.slots;
    freed_.slots = res;
    ++freed_.slot_count;
}

void pass::free(resource* res, resource_state state) noexcept
{
    switch (state.storage()) {
    case storage_kind::slot:
        free_slot(res);
        --others_; // a slot is not counted here as well, but where it was released, if it was
        return;
    case storage_kind::block:
        res->next = freed_.blocks;
        freed_.blocks = res;
        return;
    case storage_kind::shared:
        let_go_of_shared(res);
        return;
    case storage_kind::heap:
        free_resource(res, source_);
        return;
    case storage_kind::callers:
        return;
    }
}

// Releases what is not simply a whole resource in a slot.
void pass::release_rare(resource* res, resource_state state) noexcept
{
    if (state.life() == life_state::constructing) {
        const description what = describe(res);
        if (abandon(res)) {
            warn("release", head_, what,
                 "released while it is still being constructed; the constructing call fails");
            return;
        }
        state = resource_state::of(res, std::memory_order_acquire);
    }
    const resource_ops* ops = res->ops;
    if (state.life() != life_state::cancelled) {
        others_ += ops->kind < resource_kind::group ? 1 : 0;
        if (ops->release)
            ops->release(head_, res);
    }
    free(res, state);
}

inline void pass::release(resource* res) noexcept
{
    // Acquire: who sees that the resource is whole sees what its constructor has written.
    const resource_state state = resource_state::of(res, std::memory_order_acquire);
    if (!state.is_plain_slot()) [[unlikely]] {
        release_rare(res, state);
        return;
    }
    if (const auto release_it = res->ops->release) [[likely]]
        release_it(head_, res);
    free_slot(res);
}

// What is pending is read anew for each one: a callback may have ended the owner, and released it.
void pass::run() noexcept
{
    const release_scope releasing;
    const bool listened_to = logging();
    while (resource* res = pending_) {
        if (listened_to) [[unlikely]] {
            // The hook may do so as well: what it is told of is still pending, and it is told once.
            if (res != announced_) {
                announced_ = res;
                log_event("REL", head_, describe(res));
                continue;
            }
            announced_ = nullptr;
        }
        pending_ = static_cast<resource*>(res->prev);
        release(res);
    }
}

int pass::finish() noexcept
{
    while (head_) {
        unused_memory unused;
        bool left = false;
        {
            const guard held(head_, "release");
            unused = give_back_locked(head_);
            // The environment's memory can be freed after leaving: a user's upstream may be gone by then.
            left = freed_.empty() && (!unused || !source_);
            if (left)
                leave_locked(head_);
        }
        if (unused)
            free_unused(source_, unused);
        if (left)
            return released();
    }
    free_unused(source_, forget_freed());
    return released();
}

} // namespace detail

using namespace detail;

int devres_release_all(devres_head* head) noexcept
{
    pass all(head);
    {
        const guard held(head, "devres_release_all");
        if (list_of(head).empty_locked())
            return 0;
        all.join_locked(head);
        all.take_all_locked(head);
    }
    return all.complete();
}

} // namespace devres
