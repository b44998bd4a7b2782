// SPDX-License-Identifier: MIT
//
// The Sync of the locks and of parking in the model.
//
// A word knows whether it still lives, in a plain variable that every operation on it reads: destroying a
// lock is a write to those, so an access that is not ordered before it is found as a data race.
#pragma once

#include "model_sync.h"

namespace model {

enum class lock_fault {
    none,
    no_barrier,      // of who sleeps or ends a bias
    no_announcement, // of who sleeps
    no_fence,        // of who wakes, where there is no membarrier
    no_wake,
    relaxed_release,
    blind_owner, // does not look again whether it still is the owner of the bias
};

template <form Form, lock_fault Fault, int Threads>
struct lock_sync {
    using where = std::source_location;

    template <class T>
    class atomic {
        static constexpr bool is_pointer = std::is_pointer_v<T>;
        using number = std::conditional_t<is_pointer, std::uintptr_t, T>; // relacy knows no const void*
        static number to_number(T value)
        {
            if constexpr (is_pointer)
                return reinterpret_cast<number>(value);
            else
                return value;
        }
        static T from_number(number value)
        {
            if constexpr (is_pointer)
                return reinterpret_cast<T>(value);
            else
                return value;
        }

    public:
        atomic() { alive_($) = 1; }
        explicit(false) atomic(T value)
        {
            alive_($) = 1;
            value_.store(to_number(value), rl::mo_relaxed, $);
        }
        void die() { alive_($) = 0; }

        T load(std::memory_order order, where at = where::current()) const
        {
            touch();
            if constexpr (is_pointer && Fault == lock_fault::blind_owner)
                if (is_in(at, "try_acquire(") && second_look(at))
                    return this_thread();
            return from_number(value_.load(to_relacy(order), debug_at(at)));
        }
        void store(T value, std::memory_order order, where at = where::current())
        {
            touch();
            const bool weak = Fault == lock_fault::relaxed_release && is_in(at, "release(");
            value_.store(to_number(value), weak ? rl::mo_relaxed : to_relacy(order), debug_at(at));
        }
        T exchange(T value, std::memory_order order, where at = where::current())
        {
            touch();
            return value_.exchange(value, to_relacy(order), debug_at(at));
        }
        T fetch_add(T value, std::memory_order order, where at = where::current())
        {
            touch();
            return Fault == lock_fault::no_announcement
                       ? T()
                       : value_.fetch_add(value, to_relacy(order), debug_at(at));
        }
        T fetch_sub(T value, std::memory_order order, where at = where::current())
        {
            touch();
            return Fault == lock_fault::no_announcement
                       ? T()
                       : value_.fetch_sub(value, to_relacy(order), debug_at(at));
        }
        // What the kernel sees in a futex word: always the newest value, and no ordering with it.
        T futex_value() const { return value_.debug_value(); }
        void futex_wait(where at) { value_.wait(rl::ctx(), false, true, debug_at(at)); }
        void futex_wake(int how_many, where at) { value_.wake(rl::ctx(), how_many, debug_at(at)); }

    private:
        void touch() const { RL_ASSERT(alive_($) == 1); }

        rl::atomic<number> value_;
        rl::var<int> alive_;
    };
    using word = atomic<std::uint32_t>;

    static constexpr int spins = 1;
    // Two sections in a row earn a bias, however many have ended before.
    static constexpr std::uint32_t streak(unsigned) { return 1; }
    static bool expects_nobody() { return false; } // lock_access::bias_early() instead, in some schedules
    static void was_too_early() {}
    static void note_life(bool) {}
    static constexpr std::size_t lanes = 1;
    static std::size_t lane_of(const word&) { return 0; }

    // The lot of the scenario that runs, whose type is not known yet.
    static inline void* current = nullptr;
    static decltype(auto) lot()
    {
        return *static_cast<typename devres::detail::parking<lock_sync>::lot*>(current);
    }

    static const void* this_thread() { return thread(rl::ctx().threadx_->index_); }
    static const void* thread(unsigned i) { return &threads[i]; }
    static bool may_bias() { return Form == form::membarrier; }

    static void pause() {}
    static void compiler_barrier() {}
    static void full_fence(where at = where::current())
    {
        if (Fault != lock_fault::no_fence)
            rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
    }
    static void heavy_barrier(where at = where::current())
    {
        if (Fault != lock_fault::no_barrier)
            barrier_of<Form, Threads>(at);
    }
    static void sleep(word& on, std::uint32_t expected, where at = where::current())
    {
        rl::ctx().sched();
        if (on.futex_value() ==
            expected) // no scheduling point from here to the wait: one step, as in the kernel
            on.futex_wait(at);
    }
    static void wake(word& changed, int how_many, where at = where::current())
    {
        if (Fault == lock_fault::no_wake)
            return;
        rl::ctx().sched();
        changed.futex_wake(how_many, at);
    }

private:
    // The first look is before the store to `inside_`, the second behind it.
    static bool second_look(const where& at)
    {
        static std::uint_least32_t first_line = 0;
        if (first_line == 0 || at.line() < first_line)
            first_line = at.line();
        return at.line() > first_line;
    }

    static inline char threads[Threads] = {};
};

} // namespace model
