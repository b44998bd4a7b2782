// SPDX-License-Identifier: MIT
//
// Locks of what a process has one of.
//
// fork(2) copies memory as it is at that moment: a lock that another thread holds would stay locked in the
// child, and what it guards half changed. So a fork takes these first, and both processes give them back.
// Meanwhile they are the forking thread's, on which handlers of pthread_atfork() run that are older than the
// library: what they do with the library finds them held already. They must neither wait for another thread,
// which may be waiting for such a lock, nor fork.
//
// Thread safety: any thread. Not recursive.
#pragma once

#include <atomic>

#include <devres/detail/annotations.h>
#include <devres/detail/scoped_lock.h>
#include <devres/env/lock.h>

namespace devres::detail {

class DEVRES_CAPABILITY fork_safe_lock {
public:
    void acquire() noexcept DEVRES_ACQUIRE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (!is_forking()) [[likely]]
            lock_.acquire();
    }
    void release() noexcept DEVRES_RELEASE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        if (!is_forking()) [[likely]]
            lock_.release();
    }

    // Before a fork, and after it in both processes.
    void begin_fork() noexcept DEVRES_ACQUIRE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        lock_.acquire();
        forker_.store(this_thread(), std::memory_order_relaxed);
    }
    void end_fork() noexcept DEVRES_RELEASE() DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        forker_.store(nullptr, std::memory_order_relaxed);
        lock_.release();
    }

private:
    // Only this thread itself makes that true, so it needs no order.
    bool is_forking() const noexcept { return forker_.load(std::memory_order_relaxed) == this_thread(); }

    lock lock_;
    std::atomic<const void*> forker_{nullptr}; // the thread that holds the lock for its fork
};

// For the list of owners, the tables of names and of origins, and the choice of a log hook. May be taken
// under a head's lock. A section is short, and calls neither code of the user's nor the allocator, which
// the fork may have locked by then.
extern fork_safe_lock process_lock;

} // namespace devres::detail
