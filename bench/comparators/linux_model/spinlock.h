// SPDX-License-Identifier: MIT
//
// What an uncontended kernel spinlock costs: one locked instruction to take it, a plain store to leave.
//
// Disabling interrupts, which the kernel's devres also does, has no counterpart here: the model is cheaper
// than the original by that much.
#pragma once

#include <atomic>
#include <cstdint>

namespace linux_model {

class spinlock {
public:
    void lock() noexcept
    {
        std::uint32_t expected = 0;
        if (!word_.compare_exchange_strong(expected, 1, std::memory_order_acquire, std::memory_order_relaxed))
            lock_contended();
    }

    void unlock() noexcept { word_.store(0, std::memory_order_release); }

private:
    void lock_contended() noexcept
    {
        do {
            while (word_.load(std::memory_order_relaxed) != 0)
                pause();
        } while (word_.exchange(1, std::memory_order_acquire) != 0);
    }

    static void pause() noexcept
    {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#endif
    }

    std::atomic<std::uint32_t> word_{0};
};

} // namespace linux_model
