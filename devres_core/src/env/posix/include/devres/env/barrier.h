// SPDX-License-Identifier: MIT
//
// An asymmetric memory barrier: nothing on the frequent side, all of the cost on the rare side.
//
// Locks, parking and revocation rest on the same question between two threads: "I stored mine and then looked
// at yours; you stored yours and then looked at mine". One of the two must see the other, which needs a
// store-load barrier on both sides. The rare side issues heavy_barrier(), which makes every running thread of
// the process pass a full barrier (membarrier(2), registered when the library is loaded); the frequent side
// then only has to keep the compiler from reordering.
//
// Where the kernel has no membarrier, or DEVRES_NO_MEMBARRIER=1 is set when the library is loaded, the
// frequent side fences, too: a bit in a word that it looks at anyway (parking lot, announcements, gates) says
// so, and is set until the library has found out.
//
// Thread safety: any. Cost: heavy_barrier some hundred nanoseconds, or a few microseconds if other threads
// run.
#pragma once

#include <atomic>
#include <cstddef>

#include <devres/env/built_with.h>

namespace devres::detail {

// False until the library has registered for membarrier, and for ever where it cannot. A constructor of
// priority 101 registers, so one of priority 102 finds out for good.
bool have_membarrier() noexcept;

// A store-load barrier. ThreadSanitizer does not know fences, and needs none: it sees every execution
// as the order its instrumented atomics ran in, and the processor's own fence is still emitted.
inline void full_fence() noexcept
{
#if defined(DEVRES_TSAN) && defined(__x86_64__)
    asm volatile("mfence" ::: "memory");
#elif defined(DEVRES_TSAN)
    __sync_synchronize();
#else
    std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

void heavy_barrier() noexcept;

// How many of them this process has issued.
std::size_t heavy_barrier_count() noexcept;

} // namespace devres::detail
