// SPDX-License-Identifier: MIT
//
// The two locks, apart from how a thread sleeps and knows itself.
//
// basic_lock: one locked instruction to take, none to leave; waiters sleep. `locked_` says whether it is held,
// `waiters_` how many sleep or are about to. Leaving is a plain store to `locked_` followed by a look at `waiters_`; a
// thread about to sleep announces itself in `waiters_`, makes every running thread pass a memory barrier, then looks
// at `locked_` again. So either the leaver sees the waiter or the waiter sees the lock free.
//
// biased_lock: none at all for a thread that has had it to itself for a while. It then takes it by a plain store to
// `inside_` and a look whether it is still `owner_`. Another thread takes the basic lock, ends the bias, makes every
// running thread pass a barrier, and waits until the owner is not inside; from then on both use the basic lock. Each end
// of a bias makes the next one 64 times as hard to earn.
//
// Neither spins for long: in user space a holder can be preempted, and its waiters must not burn its time.
//
// Written once, over `Sync` (atomics, barriers, sleeping): the library instantiates them with real_lock_sync
// (lock.h), the model checker with its own (tests/model). So nothing else is included here.
//
// Invariants
// 1. Leaving looks at the lock once more after it is free: whoever destroys it must know by other means that every
//    release() has returned. Heads do (src/release.h).
// 2. Not recursive.
// 3. `inside_` is written by the owner of the bias alone; `owner_` by holders of the basic lock alone.
#pragma once

#include <atomic>
#include <cstdint>

#include <devres/detail/annotations.h>

namespace devres::detail {

template <class Sync>
class DEVRES_CAPABILITY basic_lock {
public:
    template <class T>
    using atomic = typename Sync::template atomic<T>;

    void acquire() noexcept DEVRES_ACQUIRE()
    {
        if (locked_.exchange(1, std::memory_order_acquire) != 0) [[unlikely]]
            acquire_slow();
    }

    void release() noexcept DEVRES_RELEASE()
    {
        locked_.store(0, std::memory_order_release);
        Sync::light_barrier();
        if (waiters_.load(std::memory_order_relaxed) != 0) [[unlikely]]
            Sync::wake_one(locked_);
    }

private:
    // A critical section is some dozens of instructions: one under way on another processor is over before a thread
    // could fall asleep. A preempted holder costs this much once, then its waiter sleeps.
    void acquire_slow() noexcept
    {
        for (int i = 0; i < Sync::spins; ++i) {
            Sync::pause();
            if (locked_.load(std::memory_order_relaxed) == 0 &&
                locked_.exchange(1, std::memory_order_acquire) == 0)
                return;
        }
        waiters_.fetch_add(1, std::memory_order_seq_cst);
        Sync::heavy_barrier();
        while (locked_.exchange(1, std::memory_order_acquire) != 0)
            Sync::sleep(locked_, 1);
        waiters_.fetch_sub(1, std::memory_order_relaxed);
    }

    atomic<std::uint32_t> locked_{0};
    atomic<std::uint32_t> waiters_{0};
};

// How a biased_lock was taken, which leaving has to know.
enum class lock_mode : bool { basic, biased };

template <class Sync>
class DEVRES_CAPABILITY basic_biased_lock {
public:
    template <class T>
    using atomic = typename Sync::template atomic<T>;

    [[nodiscard]] lock_mode acquire() noexcept DEVRES_ACQUIRE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        const void* me = Sync::this_thread();
        if (owner_.load(std::memory_order_relaxed) == me) [[likely]] {
            inside_.store(1, std::memory_order_relaxed);
            Sync::compiler_barrier();
            if (owner_.load(std::memory_order_relaxed) == me) [[likely]]
                return lock_mode::biased;
            leave_biased(me);
        }
        acquire_basic(me);
        return lock_mode::basic;
    }

    void release(lock_mode mode) noexcept DEVRES_RELEASE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (mode == lock_mode::biased) [[likely]]
            leave_biased(Sync::this_thread());
        else
            lock_.release();
    }

private:
    static constexpr std::uint32_t first_streak = 64;

    void leave_biased(const void* me) noexcept
    {
        inside_.store(0, std::memory_order_release);
        Sync::compiler_barrier();
        if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]]
            Sync::wake_one(inside_);
    }

    void acquire_basic(const void* me) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        lock_.acquire();
        if (owner_.load(std::memory_order_relaxed) != nullptr)
            end_bias();
        if (candidate_ != me) {
            candidate_ = me;
            streak_ = 0;
        } else if (++streak_ >= Sync::streak(first_streak) << shift_ && Sync::may_bias()) {
            owner_.store(me, std::memory_order_relaxed);
        }
    }

    void end_bias() noexcept
    {
        owner_.store(nullptr, std::memory_order_seq_cst);
        Sync::heavy_barrier();
        while (inside_.load(std::memory_order_acquire) != 0)
            Sync::sleep(inside_, 1);
        shift_ = shift_ >= 18 ? 24 : shift_ + 6;
    }

    atomic<const void*> owner_{nullptr}; // who may take it without the basic lock
    atomic<std::uint32_t> inside_{0};    // 1: and has
    // Guarded by lock_.
    std::uint32_t streak_ = 0;
    const void* candidate_ = nullptr;
    unsigned shift_ = 0;
    basic_lock<Sync> lock_;
};

} // namespace devres::detail
