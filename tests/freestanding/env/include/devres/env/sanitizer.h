// SPDX-License-Identifier: MIT
//
// No tool watches memory here.
#pragma once

#include <cstddef>

namespace devres::detail {

inline constexpr bool checked_memory = false;
inline constexpr std::size_t red_zone_bytes = 0;
inline void poison(const void*, std::size_t) noexcept {}
inline void unpoison(const void*, std::size_t) noexcept {}

} // namespace devres::detail
