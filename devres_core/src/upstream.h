// SPDX-License-Identifier: MIT
//
// The one way to memory that a head does not own: its std::pmr::memory_resource, or malloc.
//
// Thread safety: any thread. Never called with a head's lock held.
#pragma once

#include <cstddef>
#include <memory_resource>

namespace devres::detail {

// Returns: null if there is none; what the memory_resource throws becomes null, too.
void* upstream_allocate(std::pmr::memory_resource* upstream, std::size_t bytes, std::size_t align) noexcept;
void upstream_free(std::pmr::memory_resource* upstream, void* p, std::size_t bytes,
                   std::size_t align) noexcept;

} // namespace devres::detail
