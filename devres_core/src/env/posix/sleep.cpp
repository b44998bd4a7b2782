// SPDX-License-Identifier: MIT

#include "env/env.h"
#include "env/posix/futex.h"

namespace devres::detail {

bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock& clock) noexcept
{
    while (word.load(std::memory_order_acquire) == value)
        if (futex_wait(word, value, clock))
            return true;
    return false;
}

void env_wake(const std::atomic<std::uint32_t>& word) noexcept
{
    futex_wake(word, INT_MAX);
}

} // namespace devres::detail
