// SPDX-License-Identifier: MIT
//
// The library's locks: `lock` for short sections of anything, `biased_lock` for heads. How they work, and their
// invariants, are in lock_algorithm.h.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/annotations.h>
#include <devres/detail/barrier.h>
#include <devres/detail/lock_algorithm.h>
#include <devres/detail/thread.h>

namespace devres::detail {

struct real_lock_sync {
    template <class T>
    using atomic = std::atomic<T>;

    static constexpr int spins = 100;
    static constexpr std::uint32_t streak(std::uint32_t wanted) noexcept { return wanted; }

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
    static void light_barrier() noexcept
    {
        detail::light_barrier();
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
        return barrier_needs_fence.load(std::memory_order_relaxed) == 0;
    }
    static void sleep(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept;
    static void wake_one(const std::atomic<std::uint32_t>& word) noexcept;
};

extern template class basic_lock<real_lock_sync>;
extern template class basic_biased_lock<real_lock_sync>;

using lock = basic_lock<real_lock_sync>;
using biased_lock = basic_biased_lock<real_lock_sync>;

class DEVRES_SCOPED_CAPABILITY [[nodiscard]] scoped_lock {
public:
    explicit scoped_lock(lock& l) noexcept DEVRES_ACQUIRE(l) : lock_(l) { lock_.acquire(); }
    ~scoped_lock() DEVRES_RELEASE() { lock_.release(); }
    scoped_lock(const scoped_lock&) = delete;
    scoped_lock& operator=(const scoped_lock&) = delete;

private:
    lock& lock_;
};

} // namespace devres::detail
