// SPDX-License-Identifier: MIT
//
// Built with exceptions on, so that one leaving a release callback meets noexcept and terminates.

#include "release.h"

#include <cstdlib>
#include <new>
#include <utility>

#include "futex.h"

namespace devres {
namespace detail {

namespace {

constexpr std::uint32_t somebody_waits = 1;
constexpr std::uint32_t one_pass = 2;

} // namespace

// --- A pass ------------------------------------------------------------------------------------------------

void pass::begin_locked() noexcept
{
    next = core::passes(head);
    core::passes(head) = this;
    ++core::begun(head);
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
    while (resource* res = pending) {
        links* older = res->prev;
        __builtin_prefetch(older);
        pending = static_cast<resource*>(older);
        if (log) [[unlikely]]
            log_event("REL", head, describe(res));
        const state_word state(res->state.load(std::memory_order_acquire));
        if (!state.is_plain_slot()) [[unlikely]] {
            release_rare(res, state);
            continue;
        }
        const resource_ops* ops = res->ops;
        if (ops->release) [[likely]]
            ops->release(head, res);
        else if (ops->kind >= resource_kind::group) [[unlikely]]
            --not_in_slots;
        give_slot(res);
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
    static_cast<const callable_ops*>(res->ops)->drop(head, res); // SAFETY: only callables have handles
    dispose(res, state_word::of(res));
}

bool abandon(devres_head* head, resource* res) noexcept
{
    if (state_word::of(res).where() != life::constructing)
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
    std::pmr::memory_resource* upstream = core::upstream(head);
    block* garbage = nullptr;
    slot_batch batch;
    bool given = freed_count == 0;
    {
        const core::guard held(head, "release");
        pass** at = &core::passes(head);
        while (*at != this)
            at = &(*at)->next;
        *at = next;
        if (!given)
            given = core::memory(head)->give_all_locked(freed_count, &garbage);
        if (!given && freed_count == 1) {
            garbage = core::memory(head)->give_locked(static_cast<resource*>(freed));
            given = true;
        }
    }
    if (!given) {
        while (freed)
            batch.add(static_cast<resource*>(std::exchange(freed, freed->next)));
        const core::guard held(head, "release");
        core::memory(head)->give_batch_locked(batch);
    }
    arena::free_blocks(upstream, garbage);
    std::atomic<std::uint32_t>& ended = core::ended(head);
    if ((ended.fetch_add(one_pass, std::memory_order_acq_rel) & somebody_waits) != 0)
        futex_wake(ended, INT_MAX); // the head may be gone by now; the address is only a name
}

// --- The end of an owner ---------------------------------------------------------------------------------------

namespace {

// What passes further down this thread's stack still had to release: their owner ends inside one of their callbacks.
int finish_outer_passes(devres_head* head) noexcept
{
    int n = 0;
    for (;;) {
        pass* outer = nullptr;
        {
            const core::guard held(head, "release");
            for (pass* p = core::passes(head); p && !outer; p = p->next)
                if (p->thread == this_thread() && p->pending)
                    outer = p;
        }
        if (!outer)
            return n;
        const int before = outer->released();
        outer->run();
        n += outer->released() - before;
    }
}

void wait_for_other_threads(devres_head* head) noexcept
{
    std::atomic<std::uint32_t>& ended = core::ended(head);
    for (;;) {
        std::uint32_t now = 0;
        {
            // None can begin while the lock is held, so what has begun and not ended is under way.
            const core::guard held(head, "release");
            std::uint32_t others = core::begun(head);
            for (const pass* p = core::passes(head); p; p = p->next)
                others -= p->thread == this_thread() ? 1u : 0u;
            now = ended.load(std::memory_order_acquire);
            if (now / one_pass == others % (1u << 31))
                return;
            now = ended.fetch_or(somebody_waits, std::memory_order_acq_rel) | somebody_waits;
            if (now / one_pass == others % (1u << 31))
                return;
        }
        futex_wait(ended, now);
    }
}

// Takes memory and index from the head if nothing lives there any more. Passes of this thread that are under way
// keep the memory alive.
// Returns: false if somebody attached or claimed something meanwhile.
bool let_go_of_memory(devres_head* head, bool head_ends) noexcept
{
    arena* memory = nullptr;
    index* stale = nullptr;
    {
        const core::guard held(head, "release");
        if (!head_ends) {
            if (!core::empty_locked(head))
                return false;
            for (const pass* p = core::passes(head); p; p = p->next)
                if (p->thread != this_thread())
                    return false;
        }
        memory = std::exchange(core::memory(head), nullptr);
        stale = core::take_index_locked(head);
        for (pass* p = core::passes(head); p; p = p->next) {
            if (memory && !p->kept) {
                memory->get();
                p->kept = memory;
            }
            if (head_ends)
                p->head = nullptr;
        }
    }
    index::destroy(core::upstream(head), stale);
    if (memory) {
        memory->orphan();
        memory->put();
    }
    return true;
}

bool is_empty(devres_head* head) noexcept
{
    const core::guard held(head, "release");
    return core::empty_locked(head);
}

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

// A callback keeps adding: frees what is there without releasing it.
void cut_off(devres_head* head) noexcept
{
    pass rest(head);
    if (!detach_all(rest, "release"))
        return;
    warn("release", head, describe(rest.pending),
         "still being added after %d passes; the rest is freed without being released", devres_max_passes);
    rest.discard();
    rest.end();
}

int drain(devres_head* head, bool head_ends) noexcept
{
    int n = 0;
    int passes = 0;
    for (;;) {
        n += finish_outer_passes(head);
        while (passes <= devres_max_passes && !is_empty(head)) {
            if (passes++ == devres_max_passes)
                cut_off(head);
            else
                n += devres_release_all(head);
        }
        wait_for_other_threads(head);
        if (let_go_of_memory(head, head_ends) || passes > devres_max_passes)
            return n;
    }
}

} // namespace
} // namespace detail

using namespace detail;

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
    resource* left = nullptr;
    description what;
    {
        const core::guard held(this, "~devres_head");
        if (!core::empty_locked(this)) {
            left = static_cast<resource*>(list_.prev);
            what = describe(left);
        }
    }
    if (left)
        warn("~devres_head", this, what, "still on a head that is being destroyed; released now");
    drain(this, true);
}

} // namespace devres
