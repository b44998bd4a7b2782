// SPDX-License-Identifier: MIT
//
// Memory that this folder allocates itself: what devres_alloc returns, and the markers of groups.
#pragma once

#include "env/env.h"
#include "list/list.h"

namespace devres::detail {

// In front of the header of a resource of devres_alloc. The size comes last: see exact_size().
struct alignas(16) raw_prefix {
    dr_release_t release;
    const char* name;
    devres_head* owner; // that it was added to last; guarded by the lock of that head
    std::size_t size;   // of the payload
};

inline raw_prefix& raw_prefix_of(resource* res) noexcept
{
    return reinterpret_cast<raw_prefix*>(res)[-1]; // SAFETY: storage `heap` has one
}
inline const raw_prefix& raw_prefix_of(const resource* res) noexcept
{
    return raw_prefix_of(const_cast<resource*>(res)); // SAFETY: made const again
}

extern const resource_ops raw_ops;

// Frees a resource of storage `heap`: one of devres_alloc, or the marker of a group.
void free_resource(resource* res) noexcept;
void free_marker(resource* res) noexcept;

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

description describe(const resource* res) noexcept;

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

} // namespace devres::detail
