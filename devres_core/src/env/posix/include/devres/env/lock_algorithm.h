// SPDX-License-Identifier: MIT
//
// The two locks, apart from how a thread sleeps and knows itself.
//
// basic_lock: one locked instruction to take, none to leave; waiters sleep (parking_algorithm.h).
//
// basic_biased_lock: none at all for a thread that has had it to itself for a while. It then takes it by a
// plain store to `inside_` and a look whether it is still `owner_`. Another thread takes the basic lock, ends
// the bias, makes every running thread pass a barrier, and waits until the owner is not inside; from then on
// both use the basic lock. Each end of a bias makes the next one harder to earn, and only ever the same
// thread earns it: one that has lost it may be held up between its look and its store to `inside_`, and must
// not find another owner's there when it goes on.
//
// Neither spins for long: in user space a holder can be preempted, and its waiters must not burn its time.
//
// Written once, over `Sync` (atomics, barriers, sleeping): the library instantiates them with real_lock_sync
// (lock.h), the model checker with its own (tests/model). So nothing else is included here.
//
// Invariants
// 1. Leaving touches nothing of the lock once it is free: who finds out under the lock that nobody else will
//    come may destroy it.
// 2. Not recursive.
// 3. `inside_` is written by one thread alone, the first that earned the bias; `owner_` by holders of the
//    basic lock alone.
#pragma once

#include <devres/detail/annotations.h>
#include <devres/env/parking_algorithm.h>

namespace model {
struct lock_access; // the model checker's, to destroy a lock word by word
}

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

    [[nodiscard]] bool try_acquire() noexcept DEVRES_TRY_ACQUIRE(true)
    {
        return locked_.exchange(1, std::memory_order_acquire) == 0;
    }

    void release() noexcept DEVRES_RELEASE()
    {
        locked_.store(0, std::memory_order_release);
        parking<Sync>::wake(Sync::lot(), locked_, 1);
    }

private:
    // A critical section is some dozens of instructions: one under way on another processor is over before a
    // thread could fall asleep. A preempted holder costs this much once, then its waiter sleeps.
    void acquire_slow() noexcept
    {
        for (int i = 0; i < Sync::spins; ++i) {
            Sync::pause();
            if (locked_.load(std::memory_order_relaxed) == 0 &&
                locked_.exchange(1, std::memory_order_acquire) == 0)
                return;
        }
        parking<Sync>::sleep_until(Sync::lot(), locked_, 1,
                                   [this] { return locked_.exchange(1, std::memory_order_acquire) == 0; });
    }

    friend struct ::model::lock_access;
    atomic<std::uint32_t> locked_{0};
};

// How a biased lock was taken, which release() has to know.
enum class lock_mode : bool { basic, biased };

template <class Sync>
class DEVRES_CAPABILITY basic_biased_lock {
public:
    template <class T>
    using atomic = typename Sync::template atomic<T>;
    using token = lock_mode;

    // Takes the lock if it is biased to the calling thread, or free. If false, it is not held: acquire() is
    // the way that waits.
    [[nodiscard]] bool
    try_acquire(token* mode) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // the guards say what is held
    {
        const void* me = Sync::this_thread();
        if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
            *mode = lock_mode::basic;
            return try_basic();
        }
        inside_.store(1, std::memory_order_relaxed);
        Sync::compiler_barrier();
        if (owner_.load(std::memory_order_relaxed) == me) [[likely]] {
            *mode = lock_mode::biased;
            return true;
        }
        // Whoever sleeps until this thread is not inside is woken by acquire(), to which the caller turns at
        // once: so there is no call on this path.
        inside_.store(0, std::memory_order_release);
        return false;
    }

    // Takes the lock, whoever has it or it is biased to.
    [[nodiscard]] token acquire() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        // Somebody may sleep until this thread is not inside: see try_acquire().
        parking<Sync>::wake(Sync::lot(), inside_, 1);
        lock_.acquire();
        take_over();
        return lock_mode::basic;
    }

    void release(token mode) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        if (mode == lock_mode::biased) [[likely]] {
            inside_.store(0, std::memory_order_release);
            parking<Sync>::wake(Sync::lot(), inside_, 1);
        } else {
            lock_.release();
        }
    }

    // Takes the lock for a section that calls out: while it lasts, even the thread that it is biased to finds
    // try_acquire() failing.
    void acquire_exclusive() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        parking<Sync>::wake(Sync::lot(), inside_, 1);
        lock_.acquire();
        const void* owner = owner_.load(std::memory_order_relaxed);
        if (owner == nullptr)
            return;
        if (owner == Sync::this_thread())
            suspended_ =
                true; // it is here, so it is not inside; others look only when they have the basic lock
        else
            end_bias();
        owner_.store(nullptr, std::memory_order_relaxed);
    }
    void release_exclusive() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        if (suspended_)
            owner_.store(Sync::this_thread(), std::memory_order_relaxed);
        suspended_ = false;
        lock_.release();
    }

private:
    friend struct ::model::lock_access;

    // Whoever finds that somebody sleeps leaves it to acquire(), which wakes.
    [[gnu::noinline]] bool try_basic() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        if (parking<Sync>::anybody_sleeps(Sync::lot()) || !lock_.try_acquire()) [[unlikely]]
            return false;
        take_over();
        return true;
    }

    // This thread has just taken the basic lock. Mostly it is on its way to a bias, and nothing else.
    void take_over() noexcept
    {
        const bool unbiased = owner_.load(std::memory_order_relaxed) == nullptr;
        if (unbiased && candidate_ == Sync::this_thread() && still_needed_ != 1) [[likely]]
            --still_needed_;
        else
            take_over_specially();
    }
    [[gnu::noinline]] void take_over_specially() noexcept
    {
        const void* me = Sync::this_thread();
        if (owner_.load(std::memory_order_relaxed) != nullptr)
            end_bias();
        if (candidate_ == me && --still_needed_ == 0)
            earn_bias(me);
        else if (candidate_ != me)
            change_candidate(me);
    }
    void change_candidate(const void* me) noexcept
    {
        if (candidate_) // else it is as it was constructed
            still_needed_ = Sync::streak(ended_);
        if (!earned_)
            candidate_ = me;
    }
    [[gnu::noinline, gnu::cold]] void end_bias() noexcept
    {
        owner_.store(nullptr, std::memory_order_seq_cst);
        parking<Sync>::sleep_until(Sync::lot(), inside_, 1,
                                   [this] { return inside_.load(std::memory_order_acquire) == 0; });
        ended_ = static_cast<std::uint8_t>(ended_ == 255 ? 255 : ended_ + 1);
        still_needed_ = Sync::streak(ended_);
    }
    [[gnu::noinline, gnu::cold]] void earn_bias(const void* me) noexcept
    {
        still_needed_ = Sync::streak(ended_);
        if (!Sync::may_bias())
            return;
        earned_ = true;
        owner_.store(me, std::memory_order_relaxed);
    }

    atomic<const void*> owner_{nullptr}; // the thread that may take the lock without the basic lock
    // Guarded by lock_: who has had the last sections. Once a bias was earned, nobody else may earn one
    // (invariant 3).
    const void* candidate_ = nullptr;
    atomic<std::uint32_t> inside_{0}; // 1: the owner has done so
    basic_lock<Sync> lock_;
    // Guarded by lock_.
    std::uint32_t still_needed_ = Sync::streak(0); // sections of the candidate, until it earns a bias
    std::uint8_t ended_ = 0;                       // biases
    bool earned_ = false;
    bool suspended_ = false;
};

} // namespace devres::detail
