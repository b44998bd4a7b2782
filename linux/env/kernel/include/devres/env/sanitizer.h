// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// Telling KASAN what in a block of the head's memory is memory of somebody and what is not.
#pragma once

#include <cstddef>

#include "linux/devres_core.h"

namespace devres::detail {

#if defined(DEVRES_KASAN)
inline constexpr bool checked_memory = true;
inline constexpr std::size_t red_zone_bytes = 32;
inline void poison(const void* p, std::size_t bytes) noexcept
{
    devres_host_poison(p, bytes);
}
inline void unpoison(const void* p, std::size_t bytes) noexcept
{
    devres_host_unpoison(p, bytes);
}
#else
inline constexpr bool checked_memory = false;
inline constexpr std::size_t red_zone_bytes = 0;
inline void poison(const void*, std::size_t) noexcept {}
inline void unpoison(const void*, std::size_t) noexcept {}
#endif

} // namespace devres::detail
