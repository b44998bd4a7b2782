// SPDX-License-Identifier: MIT

#include <devres/detail/lock.h>

#include "futex.h"

namespace devres::detail {

constinit thread_local char thread_anchor = 0;

void real_lock_sync::sleep(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept
{
    futex_wait(word, expected);
}

void real_lock_sync::wake_one(const std::atomic<std::uint32_t>& word) noexcept
{
    futex_wake(word, 1);
}

template class basic_lock<real_lock_sync>;
template class basic_biased_lock<real_lock_sync>;

} // namespace devres::detail
