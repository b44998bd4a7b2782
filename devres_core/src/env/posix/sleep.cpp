// SPDX-License-Identifier: MIT

#include "env/env.h"
#include "env/posix/futex.h"

namespace devres::detail {

bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock& clock) noexcept
{
    while (word.load(std::memory_order_acquire) == value) {
        const std::uint64_t left = clock.nanoseconds_left();
        if (left == wait_clock::never)
            futex_wait(word, value);
        else
            futex_wait_for(word, value, left);
        if (clock.is_due())
            return true;
    }
    return false;
}

void env_wake(const std::atomic<std::uint32_t>& word) noexcept
{
    futex_wake(word, INT_MAX);
}

} // namespace devres::detail
