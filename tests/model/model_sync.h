// SPDX-License-Identifier: MIT
//
// The Sync that instantiates devres::detail::revocation<Sync> on relacy's atomics, fences and futexes.
//
// The template itself is the library's, untouched: a fault is planted here, by the name of the function of the
// template that asks for the operation.
//
// Two forms. `fence`: gates are born fenced and leaving readers fence, heavy_barrier() is a fence. `membarrier`:
// no reader fences; heavy_barrier() makes every thread pass a full fence, one after the other, at points the
// scheduler picks while the call lasts, which is what membarrier(2) promises.
//
// Does not: see reordering by the compiler (relacy runs the code as written), and release sequences are those of
// C++11, a little stronger than those of C++20.
#pragma once

#include <devres/detail/revocation_algorithm.h>

#include <cstring>
#include <source_location>
#include <sstream>

// relacy redefines new, delete, malloc, free, errno and more: nothing of the standard library after it.
#include <relacy/relacy.hpp>

namespace model {

enum class form { fence, membarrier };

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
};

inline rl::debug_info debug_at(const std::source_location& at)
{
    return {at.function_name(), at.file_name(), at.line()};
}

// True if the operation comes from the template's function of that name ("wait(").
inline bool is_in(const std::source_location& at, const char* function)
{
    return std::strstr(at.function_name(), function) != nullptr;
}

inline rl::memory_order to_relacy(std::memory_order order)
{
    switch (static_cast<int>(order)) {
    case __ATOMIC_RELAXED:
        return rl::mo_relaxed;
    case __ATOMIC_CONSUME:
        return rl::mo_consume;
    case __ATOMIC_ACQUIRE:
        return rl::mo_acquire;
    case __ATOMIC_RELEASE:
        return rl::mo_release;
    case __ATOMIC_ACQ_REL:
        return rl::mo_acq_rel;
    default:
        return rl::mo_seq_cst;
    }
}

// The full fence of membarrier(2), on every thread of the model.
template <int Threads>
void fence_every_thread(const std::source_location& at)
{
    using thread = rl::thread_info<Threads>;
    rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
    // SAFETY: relacy keeps its threads in one array of aligned<thread>, and threadx_ is one of them.
    auto* self = static_cast<rl::aligned<thread>*>(static_cast<thread*>(rl::ctx().threadx_));
    rl::aligned<thread>* const all = self - self->index_;
    for (int i = 0; i != Threads; ++i) {
        rl::ctx().sched();
        all[i].atomic_thread_fence_seq_cst(rl::ctx().seq_cst_fence_order_);
    }
    rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
}

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
            if ((Fault == fault::relaxed_clear && is_in(at, "clear(")) ||
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
        if (Form == form::membarrier)
            fence_every_thread<Threads>(at);
        else
            rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
    }

    static void sleep(atomic<std::uint32_t>& word, std::uint32_t expected, where at = where::current())
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
