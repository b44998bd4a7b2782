// SPDX-License-Identifier: MIT
//
// Sleeping where there is one thread: nobody could wake it.

#include "env/env.h"

namespace devres::detail {

bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock&) noexcept
{
    if (word.load(std::memory_order_acquire) == value)
        bug("wait", no_owner, {}, "would sleep for ever: nobody else is there");
    return false;
}

void env_wake(const std::atomic<std::uint32_t>&) noexcept {}

} // namespace devres::detail
