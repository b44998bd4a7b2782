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

void* allocate_from(upstream* source, std::size_t bytes, std::size_t align) noexcept
{
    try {
        return source->allocate(bytes, align);
    } catch (...) {
        return nullptr;
    }
}

// From a user's upstream, or with more alignment than malloc's.
[[gnu::noinline]] void* allocate_specially(upstream* source, std::size_t bytes, std::size_t align,
                                           bool zeroed) noexcept
{
    void* memory = nullptr;
    if (source)
        memory = allocate_from(source, bytes, align);
    else if (::posix_memalign(&memory, align, bytes) != 0)
        return nullptr;
    if (memory && zeroed)
        std::memset(memory, 0, bytes);
    return memory;
}

} // namespace

void* env_allocate(upstream* source, std::size_t bytes, std::size_t align,
                   const allocation_request& request) noexcept
{
    const bool zeroed = (request.gfp & __GFP_ZERO) != 0;
    if (!source && align <= alignof(std::max_align_t)) // calloc knows which pages are zero already
        return zeroed ? std::calloc(1, bytes) : std::malloc(bytes);
    return allocate_specially(source, bytes, align, zeroed);
}

void env_free(upstream* source, void* memory, std::size_t bytes, std::size_t align) noexcept
{
    if (!source)
        std::free(memory);
    else
        source->deallocate(memory, bytes, align);
}

} // namespace devres::detail
