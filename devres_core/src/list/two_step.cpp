// SPDX-License-Identifier: MIT
//
// Resources in two steps: devres_alloc, devres_add and their relatives.

#include "list/two_step.h"

#include <devres/env/call.h>
#include <devres/env/errors.h>

#include "list/pass.h"

namespace devres {
namespace detail {

namespace {

void release_raw(devres_head* head, resource* res)
{
    heap_prefix_of(res).owner = no_owner; // it may end in the callback, and no BUG may name it then
    if (const dr_release_t release = heap_prefix_of(res).release)
        call_release(head, release, res->payload());
}

// What is looked for: a null `match` accepts any.
struct query {
    dr_release_t release;
    dr_match_t match;
    void* match_data;
};

// The newest match, or the newest that is older than `last`; null if there is none.
resource* match_locked(devres_head* head, const query& wanted, const resource* last = nullptr) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    for (resource* res = last ? list_of(head).older_locked(last) : list_of(head).newest_locked(); res;
         res = list_of(head).older_locked(res))
        if (res->ops == &raw_ops && heap_prefix_of(res).release == wanted.release &&
            (!wanted.match || call_match(head, wanted.match, res->payload(), wanted.match_data)))
            return res;
    return nullptr;
}

// Takes the newest match off the list, for the caller.
resource* take(devres_head* head, const char* function, const query& wanted) noexcept
{
    resource* res = nullptr;
    {
        const callback_guard held(head, function);
        res = match_locked(head, wanted);
        if (res)
            list_of(head).unlink_locked(res, life_state::idle);
    }
    if (res)
        tell("REM", head, event_of(res));
    return res;
}

constexpr std::size_t front = sizeof(heap_prefix) + sizeof(resource); // of the payload
static_assert(front % alignof(std::max_align_t) == 0);

} // namespace

constexpr resource_ops raw_ops{resource_kind::raw, &release_raw, nullptr};

resource* allocate_resource(upstream* source, const resource_ops* ops, std::size_t size,
                            const allocation_request& request) noexcept
{
    std::size_t bytes = 0;
    if (__builtin_add_overflow(front, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* memory = env_allocate(source, bytes, alignof(std::max_align_t), request);
    if (!memory)
        return nullptr;
    auto* prefix = ::new (memory) heap_prefix{nullptr, nullptr, no_owner, size};
    return ::new (static_cast<void*>(prefix + 1))
        resource(ops, 0, resource_state::make(life_state::idle, storage_kind::heap).bits());
}

void free_resource(resource* res, upstream* source) noexcept
{
    set_life(res, life_state::free);
    heap_prefix& prefix = heap_prefix_of(res);
    env_free(res->ops->kind == resource_kind::group ? source : nullptr, &prefix, front + prefix.size,
             alignof(std::max_align_t));
}

void bug_not_idle(devres_head* head, const char* function, const resource* res) noexcept
{
    if (resource_state::of(res).life() == life_state::listed)
        bug(function, head, describe(res), "already listed, or still being released");
    bug(function, head, {}, "not initialised, or freed already");
}

} // namespace detail

using namespace detail;

void* devres_alloc(dr_release_t release, std::size_t size, gfp_t gfp, const char* name) noexcept
{
    resource* res =
        allocate_resource(nullptr, &raw_ops, size, {gfp | __GFP_ZERO, -1, __builtin_return_address(0)});
    if (!res)
        return nullptr;
    heap_prefix_of(res).release = release;
    heap_prefix_of(res).name = name;
    return res->payload();
}

void devres_free(void* res) noexcept
{
    if (!res)
        return;
    resource* header = resource::of(res);
    require_idle(heap_prefix_of(header).owner, "devres_free", header);
    free_resource(header);
}

void devres_add(devres_head* head, void* res) noexcept
{
    resource* header = resource::of(res);
    const description what = event_of(header);
    {
        const guard held(head, "devres_add");
        require_idle(head, "devres_add", header);
        heap_prefix_of(header).owner = head;
        attach_locked(head, header);
    }
    tell("ADD", head, what);
}

void* devres_find(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    const callback_guard held(head, "devres_find");
    resource* res = match_locked(head, {release, match, match_data});
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
        found = match_locked(head, {heap_prefix_of(fresh).release, match, match_data});
        if (!found) {
            heap_prefix_of(fresh).owner = head;
            attach_locked(head, fresh);
        }
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
    resource* res = take(head, "devres_remove", {release, match, match_data});
    return res ? res->payload() : nullptr;
}

int devres_destroy(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    resource* res = take(head, "devres_destroy", {release, match, match_data});
    if (!res)
        return -ENOENT;
    free_resource(res);
    return 0;
}

int devres_release(devres_head* head, dr_release_t release, dr_match_t match, void* match_data) noexcept
{
    pass one;
    {
        const callback_guard held(head, "devres_release");
        resource* res = match_locked(head, {release, match, match_data});
        if (!res)
            return -ENOENT;
        one.claim_locked(head, res);
    }
    one.finish();
    return 0;
}

void devres_for_each_res(devres_head* head, dr_release_t release, dr_match_t match, void* match_data,
                         void (*fn)(devres_head*, void*, void*), void* data) noexcept
{
    if (!fn)
        return;
    const query wanted{release, match, match_data};
    const callback_guard held(head, "devres_for_each_res");
    for (resource* res = nullptr; (res = match_locked(head, wanted, res));)
        call_visit(head, fn, res->payload(), data);
}

} // namespace devres
