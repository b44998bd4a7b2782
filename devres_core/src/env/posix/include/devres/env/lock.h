// SPDX-License-Identifier: MIT
//
// The library's locks: `lock` for short sections of anything, `biased_lock` for heads. How they work, and
// their invariants, are in lock_algorithm.h.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/annotations.h>
#include <devres/env/barrier.h>
#include <devres/env/lock_algorithm.h>
#include <devres/env/thread.h>
#include <devres/env/wait_clock.h>

namespace devres::detail {

// How many biased locks have ended on this thread, one after the other, that only one thread had ever taken;
// 64 stands for more, too.
extern constinit thread_local unsigned lone_locks __attribute__((tls_model("initial-exec")));
extern constinit std::atomic<unsigned> early_ends; // of a bias from the beginning, by another thread

struct real_lock_sync {
    template <class T>
    using atomic = std::atomic<T>;
    using word = std::atomic<std::uint32_t>;

    static constexpr int spins = 100;
    // How many sections in a row earn a bias: 64 times as many after each one that ended.
    static constexpr std::uint32_t streak(unsigned ended) noexcept
    {
        return std::uint32_t{64} << (ended < 4 ? 6 * ended : 24);
    }

    // Whether the calling thread, which makes a lock, will probably be the only one to take it: so it was
    // with the last 64 that have ended on it. To be wrong costs a barrier, and that lock's later biases; a
    // process in which that has happened 16 times does not try it again.
    static bool expects_nobody() noexcept
    {
        return lone_locks == 64 && early_ends.load(std::memory_order_relaxed) < 16;
    }
    static void was_too_early() noexcept { early_ends.fetch_add(1, std::memory_order_relaxed); }
    static void note_life(bool met) noexcept
    {
        if (met)
            lone_locks = 0;
        else if (lone_locks != 64 && may_bias())
            ++lone_locks;
    }

    static constexpr std::size_t lanes = 64;
    static std::size_t lane_of(const word& w) noexcept
    {
        const auto address = reinterpret_cast<std::uintptr_t>(&w);
        return (address >> 4 ^ address >> 10) % lanes;
    }
    static parking<real_lock_sync>::lot& lot() noexcept;

    static void pause() noexcept
    {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }
    static void compiler_barrier() noexcept
    {
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    static void full_fence() noexcept
    {
        detail::full_fence();
    }
    static void heavy_barrier() noexcept
    {
        detail::heavy_barrier();
    }
    static const void* this_thread() noexcept
    {
        return detail::this_thread();
    }
    // A bias needs the asymmetric barrier: without it the owner would have to fence, and gain nothing.
    static bool may_bias() noexcept
    {
        return have_membarrier();
    }
    static void sleep(word& on, std::uint32_t expected) noexcept;
    static void wake(word& changed, int how_many) noexcept;
};

using park = parking<real_lock_sync>;
extern park::lot parking_lot;
// Sleeps while `word`, whose changes end in park::wake(), is `value`; or until `clock` says that the wait is
// to be reported (V11). Returns: true if it is.
bool park_while(park::word& word, std::uint32_t value, wait_clock& clock) noexcept;
inline park::lot& real_lock_sync::lot() noexcept
{
    return parking_lot;
}

extern template class basic_lock<real_lock_sync>;
extern template class basic_biased_lock<real_lock_sync>;

using lock = basic_lock<real_lock_sync>;
using biased_lock = basic_biased_lock<real_lock_sync>;
using head_lock = biased_lock; // what a list is held by

} // namespace devres::detail
