// SPDX-License-Identifier: MIT

#include "list/pass.h"

#include "list/two_step.h"

namespace devres {
namespace detail {

// --- Under the lock ----------------------------------------------------------------------------------------

// True if something in a pass has that epoch: it would look listed if the list had it, too (C16).
inline bool pass::is_in_use_locked(devres_head* head, std::uint32_t epoch) noexcept
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
    told_ = outer_->told_;
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
        if (p->thread_ != thread && p->is(active))
            return true;
    return false;
}

// Calls those that have nobody to wait for any more. They are active from then on, so that the head stays
// until they have looked at it.
void pass::call_waiting_locked(devres_head* head) noexcept
{
    for (pass* p = passes_of(head); p; p = p->next_)
        if (p->is(waiting) && !is_busy_locked(head, p->thread_) && p->change(waiting, active))
            env_wake(p->activity_);
}

void pass::wait_locked(devres_head* head) noexcept
{
    activity_.store(waiting, std::memory_order_relaxed);
    call_waiting_locked(head); // who has waited for nobody but this one
}

void pass::leave_locked(devres_head* head) noexcept
{
    pass** at = &passes_of(head);
    while (*at != this)
        at = &(*at)->next_;
    *at = next_;
    head_ = nullptr;
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
    // Of an action only the library knows the payload, and a search by key may still read it.
    if constexpr (checked_memory)
        if (res->ops->kind != resource_kind::action)
            poison(res->payload(), exact_size(res));
    res->next = freed_.slots;
    freed_.slots = res;
}

void pass::free(resource* res, resource_state state) noexcept
{
    switch (state.storage()) {
    case storage_kind::slot:
        free_slot(res);
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
        res->prev = pending_; // once more: it is whole now, or has failed
        pending_ = res;
        return;
    }
    const resource_ops* ops = res->ops;
    if (state.life() != life_state::cancelled) {
        released_ += ops->kind < resource_kind::group ? 1 : 0;
        if (state.storage() == storage_kind::shared)
            hide_from_handle(res);
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
    ++released_;
    if (const auto release_it = res->ops->release) [[likely]]
        release_it(head_, res);
    free_slot(res);
}

// Tells the log hook, once, of what is to be released, and is still pending: the hook may end the owner.
// Returns: false if there is nothing to tell; else what is pending may be another one now.
[[gnu::noinline, gnu::cold]] bool pass::announce(resource* res) noexcept
{
    const resource_state state = resource_state::of(res);
    if (state.life() == life_state::constructing) {
        release_rare(pop(), state); // decides, under the lock, whether it is whole by now
        return true;
    }
    if (res == announced_ || state.life() != life_state::listed)
        return false;
    announced_ = res;
    log_event("REL", head_, describe(res));
    return true;
}

// What is pending is read anew for each one: a callback may have ended the owner, and released it.
void pass::run() noexcept
{
    const release_scope releasing;
    const bool listened_to = logging();
    while (resource* res = pending_) {
        if (listened_to && announce(res)) [[unlikely]]
            continue;
        pending_ = static_cast<resource*>(res->prev);
        release(res);
    }
    announced_ = nullptr; // its address may be used again
}

int pass::finish() noexcept
{
    if (pending_)
        run();
    while (devres_head* head = head_) {
        unused_memory unused;
        {
            const guard held(head, "release");
            unused = take_back_locked(head, freed_, is_last_locked(head));
            // The environment's memory can be freed after leaving: a user's upstream may be gone by then.
            if (freed_.empty() && (!unused || !source_))
                leave_locked(head);
        }
        if (unused)
            free_unused(source_, unused);
    }
    free_left();
    return released_;
}

} // namespace detail

using namespace detail;

int devres_release_all(devres_head* head) noexcept
{
    pass all;
    {
        const guard held(head, "devres_release_all");
        if (list_of(head).empty_locked())
            return 0;
        all.join_locked(head);
        all.take_all_locked(head);
    }
    return all.finish();
}

} // namespace devres
