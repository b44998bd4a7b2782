// SPDX-License-Identifier: MIT
//
// Telling AddressSanitizer, or valgrind in a build with DEVRES_VALGRIND, what in a block is memory of
// somebody and what is not.
#pragma once

#include <cstddef>

#include <devres/env/built_with.h>

#if defined(DEVRES_ASAN)
#include <sanitizer/asan_interface.h>
#elif defined(DEVRES_VALGRIND)
#include <valgrind/memcheck.h>
#endif

namespace devres::detail {

#if defined(DEVRES_ASAN)
inline constexpr bool checked_memory = true;
inline constexpr std::size_t red_zone_bytes = 32;
inline void poison(const void* p, std::size_t bytes) noexcept
{
    __asan_poison_memory_region(p, bytes);
}
inline void unpoison(const void* p, std::size_t bytes) noexcept
{
    __asan_unpoison_memory_region(p, bytes);
}
#elif defined(DEVRES_VALGRIND)
inline constexpr bool checked_memory = true;
inline constexpr std::size_t red_zone_bytes = 32;
inline void poison(const void* p, std::size_t bytes) noexcept
{
    VALGRIND_MAKE_MEM_NOACCESS(p, bytes);
}
// What it holds counts as not initialised.
inline void unpoison(const void* p, std::size_t bytes) noexcept
{
    VALGRIND_MAKE_MEM_UNDEFINED(p, bytes);
}
#else
inline constexpr bool checked_memory = false;
inline constexpr std::size_t red_zone_bytes = 0;
inline void poison(const void*, std::size_t) noexcept {}
inline void unpoison(const void*, std::size_t) noexcept {}
#endif

} // namespace devres::detail
