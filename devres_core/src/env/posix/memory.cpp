// SPDX-License-Identifier: MIT
//
// Built with exceptions on whatever the rest is built with: a memory_resource reports failure by throwing.
// (Returning null from do_allocate is undefined, so nothing here could catch that.)

#include <cstdlib>
#include <cstring>
#include <memory_resource>

#include "env/env.h"

namespace devres::detail {

namespace {

void* allocate(upstream* source, std::size_t bytes, std::size_t align) noexcept
{
    try {
        return source->allocate(bytes, align);
    } catch (...) {
        return nullptr;
    }
}

} // namespace

void* env_allocate(upstream* source, std::size_t bytes, std::size_t align,
                   const allocation_request& request) noexcept
{
    const bool zeroed = (request.gfp & __GFP_ZERO) != 0;
    void* memory = nullptr;
    if (source)
        memory = allocate(source, bytes, align);
    else if (align <= alignof(std::max_align_t))
        return zeroed ? std::calloc(1, bytes)
                      : std::malloc(bytes); // calloc knows which pages are zero already
    else if (::posix_memalign(&memory, align, bytes) != 0)
        return nullptr;
    if (memory && zeroed)
        std::memset(memory, 0, bytes);
    return memory;
}

void env_free(upstream* source, void* memory, std::size_t bytes, std::size_t align) noexcept
{
    if (!source)
        std::free(memory);
    else
        source->deallocate(memory, bytes, align);
}

} // namespace devres::detail
