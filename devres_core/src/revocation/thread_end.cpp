// SPDX-License-Identifier: MIT
//
// The end of a thread, and fork.
//
// A thread's record is given back by a destructor of thread-specific data: those run after the destructors of
// thread_local objects, which may hold or take guards, and again for a thread that enters something in one of
// them. A process may have used up its 1,024 keys; then a thread_local object does it, and what a thread
// takes after that was destroyed goes into loose slots.
//
// Fork: only the forking thread goes on in the child. The others' records are spare there, and their guards
//       are over. A new thread of the child may have the address of one that is gone, but inherits nothing
//       from it by that: a record is known by `my_record` alone, which is thread-local and starts empty.

#include "revocation/records.h"

#include <pthread.h>

namespace devres::detail {

namespace {

constinit bool have_key = false;
pthread_key_t thread_end;

void at_thread_end(void* record) noexcept
{
    give_record_back(static_cast<reader_record*>(record));
}

// Without a key.
class record_keeper {
public:
    ~record_keeper()
    {
        over = true;
        if (my_record)
            give_record_back(my_record);
    }
    static constinit thread_local bool over;
};
constinit thread_local bool record_keeper::over = false;

bool keep_by_thread_local() noexcept
{
    if (record_keeper::over)
        return false;
    static thread_local const record_keeper keeper;
    static_cast<void>(&keeper);
    return true;
}

// --- Fork ---

constinit std::uint32_t forking_thread DEVRES_GUARDED_BY(registry_lock) = 0;

void before_fork() noexcept DEVRES_ACQUIRE(registry_lock)
{
    registry_lock.begin_fork();
    forking_thread = thread_number();
}

void after_fork_in_parent() noexcept DEVRES_RELEASE(registry_lock)
{
    registry_lock.end_fork();
}

void after_fork_in_child() noexcept DEVRES_RELEASE(registry_lock)
{
    keep_only_this_thread_locked(forking_thread);
    // The parent's revokers do not wait here, but for those in whose handler (V11) this thread has forked.
    reader_announcements.revokers.fetch_and(revoke::leave_fenced, std::memory_order_relaxed);
    reader_announcements.revokers.fetch_add(waits_here, std::memory_order_relaxed);
    registry_lock.end_fork();
}

[[gnu::constructor(101)]] void set_up() noexcept
{
    have_key = ::pthread_key_create(&thread_end, &at_thread_end) == 0;
    ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
}

} // namespace

bool watch_thread_end(reader_record* record) noexcept
{
    return have_key ? ::pthread_setspecific(thread_end, record) == 0 : keep_by_thread_local();
}

} // namespace devres::detail
