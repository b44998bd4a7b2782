// SPDX-License-Identifier: MIT
//
// A resource that is too large, or too strictly aligned, for a slot: a block of its own from the upstream.
//
// In front of the header: how the block is given back, and the payload's size in full.
#pragma once

#include <cstddef>
#include <memory_resource>

#include <devres/detail/resource.h>

namespace devres::detail {

struct large_prefix {
    std::pmr::memory_resource* upstream;
    void* base;
    std::size_t bytes; // from base
    std::size_t align;
    std::size_t size;     // payload
    std::size_t capacity; // payload
};

inline large_prefix& prefix_of(resource* res) noexcept
{
    return reinterpret_cast<large_prefix*>(res)[-1];
}
inline const large_prefix& prefix_of(const resource* res) noexcept
{
    return reinterpret_cast<const large_prefix*>(res)[-1];
}

// Null on no memory or if the size overflows. Not linked, state not set.
resource* make_large(std::pmr::memory_resource* upstream, std::size_t size, std::size_t align) noexcept;
void free_large(resource* res) noexcept;

} // namespace devres::detail
