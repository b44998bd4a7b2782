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
// Most locks are taken less often than that in all their lives. A thread that has met no other one at its
// last locks therefore has the next one biased to itself from the beginning: see Sync::expects_nobody().
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

    basic_biased_lock() noexcept
    {
        if (Sync::expects_nobody())
            bias_early(Sync::this_thread());
    }
    ~basic_biased_lock() { Sync::note_life(met_); }

    // Takes the lock if it is biased to the calling thread, or free. If false, it is not held, and the caller
    // turns to acquire(), which is the way that waits, and wakes who waits for this attempt to end.
    [[nodiscard]] bool
    try_acquire(token* mode) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // the guards say what is held
    {
        const void* me = Sync::this_thread();
        if (owner_.load(std::memory_order_relaxed) != me) [[unlikely]] {
            *mode = lock_mode::basic;
            if (!lock_.try_acquire()) [[unlikely]]
                return false;
            count_section(me);
            return true;
        }
        inside_.store(1, std::memory_order_relaxed);
        Sync::compiler_barrier();
        if (owner_.load(std::memory_order_relaxed) == me) [[likely]] {
            *mode = lock_mode::biased;
            return true;
        }
        inside_.store(0, std::memory_order_release); // acquire() wakes: so there is no call on this path
        return false;
    }

    // Takes the lock, whoever has it or it is biased to.
    [[nodiscard]] token acquire() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // as above
    {
        // Somebody may sleep until this thread is not inside: see try_acquire().
        parking<Sync>::wake(Sync::lot(), inside_, 1);
        lock_.acquire();
        count_section(Sync::this_thread());
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
        const void* me = Sync::this_thread();
        parking<Sync>::wake(Sync::lot(), inside_, 1);
        lock_.acquire();
        if (owner_.load(std::memory_order_relaxed) != me)
            count_section(me);
        // If it is biased to this thread, which is here, that is not inside; others look only when they have
        // the basic lock.
        suspended_ = owner_.load(std::memory_order_relaxed) == me;
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

    // This thread has just taken the basic lock. Mostly it is on its way to a bias, and nothing else. While
    // the lock is biased, the candidate is its owner, who does not come here.
    void count_section(const void* me) noexcept
    {
        if (candidate_ != me || --still_needed_ == 0) [[unlikely]]
            change_bias();
    }
    [[gnu::noinline]] void change_bias() noexcept
    {
        const void* me = Sync::this_thread();
        if (owner_.load(std::memory_order_relaxed) != nullptr) {
            end_bias();
            return;
        }
        still_needed_ = Sync::streak(ended_);
        if (candidate_ == me) {
            if (Sync::may_bias())
                bias_to(me);
            return;
        }
        met_ = candidate_ != nullptr;
        if (!earned_)
            candidate_ = me;
    }
    void bias_to(const void* me) noexcept
    {
        earned_ = true;
        owner_.store(me, std::memory_order_relaxed);
    }
    void bias_early(const void* me) noexcept
    {
        candidate_ = me;
        early_ = true;
        bias_to(me);
    }
    [[gnu::noinline, gnu::cold]] void end_bias() noexcept
    {
        owner_.store(nullptr, std::memory_order_seq_cst);
        parking<Sync>::sleep_until(Sync::lot(), inside_, 1,
                                   [this] { return inside_.load(std::memory_order_acquire) == 0; });
        ended_ = static_cast<std::uint8_t>(ended_ == 255 ? 255 : ended_ + 1);
        still_needed_ = Sync::streak(ended_);
        met_ = true;
        if (early_)
            Sync::was_too_early();
        early_ = false;
    }

    atomic<const void*> owner_{nullptr}; // the thread that may take the lock without the basic lock
    // Guarded by lock_: who has had the last sections. Once a bias was earned, nobody else may earn one
    // (invariant 3).
    const void* candidate_ = nullptr;
    atomic<std::uint32_t> inside_{0}; // 1: the owner has done so
    basic_lock<Sync> lock_;
    // Guarded by lock_.
    std::uint32_t still_needed_ = 0; // sections of the candidate, until it earns a bias
    std::uint8_t ended_ = 0;         // biases
    bool earned_ = false;
    bool suspended_ = false;
    bool early_ : 1 = false; // the bias was there from the beginning
    bool met_ : 1 = false;   // more than one thread has had it
};

} // namespace devres::detail
