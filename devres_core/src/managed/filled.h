// SPDX-License-Identifier: MIT
//
// Managed memory that is attached together with its contents.
#pragma once

#include "managed/known.h"

namespace devres::detail {

// Attaches `size` bytes, filled in by fill(memory) before another thread can find and free them.
// Returns: ZERO_SIZE_PTR for size 0; null on no memory.
template <class Fill>
void* attach_filled(devres_head* head, std::size_t size, gfp_t gfp, Fill fill) noexcept
{
    if (size == 0)
        return ZERO_SIZE_PTR;
    const allocation_request request{gfp & ~__GFP_ZERO, -1, __builtin_return_address(0)};
    resource* res = attach(head, &memory_ops, {size}, "kmalloc", request, fill);
    if (!res) [[unlikely]]
        return nullptr;
    if (logging()) [[unlikely]]
        log_event("ADD", head, {"memory", "memory", nullptr, size, res});
    return res->payload();
}

} // namespace devres::detail
