// SPDX-License-Identifier: MIT
//
// Managed memory that is attached together with its contents.
#pragma once

#include "managed/known.h"

namespace devres::detail {

// Attaches `size` bytes, filled in by fill(memory) before another thread can find and free them: a block of
// its own before the lock is taken, a slot, which is at most a thousand bytes, under it.
// Returns: ZERO_SIZE_PTR for size 0; null on no memory.
template <class Fill>
void* attach_filled(devres_head* head, std::size_t size, gfp_t gfp, Fill fill) noexcept
{
    if (size == 0)
        return ZERO_SIZE_PTR;
    const unsigned size_class = class_for_payload(size);
    const allocation_request request{gfp & ~__GFP_ZERO, -1, __builtin_return_address(0)};
    resource* res = nullptr;
    if (size_class != slot_classes) [[likely]] {
        const slot_request what{&memory_ops, size_class, size, static_cast<std::uint32_t>(size)};
        res = attach_in_slot(head, what, "kmalloc", request, fill);
    } else {
        res = make_own_block(upstream_of(head), &memory_ops, size, alignof(std::max_align_t), request);
        if (res) {
            fill(res->payload());
            attach_own_block(head, res, life_state::listed, storage_kind::block, "kmalloc");
        }
    }
    if (!res) [[unlikely]]
        return nullptr;
    if (logging()) [[unlikely]]
        log_event("ADD", head, {"memory", "memory", nullptr, size});
    return res->payload();
}

} // namespace devres::detail
