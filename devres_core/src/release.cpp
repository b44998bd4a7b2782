// SPDX-License-Identifier: MIT
//
// Built with exceptions on, so that one leaving a release callback meets noexcept and terminates.

#include "release.h"

#include <climits>
#include <cstdlib>
#include <new>
#include <utility>

namespace devres {
namespace detail {

// --- A pass ------------------------------------------------------------------------------------------------

inline void pass::leave_locked() noexcept
{
    pass** at = &core::passes(head);
    while (*at != this)
        [[unlikely]] at = &(*at)->next;
    *at = next;
    std::atomic<std::uint32_t>& ended = core::ended(head);
    ended.store(ended.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

namespace {

// A handle may still know this memory: whoever lets go last gives it back. True if that is the handle.
bool kept_by_handle(resource* res) noexcept
{
    std::uint32_t now = res->state.load(std::memory_order_acquire);
    while (state_word(now).pinned())
        if (res->state.compare_exchange_weak(now, state_word(now).with(life::free).bits(),
                                             std::memory_order_acq_rel))
            return true;
    return false;
}

} // namespace

inline void pass::give_slot(resource* res) noexcept
{
    arena::retire(res);
    res->next = freed;
    freed = res;
    ++freed_count;
}

void pass::begin_with_freed_locked(resource* res) noexcept
{
    freed = nullptr;
    give_slot(res);
    begin_locked();
}

void pass::dispose(resource* res, state_word before) noexcept
{
    if (before.pinned() && kept_by_handle(res))
        return;
    switch (before.memory()) {
    case place::slot:
        give_slot(res);
        return;
    case place::large:
        free_large(res);
        return;
    case place::heap:
        free_raw(res);
        return;
    case place::callers:
        return;
    }
}

// What is not simply a slot of the arena.
void pass::release_rare(resource* res, state_word state) noexcept
{
    if (state.where() == life::constructing) {
        const description what = describe(res);
        if (abandon(head, res)) {
            warn("release", head, what,
                 "released while it is still being constructed; the constructing call fails");
            return;
        }
    }
    const resource_ops* ops = res->ops;
    if (ops->kind < resource_kind::group)
        ++not_in_slots;
    // Once released a node is its owner's again, and its memory may be gone.
    if (state.memory() == place::callers)
        set_life(res, life::idle);
    if (ops->release)
        ops->release(head, res);
    const std::uint32_t slots_before = freed_count; // the callback may have made this pass go on
    dispose(res, state);
    not_in_slots -= static_cast<int>(freed_count - slots_before);
}

void pass::run() noexcept
{
    const release_scope releasing;
    const bool log = logging();
    for (resource* res = pending; res;) {
        auto* older = static_cast<resource*>(res->prev);
        __builtin_prefetch(older);
        pending = older;
        if (log) [[unlikely]]
            log_event("REL", head, describe(res));
        const state_word state(res->state.load(std::memory_order_acquire));
        if (state.is_plain_slot()) [[likely]] {
            const resource_ops* ops = res->ops;
            if (ops->release) [[likely]]
                ops->release(head, res);
            else if (ops->kind >= resource_kind::group) [[unlikely]]
                --not_in_slots;
            give_slot(res);
        } else {
            release_rare(res, state);
        }
        // Not simply `pending`, which would be a load that waits for the store above.
        res = older;
        if (resumed) [[unlikely]]
            res = pending;
    }
}

void pass::discard() noexcept
{
    while (resource* res = pending) {
        pending = static_cast<resource*>(res->prev);
        if (abandon(head, res))
            continue;
        const state_word state = state_word::of(res);
        if (state.memory() == place::callers)
            set_life(res, life::idle);
        dispose(res, state);
    }
}

void pass::drop() noexcept
{
    resource* res = std::exchange(pending, nullptr);
    const release_scope releasing;
    if (logging()) [[unlikely]]
        log_event("REM", head, describe(res));
    if (const auto drop_it =
            static_cast<const callable_ops*>(res->ops)->drop) // SAFETY: only callables have handles
        drop_it(head, res);
    dispose(res, state_word::of(res));
}

bool abandon(devres_head* head, resource* res) noexcept
{
    // Acquire, here and in leave_construction(): if it is made, whoever was told so may use it.
    if (state_word(res->state.load(std::memory_order_acquire)).where() != life::constructing)
        return false;
    arena* memory = state_word::of(res).memory() == place::slot ? core::memory(head) : nullptr;
    if (memory)
        memory->get(); // before the other thread can see that it is the one to put it
    if (leave_construction(res, life::abandoned))
        return true;
    if (memory)
        memory->put();
    return false;
}

void pass::end() noexcept
{
    if (kept) {
        kept->put();
        freed = nullptr;
        freed_count = 0;
    }
    if (!head)
        return;
    std::atomic<std::uint32_t>& ended = core::ended(head);
    block* garbage = nullptr;
    bool left = false;
    {
        const core::guard held(head, "release");
        if (give_slots_locked(&garbage) && !garbage) [[likely]] {
            leave_locked();
            left = true;
        }
    }
    if (!left)
        end_slowly(garbage);
    park::wake(parking_lot, ended, INT_MAX); // the head may be gone; the address is only a name
}

inline bool pass::give_one_quickly(resource* res) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    std::atomic<std::uint32_t>& ended = core::ended(head);
    {
        core::quick_guard held(head);
        if (!held || core::passes(head) != this || !core::memory(head)->has_many_locked()) [[unlikely]]
            return held.fail();
        arena::retire(res);
        core::memory(head)->give_one_of_many_locked(res);
        leave_locked();
    }
    park::wake(parking_lot, ended, INT_MAX);
    return true;
}

void pass::finish_one() noexcept
{
    resource* res = pending;
    const state_word state(res->state.load(std::memory_order_acquire));
    if (!state.is_plain_slot() || logging()) [[unlikely]] {
        run();
        end();
        return;
    }
    pending = nullptr;
    if (const auto release_it = res->ops->release) [[likely]] {
        const release_scope releasing;
        release_it(head, res);
    }
    if (!head || kept || !give_one_quickly(res)) [[unlikely]] {
        give_slot(res);
        end();
    }
}

// True if that was quick.
bool pass::give_slots_locked(block** garbage) noexcept
{
    bool given = freed_count == 0;
    if (freed_count == 1) {
        *garbage = core::memory(head)->give_locked(static_cast<resource*>(freed));
        given = true;
    } else if (!given) {
        given = core::memory(head)->give_all_locked(freed_count, garbage);
    }
    if (given)
        freed = nullptr;
    return given;
}

// The upstream may go once this pass has left, so that comes last.
void pass::end_slowly(block* garbage) noexcept
{
    arena::free_blocks(core::upstream(head), garbage);
    slot_batch batch;
    while (freed)
        batch.add(static_cast<resource*>(std::exchange(freed, freed->next)));
    const core::guard held(head, "release");
    if (batch.count != 0)
        core::memory(head)->give_batch_locked(batch);
    leave_locked();
}

// --- The end of an owner -----------------------------------------------------------------------------------

namespace {

// Detaches all there is into `p`. False if there is nothing.
bool detach_all(pass& p, const char* function) noexcept
{
    index* stale = nullptr;
    {
        const core::guard held(p.head, function);
        if (core::empty_locked(p.head))
            return false;
        p.pending = core::detach_all_locked(p.head, &stale);
        p.begin_locked();
    }
    index::destroy(core::upstream(p.head), stale);
    return true;
}

// What the end of an owner has to do next.
struct next_step {
    pass* outer =
        nullptr; // finish this pass, further down on this thread's stack: the owner ends in its callback
    bool release = false; // release what was detached
    bool wait = false;    // wait for other threads' passes
    std::uint32_t ended_so_far = 0;
    arena* memory = nullptr; // give it back: that was all
    index* stale = nullptr;
};

next_step look_around(devres_head* head, pass& fresh, bool may_release, bool head_ends) noexcept
{
    next_step next;
    const core::guard held(head, "release");
    for (pass* p = core::passes(head); p; p = p->next) {
        if (p->thread != this_thread())
            next.wait = true;
        else if (!next.outer && p->pending)
            next.outer = p;
    }
    if (next.outer)
        return next;
    const bool empty = core::empty_locked(head);
    if (!empty && may_release) {
        fresh.pending = core::detach_all_locked(head, &next.stale);
        fresh.begin_locked();
        next.release = true;
    } else if (next.wait) {
        next.ended_so_far = core::ended(head).load(std::memory_order_relaxed);
    } else if (empty || head_ends) {
        // Passes of this thread that are under way keep the memory alive.
        next.memory = std::exchange(core::memory(head), nullptr);
        next.stale = core::take_index_locked(head);
        for (pass* p = core::passes(head); p; p = p->next) {
            if (next.memory && !p->kept) {
                next.memory->get();
                p->kept = next.memory;
            }
            if (head_ends)
                p->head = nullptr;
        }
    }
    return next;
}

int drain(devres_head* head, bool head_ends) noexcept
{
    int n = 0;
    bool warned = false;
    for (int passes = 0;;) {
        pass fresh(head);
        const next_step next = look_around(head, fresh, passes <= devres_max_passes, head_ends);
        index::destroy(core::upstream(head), next.stale);
        if (next.outer) {
            const int before = next.outer->released();
            next.outer->resumed = true;
            next.outer->run();
            n += next.outer->released() - before;
            if (!next.outer->head)
                return n; // one of them ended the owner, and the head with it
        } else if (next.release && passes++ == devres_max_passes) {
            warn("release", head, describe(fresh.pending),
                 "still being added after %d passes; the rest is freed without being released",
                 devres_max_passes);
            fresh.discard();
            fresh.end();
        } else if (next.release) {
            if (head_ends && !warned)
                warn("~devres_head", head, describe(fresh.pending),
                     "still on a head that is being destroyed; released now");
            warned = true;
            fresh.run();
            n += fresh.released();
            fresh.end();
            if (!fresh.head)
                return n;
        } else if (next.wait) {
            std::atomic<std::uint32_t>& ended = core::ended(head);
            park::sleep_until(parking_lot, ended, next.ended_so_far,
                              [&] { return ended.load(std::memory_order_relaxed) != next.ended_so_far; });
        } else {
            if (next.memory) {
                next.memory->orphan();
                next.memory->put();
            }
            return n;
        }
    }
}

} // namespace
} // namespace detail

using namespace detail;

bool detail::releasing_here(devres_head* head) noexcept
{
    const core::guard held(head, "release");
    for (const pass* p = core::passes(head); p; p = p->next)
        if (p->thread == this_thread())
            return true;
    return false;
}

int devres_release_all(devres_head* head) noexcept
{
    pass all(head);
    if (!detach_all(all, "devres_release_all"))
        return 0;
    all.run();
    const int n = all.released();
    all.end();
    return n;
}

int devres_drain(devres_head* head) noexcept
{
    return drain(head, false);
}

devres_head::~devres_head()
{
    drain(this, true);
}

} // namespace devres
