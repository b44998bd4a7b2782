// SPDX-License-Identifier: MIT
//
// Built with exceptions on whatever the rest is built with: a memory_resource reports failure by throwing.
// (Returning null from do_allocate is undefined, so nothing here could catch that.)

#include "upstream.h"

#include <cstdlib>

namespace devres::detail {

void* upstream_allocate(std::pmr::memory_resource* upstream, std::size_t bytes, std::size_t align) noexcept
{
    if (!upstream) {
        if (align <= alignof(std::max_align_t))
            return std::malloc(bytes);
        void* p = nullptr;
        return ::posix_memalign(&p, align, bytes) == 0 ? p : nullptr;
    }
    try {
        return upstream->allocate(bytes, align);
    } catch (...) {
        return nullptr;
    }
}

void upstream_free(std::pmr::memory_resource* upstream, void* p, std::size_t bytes,
                   std::size_t align) noexcept
{
    if (!upstream)
        std::free(p);
    else
        upstream->deallocate(p, bytes, align);
}

} // namespace devres::detail
