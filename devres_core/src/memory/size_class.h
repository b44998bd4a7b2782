// SPDX-License-Identifier: MIT
//
// The size classes of slots: multiples of 16 bytes up to 256, from there four to each doubling, up to 1,024.
#pragma once

#include <bit>
#include <cstddef>

#include <devres/detail/resource.h>
#include <devres/env/sanitizer.h>

#include "list/state.h"

namespace devres::detail {

inline constexpr std::uint32_t unit = 16; // the granularity of slots
inline constexpr std::size_t largest_slot = 1024;
inline constexpr unsigned slot_classes = 25; // numbered from 2, the smallest that holds a header
static_assert(slot_classes <= resource_state::size_classes);

constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept
{
    return (n + to - 1) / to * to;
}

// How many bytes a slot of that class takes.
constexpr std::uint32_t class_bytes(unsigned size_class) noexcept
{
    if (size_class <= 16)
        return size_class * unit;
    const unsigned step = size_class - 17;
    return (5u + step % 4) << (6 + step / 4);
}

static_assert(class_bytes(16) == 256 && class_bytes(17) == 320 && class_bytes(20) == 512);
static_assert(class_bytes(slot_classes - 1) == largest_slot);

constexpr unsigned class_of_bytes(std::size_t bytes) noexcept
{
    if (bytes <= 256)
        return static_cast<unsigned>((bytes + unit - 1) / unit);
    const auto doubling =
        static_cast<unsigned>(std::bit_width(bytes - 1)) - 9; // 0: up to 512, 1: up to 1,024
    const std::size_t quarter = std::size_t{64} << doubling;
    return 17 + doubling * 4 + static_cast<unsigned>((bytes - 1) / quarter - 4);
}

static_assert(class_of_bytes(257) == 17 && class_of_bytes(320) == 17 && class_of_bytes(321) == 18);
static_assert(class_of_bytes(512) == 20 && class_of_bytes(513) == 21 && class_of_bytes(1024) == 24);

// The class of a slot for `size` bytes of payload; slot_classes if they are too many for any.
constexpr unsigned class_for_payload(std::size_t size) noexcept
{
    const std::size_t bytes = sizeof(resource) + size + red_zone_bytes;
    return size > largest_slot || bytes > largest_slot ? slot_classes : class_of_bytes(bytes);
}

constexpr std::size_t payload_capacity(unsigned size_class) noexcept
{
    return class_bytes(size_class) - sizeof(resource) - red_zone_bytes;
}

} // namespace devres::detail
