// SPDX-License-Identifier: MIT
//
// What the mechanism asks of its surroundings: a lock, the identity of a thread, memory, sleeping, and
// somebody to report to.
//
// There are two seams. What must cost nothing is found on the include path, as <devres/env/...>:
//
//   lock.h       class head_lock, not recursive, with a type `token` of what release() has to know:
//                  bool try_acquire(token*)      an inline way in that may fail at any time
//                  token acquire()               the way in that waits
//                  void release(token)
//                  void acquire_exclusive()      as acquire(), but until release_exclusive() even the thread
//                  void release_exclusive()      that holds the lock finds try_acquire() failing
//                class lock, acquire() and release(), for short sections of anything else; src/list needs
//                  none
//   thread.h     this_thread() and class release_scope
//   wait_clock.h class wait_clock, which says when a wait has become so long that it is to be reported
//   upstream.h   `upstream`, the type of what a user may give a head as its source of memory
//   call.h       call_release(), call_match(), call_visit(): how a callback of the user is called
//   sanitizer.h  poison() and unpoison(), and whether they do anything
//   errors.h     the numbers of errors, as macros
//
// The rest is linked: the functions below. env/posix answers for a process on Linux, tests/freestanding with
// a spinlock and an array of bytes, linux/ with the kernel.
//
// Thread safety: every function may be called by any thread. Which ones may be called under a head's lock is
// said at each.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <devres/detail/report.h>
#include <devres/diagnostics.h>
#include <devres/env/upstream.h>
#include <devres/env/wait_clock.h>
#include <devres/gfp.h>

namespace devres::detail {

// --- Memory (never under a lock) ---------------------------------------------------------------------------

// How, where and for whom memory is allocated. A process ignores all but __GFP_ZERO.
struct allocation_request {
    gfp_t gfp = GFP_KERNEL;
    int node = -1; // any
    const void* caller = nullptr;
};

// Returns: `bytes` bytes aligned to `align`, zeroed if the request says __GFP_ZERO; null if there are none.
// A null `source` is the environment's own.
void* env_allocate(upstream* source, std::size_t bytes, std::size_t align,
                   const allocation_request& request) noexcept;
void env_free(upstream* source, void* memory, std::size_t bytes, std::size_t align) noexcept;

// --- Sleeping ----------------------------------------------------------------------------------------------

// Sleeps while `word` is `value`, or until `clock` says that the wait has become so long that it is to be
// reported. Never under a lock.
// Returns: true if a report is due.
// Ordering: what preceded the change of the word happens before the return.
bool env_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value, wait_clock& clock) noexcept;

// Wakes whoever waits for `word`, which has just been changed. Uses the address only: the word may be gone.
// May be called under a lock.
void env_wake(const std::atomic<std::uint32_t>& word) noexcept;

// --- Reports -----------------------------------------------------------------------------------------------

// What a message says of a resource: taken while the resource is there, turned into text later.
struct description {
    const char* kind = nullptr;     // "action"
    const char* name = nullptr;     // a given name or a type, or null
    const void* code = nullptr;     // the function whose symbol names the resource, or null
    std::size_t size = 0;           // of the payload
    const void* resource = nullptr; // which one it is; never followed

    explicit operator bool() const noexcept { return kind != nullptr; }
};

inline constexpr devres_head* no_owner = nullptr; // for a message that has no owner to name

// Reports misuse. Calls user code, so never under a lock.
[[gnu::format(printf, 4, 5)]] void warn(const char* function, devres_head* owner, const description& res,
                                        const char* format, ...) noexcept;
// Reports that an owner has `count` resources and should have none; names the first of them, `most` at most.
void warn_of_many(const char* function, devres_head* owner, const description* res, std::size_t most,
                  std::size_t count) noexcept;
// Reports what would corrupt memory, and does not come back. May be called under a lock.
[[noreturn]] void bug(const char* function, devres_head* owner, const description& res,
                      const char* what) noexcept;

// Not 0 while somebody listens to events: a log hook, or a tracer.
extern std::atomic<std::uintptr_t> event_listeners [[gnu::visibility("hidden")]];
// Tells those who listen of an event ("ADD", "REM", "REL"). Never under a lock.
void log_event(const char* op, devres_head* head, const description& res) noexcept;

inline bool logging() noexcept
{
    return event_listeners.load(std::memory_order_acquire) != 0;
}

} // namespace devres::detail
