// SPDX-License-Identifier: MIT

#include "large_block.h"

#include <algorithm>
#include <new>

#include "upstream.h"

namespace devres::detail {

resource* make_large(std::pmr::memory_resource* upstream, std::size_t size, std::size_t align) noexcept
{
    align = std::max(align, alignof(std::max_align_t));
    constexpr std::size_t front = sizeof(large_prefix) + sizeof(resource);
    const std::size_t offset = (front + align - 1) / align * align;
    std::size_t bytes = 0;
    if (__builtin_add_overflow(offset, size, &bytes) || bytes > static_cast<std::size_t>(PTRDIFF_MAX))
        return nullptr;
    void* base = upstream_allocate(upstream, bytes, align);
    if (!base)
        return nullptr;
    char* header = static_cast<char*>(base) + offset - sizeof(resource);
    auto* res = ::new (static_cast<void*>(header)) resource;
    ::new (static_cast<void*>(header - sizeof(large_prefix)))
        large_prefix{upstream, base, bytes, align, size, size};
    return res;
}

void free_large(resource* res) noexcept
{
    const large_prefix p = prefix_of(res);
    upstream_free(p.upstream, p.base, p.bytes, p.align);
}

} // namespace devres::detail
