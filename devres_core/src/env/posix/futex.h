// SPDX-License-Identifier: MIT
//
// Sleep until a word changes. std::atomic::wait is not used: libstdc++'s spins first, then goes through a
// table of waiters that every notify has to look at, and has no timeout.
//
// A wake may name memory that has been freed since. It then wakes nobody, or a thread that looks at its word
// again.
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <devres/env/wait_clock.h>

namespace devres::detail {

// Returns when the word is not `expected`, at a wake, at a signal, or for no reason.
inline void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept
{
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

// As futex_wait(), and returns after `nanoseconds` at the latest.
inline void futex_wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                           std::uint64_t nanoseconds) noexcept
{
    std::timespec most{};
    most.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
    most.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, &most, nullptr, 0);
}

// As futex_wait(), and returns at the latest when `clock` says that the wait is to be reported.
// Returns: true if it is.
inline bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       wait_clock& clock) noexcept
{
    const std::uint64_t left = clock.nanoseconds_left();
    if (left == wait_clock::never)
        futex_wait(word, expected);
    else
        futex_wait_for(word, expected, left);
    return clock.is_due();
}

inline void futex_wake(const std::atomic<std::uint32_t>& word, int how_many) noexcept
{
    ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, how_many, nullptr, nullptr, 0);
}

} // namespace devres::detail
