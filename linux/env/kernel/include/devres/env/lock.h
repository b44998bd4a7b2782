// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// The lock of a head in Linux: a spinlock that keeps interrupts off.
//
// The spinlock is the kernel's own, in memory of ours, so that lockdep knows it; its size comes from the
// kernel's generated bounds.h. __devres_head_init() initialises it before the head is constructed, so the
// constructor here must leave it alone.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/annotations.h>

#include "linux/devres_core.h"

namespace devres::detail {

class DEVRES_CAPABILITY head_lock {
public:
    using token = unsigned long; // what interrupts were before

    head_lock() noexcept {} // NOLINT(modernize-use-equals-default): that one would clear the spinlock
    head_lock(const head_lock&) = delete;
    head_lock& operator=(const head_lock&) = delete;

    // A thread that holds the lock already is the business of lockdep.
    bool try_acquire(token* flags) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        *flags = devres_host_lock(this);
        return true;
    }
    token acquire() noexcept DEVRES_ACQUIRE() { return devres_host_lock(this); }
    void release(token flags) noexcept DEVRES_RELEASE() { devres_host_unlock(this, flags); }

    void acquire_exclusive() noexcept DEVRES_ACQUIRE()
    {
        irq_flags_ = static_cast<std::uint32_t>(devres_host_lock(this));
    }
    void release_exclusive() noexcept DEVRES_RELEASE() { devres_host_unlock(this, irq_flags_); }

private:
    alignas(SPINLOCK_SIZE % 8 == 0 && SPINLOCK_SIZE != 0 ? 8 : 4) unsigned char spinlock_[SPINLOCK_SIZE];
    std::uint32_t irq_flags_; // on the architectures that this was built for they fit
};

// For what a handle shares with the list. There are no handles in the kernel, so this is never contended.
class DEVRES_CAPABILITY lock {
public:
    lock() noexcept = default;
    lock(const lock&) = delete;
    lock& operator=(const lock&) = delete;

    void acquire() noexcept DEVRES_ACQUIRE()
    {
        while (held_.exchange(true, std::memory_order_acquire)) {
        }
    }
    void release() noexcept DEVRES_RELEASE() { held_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> held_{false};
};

} // namespace devres::detail
