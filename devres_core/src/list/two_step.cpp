// SPDX-License-Identifier: MIT
//
// Resources in two steps: devres_alloc, devres_add and their relatives.

#include "list/two_step.h"

#include <devres/env/errors.h>

#include <devres/env/call.h>

#include "list/pass.h"

namespace devres {
namespace detail {

namespace {

void release_raw(devres_head* head, resource* res)
{
    if (const dr_release_t release = raw_prefix_of(res).release)
        call_release(head, release, res->payload());
}

// Idle is the only life in which the caller may do something with a resource of its own.
void require_idle(devres_head* head, const char* function, const resource* res) noexcept
{
    const life_state life = resource_state::of(res).life();
    if (life == life_state::listed || life == life_state::detached)
        bug(function, head, describe(res), "listed already, or still");
    else if (life != life_state::idle)
        bug(function, head, {}, "not a resource of devres_alloc, or freed already");
}

// `res` or the newest older one whose release function is `release` and which `match` accepts; null if there
// is none.
resource* match_locked(devres_head* head, resource* res, dr_release_t release, dr_match_t match,
                       void* match_data) noexcept DEVRES_REQUIRES(list_of(head))
{
    for (; res; res = list_of(head).older_locked(res)) {
        if (res->ops != &raw_ops || raw_prefix_of(res).release != release)
            continue;
        if (!match || call_match(head, match, res->payload(), match_data))
            return res;
    }
    return nullptr;
}

resource* newest_match_locked(devres_head* head, dr_release_t release, dr_match_t match,
                              void* match_data) noexcept DEVRES_REQUIRES(list_of(head))
{
    return match_locked(head, list_of(head).newest_locked(), release, match, match_data);
}

void add_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head))
{
    raw_prefix_of(res).owner = head;
    attach_locked(head, res, resource_state::make(life_state::listed, storage_kind::heap));
}

// Takes the newest match off the list, for the caller.
resource* take(devres_head* head, const char* function, dr_release_t release, dr_match_t match,
               void* match_data) noexcept
{
    resource* res = nullptr;
    {
        const callback_guard held(head, function);
        res = newest_match_locked(head, release, match, match_data);
        if (res)
            list_of(head).unlink_locked(res, life_state::idle);
    }
    if (res)
        tell("REM", head, event_of(res));
    return res;
}

} // namespace

constexpr std::size_t front = sizeof(raw_prefix) + sizeof(resource); // of the payload

constexpr resource_ops raw_ops{resource_kind::raw, &release_raw, nullptr};

void free_resource(resource* res) noexcept
{
    if (res->ops->kind == resource_kind::group) {
        free_marker(res);
        return;
    }
    set_life(res, life_state::free);
    raw_prefix& prefix = raw_prefix_of(res);
    env_free(nullptr, &prefix, front + prefix.size, alignof(std::max_align_t));
}

} // namespace detail

using namespace detail;

void* devres_alloc(dr_release_t release, std::size_t size, gfp_t gfp, const char* name) noexcept
{
    static_assert(front % alignof(std::max_align_t) == 0);
    std::size_t bytes = 0;
    if (__builtin_add_overflow(front, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* memory = env_allocate(nullptr, bytes, alignof(std::max_align_t),
                                {gfp | __GFP_ZERO, -1, __builtin_return_address(0)});
    if (!memory)
        return nullptr;
    auto* prefix = ::new (memory) raw_prefix{release, name, no_owner, size};
    auto* res = ::new (static_cast<void*>(prefix + 1)) resource(&raw_ops, 0, 0);
    resource_state::make(life_state::idle, storage_kind::heap).store(res);
    return res->payload();
}

void devres_free(void* res) noexcept
{
    if (!res)
        return;
    resource* header = resource::of(res);
    require_idle(raw_prefix_of(header).owner, "devres_free", header);
    free_resource(header);
}

void devres_add(devres_head* head, void* res) noexcept
{
    resource* header = resource::of(res);
    const description what = event_of(header);
    {
        const guard held(head, "devres_add");
        require_idle(head, "devres_add", header);
        add_locked(head, header);
    }
    tell("ADD", head, what);
}

void* devres_find(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    const callback_guard held(head, "devres_find");
    resource* res = newest_match_locked(head, release, match, match_data);
    return res ? res->payload() : nullptr;
}

void* devres_get(devres_head* head, void* new_res, dr_match_t match, void* match_data) noexcept
{
    resource* fresh = resource::of(new_res);
    const description what = event_of(fresh);
    resource* found = nullptr;
    {
        const callback_guard held(head, "devres_get");
        require_idle(head, "devres_get", fresh);
        found = newest_match_locked(head, raw_prefix_of(fresh).release, match, match_data);
        if (!found)
            add_locked(head, fresh);
    }
    if (found) {
        free_resource(fresh);
        return found->payload();
    }
    tell("ADD", head, what);
    return new_res;
}

void* devres_remove(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    resource* res = take(head, "devres_remove", release, match, match_data);
    return res ? res->payload() : nullptr;
}

int devres_destroy(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    resource* res = take(head, "devres_destroy", release, match, match_data);
    if (!res)
        return -ENOENT;
    free_resource(res);
    return 0;
}

int devres_release(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    pass one(head);
    {
        const callback_guard held(head, "devres_release");
        resource* res = newest_match_locked(head, release, match, match_data);
        if (!res)
            return -ENOENT;
        one.claim_locked(head, res);
    }
    one.complete();
    return 0;
}

void devres_for_each_res(devres_head* head, dr_release_t release, dr_match_t match, void* match_data,
                         void (*fn)(devres_head*, void*, void*), void* data) noexcept
{
    if (!fn)
        return;
    const callback_guard held(head, "devres_for_each_res");
    for (resource* res = newest_match_locked(head, release, match, match_data); res;
         res = match_locked(head, list_of(head).older_locked(res), release, match, match_data))
        call_visit(head, fn, res->payload(), data);
}

} // namespace devres
