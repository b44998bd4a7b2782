// SPDX-License-Identifier: MIT

#include "memory/own_block.h"

#include <new>

#include "list/memory.h"

namespace devres::detail {

namespace {

// `front` bytes are left free at the beginning of the block.
resource* make_block(upstream* source, const resource_ops* ops, std::size_t size, std::size_t align,
                     std::size_t front, const allocation_request& request) noexcept
{
    if (align < alignof(std::max_align_t))
        align = alignof(std::max_align_t);
    front += sizeof(own_block_prefix) + sizeof(resource);
    const std::size_t offset = (front + align - 1) / align * align; // of the payload
    std::size_t bytes = 0;
    if (__builtin_add_overflow(offset, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* base = env_allocate(source, bytes, align, request);
    if (!base)
        return nullptr;
    char* header = static_cast<char*>(base) + offset - sizeof(resource);
    auto* res = ::new (static_cast<void*>(header)) resource(ops, 0, 0);
    ::new (static_cast<void*>(header - sizeof(own_block_prefix)))
        own_block_prefix{source, base, bytes, align, size, size};
    return res;
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
    resource* res = make_block(upstream_of(head), ops, size, align, sizeof(shared_part), {});
    if (res)
        ::new (prefix_of(res).base) shared_part{{}, false, head};
    return res;
}

void free_own_block(resource* res) noexcept
{
    const own_block_prefix block = prefix_of(res);
    env_free(block.source, block.base, block.bytes, block.align);
}

void let_go_of_shared(resource* res) noexcept
{
    shared_part& shared = shared_part_of(res);
    bool last = false;
    {
        const scoped_lock held(shared.mutex);
        shared.head = nullptr;
        last = shared.handle_gone;
    }
    if (last)
        free_own_block(res);
}

void let_go_by_handle(resource* res) noexcept
{
    shared_part& shared = shared_part_of(res);
    bool last = false;
    {
        const scoped_lock held(shared.mutex);
        shared.handle_gone = true;
        last = shared.head == nullptr;
    }
    if (last)
        free_own_block(res);
}

} // namespace devres::detail
