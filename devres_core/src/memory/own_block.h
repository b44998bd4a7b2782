// SPDX-License-Identifier: MIT
//
// Resources in a block of their own, from the head's upstream: those that are too large or too strictly
// aligned for a slot, and callables to which the caller keeps a handle.
//
//   shared_part, if it is shared | padding | own_block_prefix | resource | payload, aligned
//
// A block that a handle (devres_action) refers to as well is shared between the list and that handle. Either
// of them may let go of it first; the other one then frees it. The handle's way to the head is the `head`
// beside the header, which is set as long as the head cannot end: a pass has to take `mutex` to clear it, and
// does so before the callback, in which the owner may end.
//
//   has let go of it      | head     | list_gone | handle_gone | what happens next
//   nobody                | set      | false     | false       | either
//   nobody, but it is     |          |           |             |
//   being released        | null     | false     | false       | either
//   the handle            | any      | false     | true        | the list frees it
//   the list              | null     | true      | false       | the handle frees it
//
// Lock order: `mutex`, then the head's lock.
#pragma once

#include "env/env.h"
#include "list/list.h"

namespace devres::detail {

// In front of the header. The payload's size comes last: see exact_size().
struct alignas(16) own_block_prefix {
    static constexpr std::uint64_t most = (std::uint64_t{1} << 58) - 1;

    std::uint64_t capacity : 58; // of the payload
    std::uint64_t align_log : 6; // its alignment is this power of two
    std::size_t size;            // of the payload
};

struct shared_part {
    lock mutex;
    bool handle_gone DEVRES_GUARDED_BY(mutex);
    bool list_gone DEVRES_GUARDED_BY(mutex);
    devres_head* head DEVRES_GUARDED_BY(mutex);
    upstream* const source;
};

inline own_block_prefix& prefix_of(resource* res) noexcept
{
    return reinterpret_cast<own_block_prefix*>(res)[-1]; // SAFETY: storage `block` and `shared` have one
}
inline const own_block_prefix& prefix_of(const resource* res) noexcept
{
    return prefix_of(const_cast<resource*>(res)); // SAFETY: made const again
}
// Where in its block the payload is, if `before` bytes are left free at the beginning.
constexpr std::size_t payload_offset(std::size_t before, std::size_t align) noexcept
{
    const std::size_t front = before + sizeof(own_block_prefix) + sizeof(resource);
    return (front + align - 1) & ~(align - 1);
}
inline shared_part& shared_part_of(resource* res) noexcept
{
    const std::size_t align = std::size_t{1} << prefix_of(res).align_log;
    // SAFETY: a block of storage `shared` begins with it.
    return *reinterpret_cast<shared_part*>(static_cast<char*>(res->payload()) -
                                           payload_offset(sizeof(shared_part), align));
}

// A resource that is not linked, and whose state is not set.
// Returns: null on no memory, or if the size overflows.
resource* make_own_block(upstream* source, const resource_ops* ops, std::size_t size, std::size_t align,
                         const allocation_request& request) noexcept;
// The same, shared with a handle.
resource* make_shared_block(devres_head* head, const resource_ops* ops, std::size_t size,
                            std::size_t align) noexcept;
// `source` is the head's, from which the block came.
void free_own_block(upstream* source, resource* res) noexcept;
// The last one that a shared block had has let go of it.
void free_shared_block(resource* res) noexcept;

// The handle lets go.
void let_go_by_handle(resource* res) noexcept;

} // namespace devres::detail
