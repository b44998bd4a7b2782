// SPDX-License-Identifier: MIT
//
// What the Syncs that instantiate the library's algorithms on relacy's atomics, fences and futexes have in
// common.
//
// The templates themselves are the library's, untouched: a fault is planted in a Sync, by the name of the
// function of the template that asks for the operation.
//
// Two forms. `fence`: the frequent side fences, and heavy_barrier() is a fence. `membarrier`: the frequent
// side does not; heavy_barrier() makes every thread pass a full fence, one after the other, at points the
// scheduler picks while the call lasts, which is what membarrier(2) promises.
//
// Does not: see reordering by the compiler (relacy runs the code as written), and release sequences are those
// of C++11, a little stronger than those of C++20.
#pragma once

// The library's templates come first: relacy redefines new, delete, malloc, free, errno and more.
#include <devres/detail/revocation_algorithm.h>
#include <devres/env/lock_algorithm.h>

#include <cstring>
#include <source_location>
#include <sstream>

// Nothing of the standard library after it.
#include <relacy/relacy.hpp>

namespace model {

enum class form { fence, membarrier };

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

template <form Form, int Threads>
void barrier_of(const std::source_location& at)
{
    if (Form == form::membarrier)
        fence_every_thread<Threads>(at);
    else
        rl::atomic_thread_fence(rl::mo_seq_cst, debug_at(at));
}

} // namespace model
