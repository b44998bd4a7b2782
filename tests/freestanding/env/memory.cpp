// SPDX-License-Identifier: MIT
//
// Memory for the mechanism: bytes of the array (memory.h). And the answers to src/list/memory.h for heads
// that never have memory for one-step resources, since src/memory is not built here: whatever would handle
// some is a BUG.

#include "list/memory.h"

#include "env/env.h"
#include "memory.h"

namespace devres::detail {

void* env_allocate(upstream* source, std::size_t bytes, std::size_t align,
                   const allocation_request& request) noexcept
{
    void* memory = freestanding::take_bytes(bytes, align);
    if (memory && (request.gfp & __GFP_ZERO) != 0)
        __builtin_memset(memory, 0, bytes);
    if (source) {
        ++source->requests;
        source->live += memory ? 1 : 0;
    }
    return memory;
}

void env_free(upstream* source, void* memory, std::size_t, std::size_t) noexcept
{
    freestanding::give_bytes(memory);
    if (source && memory)
        --source->live;
}

unused_memory take_back_locked(devres_head* head, released_memory& released, bool) noexcept
{
    if (!released.empty())
        bug("take_back", head, {}, "there are no slots and no blocks here");
    return {};
}

void free_unused(upstream*, const unused_memory& unused) noexcept
{
    if (unused)
        bug("free_unused", no_owner, {}, "there are no slots and no blocks here");
}

void hide_from_handle(resource* res) noexcept
{
    bug("hide_from_handle", no_owner, {res->ops->name}, "there are no blocks here");
}

void let_go_of_shared(resource* res) noexcept
{
    bug("let_go_of_shared", no_owner, {res->ops->name}, "there are no blocks here");
}

} // namespace devres::detail
