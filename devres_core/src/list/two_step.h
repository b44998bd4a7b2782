// SPDX-License-Identifier: MIT
//
// Memory that this folder allocates itself, with storage `heap`: what devres_alloc returns, and the markers
// of groups.
#pragma once

#include "env/env.h"
#include "list/list.h"

namespace devres::detail {

// In front of the header of such a resource. The size comes last: see exact_size().
struct alignas(16) heap_prefix {
    dr_release_t release; // of what devres_alloc has made, as `name` is
    const char* name;
    devres_head* owner; // that the resource was added to last, under that lock; null from the release on
    std::size_t size;   // of the payload
};

inline heap_prefix& heap_prefix_of(resource* res) noexcept
{
    return reinterpret_cast<heap_prefix*>(res)[-1]; // SAFETY: storage `heap` has one
}

extern const resource_ops raw_ops; // of what devres_alloc makes

// Makes an idle resource. Its prefix says the size only.
// Returns: null on no memory, or if `size` is too large.
resource* allocate_resource(upstream* source, const resource_ops* ops, std::size_t size,
                            const allocation_request& request) noexcept;
// `source` is the upstream that the marker of a group was allocated from; all others came from malloc.
void free_resource(resource* res, upstream* source = nullptr) noexcept;

// The bytes of the payload, which the header does not say for every kind.
// Whoever allocates a block of its own for a resource (storage `heap`, `block` or `shared`) puts the
// payload's size right in front of the header.
inline std::size_t exact_size(const resource* res) noexcept
{
    const storage_kind storage = resource_state::of(res).storage();
    if (storage == storage_kind::heap || storage == storage_kind::block || storage == storage_kind::shared)
        return reinterpret_cast<const std::size_t*>(res)[-1]; // SAFETY: as said above
    return res->ops->kind == resource_kind::action ? sizeof(action_payload) : res->size;
}

// What those who listen are to be told of `res`, taken while it is there; empty if nobody listens.
inline description event_of(const resource* res) noexcept
{
    if (logging()) [[unlikely]]
        return describe(res);
    return {};
}
// Tells them, without the lock.
inline void tell(const char* op, devres_head* head, const description& what) noexcept
{
    if (what) [[unlikely]]
        log_event(op, head, what);
}

[[noreturn]] void bug_not_idle(devres_head* head, const char* function, const resource* res) noexcept;

// Idle is the only life in which a resource is its caller's. BUG in all others.
inline void require_idle(devres_head* head, const char* function, const resource* res) noexcept
{
    if (resource_state::of(res).life() != life_state::idle) [[unlikely]]
        bug_not_idle(head, function, res);
}

} // namespace devres::detail
