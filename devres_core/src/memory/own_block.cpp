// SPDX-License-Identifier: MIT

#include "memory/own_block.h"

#include <bit>
#include <new>

#include <devres/detail/scoped_lock.h>

#include "list/memory.h"

namespace devres::detail {

namespace {

resource* make_block(upstream* source, const resource_ops* ops, std::size_t size, std::size_t align,
                     std::size_t before, const allocation_request& request) noexcept
{
    if (align < alignof(std::max_align_t))
        align = alignof(std::max_align_t);
    const std::size_t offset = payload_offset(before, align);
    std::size_t bytes = 0;
    if (__builtin_add_overflow(offset, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* base = env_allocate(source, bytes, align, request);
    if (!base)
        return nullptr;
    char* header = static_cast<char*>(base) + offset - sizeof(resource);
    auto* res = ::new (static_cast<void*>(header)) resource(ops, 0, 0);
    ::new (static_cast<void*>(header - sizeof(own_block_prefix))) own_block_prefix{
        size & own_block_prefix::most, static_cast<unsigned>(std::countr_zero(align)) & 63u, size};
    return res;
}

// Frees a block in which the payload comes after `before` bytes and what belongs to the resource.
void free_block(upstream* source, resource* res, std::size_t before) noexcept
{
    const own_block_prefix& prefix = prefix_of(res);
    const std::size_t align = std::size_t{1} << prefix.align_log;
    const std::size_t offset = payload_offset(before, align);
    env_free(source, static_cast<char*>(res->payload()) - offset, offset + prefix.capacity, align);
}

} // namespace

resource* make_own_block(upstream* source, const resource_ops* ops, std::size_t size, std::size_t align,
                         const allocation_request& request) noexcept
{
    return make_block(source, ops, size, align, 0, request);
}

resource* make_shared_block(devres_head* head, const resource_ops* ops, std::size_t size,
                            std::size_t align) noexcept
{
    upstream* source = upstream_of(head);
    resource* res = make_block(source, ops, size, align, sizeof(shared_part), {});
    if (res)
        ::new (static_cast<void*>(&shared_part_of(res))) shared_part{{}, false, false, head, source};
    return res;
}

void free_own_block(upstream* source, resource* res) noexcept
{
    free_block(source, res, 0);
}

void free_shared_block(resource* res) noexcept
{
    free_block(shared_part_of(res).source, res, sizeof(shared_part));
}

void hide_from_handle(resource* res) noexcept
{
    shared_part& shared = shared_part_of(res);
    const scoped_lock held(shared.mutex);
    shared.head = nullptr;
}

void let_go_of_shared(resource* res) noexcept
{
    shared_part& shared = shared_part_of(res);
    bool last = false;
    {
        const scoped_lock held(shared.mutex);
        shared.list_gone = true;
        last = shared.handle_gone;
    }
    if (last)
        free_shared_block(res);
}

void let_go_by_handle(resource* res) noexcept
{
    shared_part& shared = shared_part_of(res);
    bool last = false;
    {
        const scoped_lock held(shared.mutex);
        shared.handle_gone = true;
        last = shared.list_gone;
    }
    if (last)
        free_shared_block(res);
}

} // namespace devres::detail
