// SPDX-License-Identifier: MIT
//
// What every benchmarked callback does, whoever calls it: count one in the cell it was given.
//
// The count is read after each benchmark, so a subject that loses a callback fails instead of looking fast.
// Relaxed load and store, not an increment in one instruction: a callback may run on another thread's behalf.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace bench {

struct cell {
    std::atomic<std::uint64_t> fired{0};
};

inline void fire(cell* c) noexcept
{
    c->fired.store(c->fired.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

// Every subject checks every attach, as its user would.
inline void require(bool ok) noexcept
{
    if (!ok) [[unlikely]] {
        std::fputs("bench: a call that must succeed failed\n", stderr);
        std::abort();
    }
}

} // namespace bench
