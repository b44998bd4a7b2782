// SPDX-License-Identifier: MIT
//
// Sleep until a word changes. std::atomic::wait is not used: libstdc++'s spins first and then goes through a table
// of waiters that every notify has to look at.
//
// A wake may name memory that was freed since; it then wakes nobody, or somebody who looks again.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <cstdlib>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace devres::detail {

inline void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept
{
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

inline void futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept
{
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, how_many, nullptr, nullptr, 0);
}

} // namespace devres::detail
