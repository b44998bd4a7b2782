// SPDX-License-Identifier: MIT
//
// The lock of the freestanding environment: a thread that finds it held turns until it is not.
#pragma once

#include <atomic>

namespace freestanding {

class spinlock {
public:
    constexpr spinlock() noexcept = default;
    spinlock(const spinlock&) = delete;
    spinlock& operator=(const spinlock&) = delete;

    bool try_lock() noexcept { return !held_.exchange(true, std::memory_order_acquire); }

    void lock() noexcept
    {
        while (!try_lock()) {
            while (held_.load(std::memory_order_relaxed)) {
            }
        }
    }

    void unlock() noexcept { held_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> held_ = false;
};

} // namespace freestanding
