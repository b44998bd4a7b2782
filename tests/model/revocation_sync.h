// SPDX-License-Identifier: MIT
//
// The Sync of devres::detail::revocation<Sync> in the model.
#pragma once

#include "model_sync.h"

namespace model {

enum class fault {
    none,
    no_fence_on_enter,
    no_fence_on_leave,
    no_barrier,
    no_announcement,
    no_bump,
    no_wake,
    relaxed_clear,
    relaxed_publish,
    backwards, // the revoker looks at slots in the other order
};

template <form Form, fault Fault, int Threads>
struct sync {
    using where = std::source_location;

    template <class T>
    class atomic {
    public:
        T load(std::memory_order order, where at = where::current()) const
        {
            return value_.load(to_relacy(order), debug_at(at));
        }
        void store(T value, std::memory_order order, where at = where::current())
        {
            if ((Fault == fault::relaxed_clear && is_in(at, "take_back(")) ||
                (Fault == fault::relaxed_publish && is_in(at, "publish(")))
                value_.store(value, rl::mo_relaxed, debug_at(at));
            else
                value_.store(value, to_relacy(order), debug_at(at));
        }
        T fetch_add(T value, std::memory_order order, where at = where::current())
        {
            if ((Fault == fault::no_announcement && is_in(at, "wait(")) ||
                (Fault == fault::no_bump && is_in(at, "wake(")))
                return 0;
            return value_.fetch_add(value, to_relacy(order), debug_at(at));
        }
        T fetch_sub(T value, std::memory_order order, where at = where::current())
        {
            if (Fault == fault::no_announcement && is_in(at, "wait("))
                return 0;
            return value_.fetch_sub(value, to_relacy(order), debug_at(at));
        }
        T fetch_or(T value, std::memory_order order, where at = where::current())
        {
            return value_.fetch_or(value, to_relacy(order), debug_at(at));
        }
        // What the kernel sees in a futex word: always the newest value, and no ordering with it.
        T futex_value() const { return value_.debug_value(); }
        void futex_wait(where at) { value_.wait(rl::ctx(), false, true, debug_at(at)); }
        void futex_wake(where at) { value_.wake(rl::ctx(), Threads, debug_at(at)); }

    private:
        rl::atomic<T> value_;
    };

    static void compiler_barrier() {}

    static void full_fence(where at = where::current())
    {
        if ((Fault == fault::no_fence_on_enter && is_in(at, "open_fenced(")) ||
            (Fault == fault::no_fence_on_leave && is_in(at, "wake(")))
            return;
        rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
    }

    static void heavy_barrier(where at = where::current())
    {
        if (Fault == fault::no_barrier)
            return;
        barrier_of<Form, Threads>(at);
    }

    // What the library does besides while it sleeps (say that it takes long) is no part of the model. That it
    // may return early is: relacy wakes a sleeper for no reason.
    struct no_report {};
    static void sleep(atomic<std::uint32_t>& word, std::uint32_t expected, no_report&,
                      where at = where::current())
    {
        rl::ctx().sched();
        if (word.futex_value() ==
            expected) // no scheduling point from here to the wait: one step, as in the kernel
            word.futex_wait(at);
    }

    static void wake_all(atomic<std::uint32_t>& word, where at = where::current())
    {
        if (Fault == fault::no_wake)
            return;
        rl::ctx().sched();
        word.futex_wake(at);
    }
};

} // namespace model
