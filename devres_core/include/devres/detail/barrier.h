// SPDX-License-Identifier: MIT
//
// An asymmetric memory barrier: nothing on the frequent side, all of the cost on the rare side.
//
// Both the lock and revocation rest on the same question between two threads: "I stored mine and then
// looked at yours; you stored yours and then looked at mine". One of the two must see the other, which
// needs a store-load barrier on both sides. The frequent side uses light_barrier(), the rare side
// heavy_barrier(), which makes every running thread of the process pass a full barrier (membarrier(2),
// registered when the library is loaded).
//
// Where the kernel has no membarrier, or DEVRES_NO_MEMBARRIER=1 is set when the library is loaded,
// light_barrier() is a full fence and heavy_barrier() one too.
//
// Thread safety: any. Cost: light_barrier one predicted branch; heavy_barrier a few microseconds.
#pragma once

#include <atomic>

namespace devres::detail {

// 1 until the library has registered for membarrier, and for ever where it cannot.
extern std::atomic<unsigned char> barrier_needs_fence;

#if defined(__SANITIZE_THREAD__)
#define DEVRES_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEVRES_TSAN 1
#endif
#endif

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

inline void light_barrier() noexcept
{
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (barrier_needs_fence.load(std::memory_order_relaxed) != 0) [[unlikely]]
        full_fence();
}

void heavy_barrier() noexcept;

} // namespace devres::detail
