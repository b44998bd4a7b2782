// SPDX-License-Identifier: MIT
//
// What the hardware measures, and how it lies in the memory that driver and clients share.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace hotunplug {

using block = std::array<unsigned char, 256>;

struct samples {
    static constexpr std::uint32_t capacity = 15;

    std::atomic<std::uint32_t> complete{0}; // blocks that may be read
    std::array<block, capacity> blocks{};
};
static_assert(sizeof(samples) <= 4096 && std::atomic<std::uint32_t>::is_always_lock_free);

// The hardware's n-th block. Anybody can tell whether memory still holds what was measured.
inline block measured(std::uint32_t n)
{
    block b;
    for (unsigned i = 0; i < b.size(); ++i)
        b[i] = static_cast<unsigned char>(n * 31 + i * 7 + 1);
    return b;
}

// One-letter commands that the hardware understands on its line.
inline constexpr char start_command = 'S';   // answered with a block
inline constexpr char measure_command = 'M'; // answered with a block
inline constexpr char stop_command = 'Q';    // not answered

} // namespace hotunplug
