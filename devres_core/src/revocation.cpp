// SPDX-License-Identifier: MIT
//
// The rare half of revocation: records of readers, waiting, and what happens at thread end, fork and overflow.

#include <devres/detail/revocation.h>

#include <mutex>
#include <new>

#include <pthread.h>

#include "counters.h"
#include "futex.h"
#include "warn.h"

namespace devres::detail {

// Guards nested deeper than a record holds, and detached ones. Never freed, reused.
struct reader_overflow {
    static constexpr unsigned capacity = 16;
    reader_slot slots[capacity];
    std::atomic<bool> taken[capacity] = {};
    reader_overflow* next = nullptr; // set once
};

constinit revoke::announcements reader_announcements{{revoke::leave_fenced}, {0}};
constinit thread_local reader_stack this_reader;
constinit thread_local int release_depth = 0;

namespace {

// All records there ever were, and the guards that belong to no thread.
constinit std::atomic<reader_record*> all_records{nullptr};
constinit std::atomic<reader_overflow*> detached_guards{nullptr};
constinit std::atomic<identity> last_identity{0};

// Taken to add a record or an overflow block, and around fork; never by readers on their fast path or by revokers.
constinit std::mutex registry_lock;

pthread_key_t thread_end;

bool is_idle(const reader_slot& slot) noexcept
{
    return slot.domain.load(std::memory_order_acquire) == 0;
}

// --- Every slot there is ---

template <class Visit>
bool any_in(const reader_overflow* block, Visit visit) noexcept
{
    for (; block; block = block->next)
        for (const reader_slot& slot : block->slots)
            if (visit(slot))
                return true;
    return false;
}

template <class Visit>
bool any_of_thread(const reader_record* record, Visit visit) noexcept
{
    for (const reader_slot& slot : record->slots)
        if (visit(slot))
            return true;
    return any_in(record->more.load(std::memory_order_acquire), visit);
}

template <class Visit>
bool any_slot(Visit visit) noexcept
{
    for (const reader_record* r = all_records.load(std::memory_order_acquire); r; r = r->next)
        if (any_of_thread(r, visit))
            return true;
    return any_in(detached_guards.load(std::memory_order_acquire), visit);
}

bool is_inside(const reader_slot& slot, const reader_set& readers) noexcept
{
    identity domain = 0;
    identity object = 0;
    return revoke::read(slot, domain, object) && readers.names(domain, object);
}

// --- Records ---

void give_record_back(void* record) noexcept
{
    this_reader = {};
    // Guards that outlive the thread keep their slots; they are left through leave_slow().
    static_cast<reader_record*>(record)->owned.store(false, std::memory_order_release);
}

// A slot below the top whose guard has ended, out of order or on another thread, says so in `object`. Being idle is not
// enough: a signal handler may find the slot of the enter that it has interrupted, which is not published yet.
constexpr identity ended = ~identity{0};

// Takes back such slots from the top.
void lower_top() noexcept
{
    while (this_reader.top != this_reader.record->slots) {
        reader_slot& newest = this_reader.top[-1];
        if (!is_idle(newest) || newest.object.load(std::memory_order_acquire) != ended)
            return;
        newest.object.store(0, std::memory_order_relaxed);
        this_reader.top = &newest; // not a decrement: a signal handler may just have done the same
    }
}

// One that no thread has, and whose former thread left no guard behind.
reader_record* adopt_record() noexcept
{
    for (reader_record* r = all_records.load(std::memory_order_acquire); r; r = r->next) {
        bool owned = false;
        if (!r->owned.compare_exchange_strong(owned, true, std::memory_order_acq_rel))
            continue;
        if (!any_of_thread(r, [](const reader_slot& slot) { return !is_idle(slot); })) {
            for (reader_slot& slot : r->slots)
                slot.object.store(0, std::memory_order_relaxed);
            return r;
        }
        r->owned.store(false, std::memory_order_release);
    }
    auto* fresh = new (std::nothrow) reader_record;
    if (!fresh)
        return nullptr;
    fresh->owned.store(true, std::memory_order_relaxed);
    const std::lock_guard held(registry_lock);
    fresh->next = all_records.load(std::memory_order_relaxed);
    all_records.store(fresh, std::memory_order_release);
    return fresh;
}

reader_overflow* add_overflow(std::atomic<reader_overflow*>& list) noexcept
{
    auto* fresh = new (std::nothrow) reader_overflow;
    if (!fresh)
        bug("try_access", no_owner, nullptr, "no memory for another nested guard");
    fresh->next = list.load(std::memory_order_relaxed);
    list.store(fresh, std::memory_order_release);
    return fresh;
}

reader_slot* take_overflow(std::atomic<reader_overflow*>& list) noexcept
{
    for (reader_overflow* b = list.load(std::memory_order_acquire); b; b = b->next)
        for (unsigned i = 0; i < reader_overflow::capacity; ++i) {
            bool taken = false;
            if (b->taken[i].compare_exchange_strong(taken, true, std::memory_order_acq_rel))
                return &b->slots[i];
        }
    const std::lock_guard held(registry_lock);
    reader_overflow* fresh = add_overflow(list);
    fresh->taken[0].store(true, std::memory_order_relaxed);
    return &fresh->slots[0];
}

bool give_overflow(reader_overflow* block, const reader_slot* slot) noexcept
{
    for (; block; block = block->next)
        if (slot >= block->slots && slot < block->slots + reader_overflow::capacity) {
            block->taken[slot - block->slots].store(false, std::memory_order_release);
            return true;
        }
    return false;
}

// --- Fork: only the forking thread goes on in the child ---

void before_fork() noexcept
{
    registry_lock.lock();
}

void after_fork_in_parent() noexcept
{
    registry_lock.unlock();
}

void after_fork_in_child() noexcept
{
    for (reader_record* r = all_records.load(std::memory_order_relaxed); r; r = r->next) {
        if (r == this_reader.record)
            continue;
        for (reader_slot& slot : r->slots)
            slot.domain.store(0, std::memory_order_relaxed);
        for (reader_overflow* b = r->more.load(std::memory_order_relaxed); b; b = b->next)
            for (unsigned i = 0; i < reader_overflow::capacity; ++i) {
                b->slots[i].domain.store(0, std::memory_order_relaxed);
                b->taken[i].store(false, std::memory_order_relaxed);
            }
        r->owned.store(false, std::memory_order_relaxed);
    }
    // The parent's revokers do not wait here.
    reader_announcements.revokers.fetch_and(revoke::leave_fenced, std::memory_order_relaxed);
    registry_lock.unlock();
}

[[gnu::constructor(101)]] void set_up() noexcept
{
    ::pthread_key_create(&thread_end, &give_record_back);
    ::pthread_atfork(&before_fork, &after_fork_in_parent, &after_fork_in_child);
}

} // namespace

// --- Sleeping --------------------------------------------------------------------------------------------------

void real_sync::sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept
{
    futex_wait(word, expected);
}

void real_sync::wake_all(std::atomic<std::uint32_t>& word) noexcept
{
    futex_wake(word, INT_MAX);
}

// --- Slots -----------------------------------------------------------------------------------------------------

reader_slot* take_slot_slow() noexcept
{
    if (!this_reader.record) {
        reader_record* mine = adopt_record();
        if (!mine)
            bug("try_access", no_owner, nullptr, "no memory for this thread's first guard");
        ::pthread_setspecific(thread_end, mine);
        this_reader = {mine->slots, mine->slots + reader_record::capacity, mine};
    }
    lower_top();
    if (this_reader.top == this_reader.limit)
        return take_overflow(this_reader.record->more);
    return this_reader.top++;
}

void leave_slow(reader_slot* slot) noexcept
{
    reader_record* owner = nullptr;
    bool foreign = false;
    bool overflow = true;
    for (reader_record* r = all_records.load(std::memory_order_acquire); r && !owner; r = r->next) {
        const bool inside = slot >= r->slots && slot < r->slots + reader_record::capacity;
        bool in_more = false;
        for (const reader_overflow* b = r->more.load(std::memory_order_acquire); b && !in_more; b = b->next)
            in_more = slot >= b->slots && slot < b->slots + reader_overflow::capacity;
        if (inside || in_more) {
            owner = r;
            overflow = in_more;
            foreign = r != this_reader.record && r->owned.load(std::memory_order_acquire);
        }
    }
    const char* file = slot->file.load(std::memory_order_relaxed);
    const int line = slot->line.load(std::memory_order_relaxed);
    if (!overflow) // before it is cleared: from then on it may be another thread's
        slot->object.store(ended, std::memory_order_release);
    revoke::clear(*slot, reader_announcements);
    if (overflow)
        give_overflow(owner ? owner->more.load(std::memory_order_acquire)
                            : detached_guards.load(std::memory_order_acquire),
                      slot);
    if (owner && owner == this_reader.record)
        lower_top();
    if (foreign)
        warn("guard", no_owner, "taken at %s:%d, ended by another thread; move it with detach()",
             file ? file : "?", line);
}

namespace {

constexpr unsigned behind_record =
    sizeof(reader_record::slots); // the first index that is no offset in the record

} // namespace

// Blocks are added in front: counted from the end, so that an index stays what it was.
int slot_index_slow(const reader_slot* slot) noexcept
{
    constexpr auto each = static_cast<int>(reader_overflow::capacity);
    for (const reader_overflow* b = this_reader.record->more.load(std::memory_order_acquire); b;
         b = b->next) {
        if (slot < b->slots || slot >= b->slots + each)
            continue;
        int behind = 0;
        for (const reader_overflow* rest = b->next; rest; rest = rest->next)
            ++behind;
        return static_cast<int>(behind_record) + behind * each + static_cast<int>(slot - b->slots);
    }
    return -1;
}

namespace {

reader_slot* slot_at(int index) noexcept
{
    reader_record* mine = this_reader.record;
    if (!mine || index < 0)
        return nullptr;
    const auto n = static_cast<unsigned>(index);
    if (n < behind_record)
        return n % sizeof(reader_slot) == 0 ? &mine->slots[n / sizeof(reader_slot)] : nullptr;
    const unsigned behind = (n - behind_record) / reader_overflow::capacity;
    unsigned blocks = 0;
    for (const reader_overflow* b = mine->more.load(std::memory_order_acquire); b; b = b->next)
        ++blocks;
    for (reader_overflow* b = mine->more.load(std::memory_order_acquire); b; b = b->next)
        if (--blocks == behind)
            return &b->slots[(n - behind_record) % reader_overflow::capacity];
    return nullptr;
}

} // namespace

void leave_index_slow(int index) noexcept
{
    reader_slot* slot = slot_at(index);
    if (slot && !is_idle(*slot))
        leave(slot);
    else
        warn("drm_dev_exit", no_owner, "index %d was not entered by this thread", index);
}

reader_slot* detach(reader_slot* slot) noexcept
{
    for (const reader_overflow* b = detached_guards.load(std::memory_order_acquire); b; b = b->next)
        if (slot >= b->slots && slot < b->slots + reader_overflow::capacity)
            return slot;
    reader_slot* free_of_thread = take_overflow(detached_guards);
    free_of_thread->file.store(slot->file.load(std::memory_order_relaxed), std::memory_order_relaxed);
    free_of_thread->line.store(slot->line.load(std::memory_order_relaxed), std::memory_order_relaxed);
    // Both name the same until the new one is seen by every revoker; those look at threads first, then here.
    revoke::publish(*free_of_thread, slot->domain.load(std::memory_order_relaxed),
                    slot->object.load(std::memory_order_relaxed));
    full_fence();
    leave(slot);
    return free_of_thread;
}

// --- Gates -----------------------------------------------------------------------------------------------------

gate::gate() noexcept
    : state_{{have_membarrier() ? 0u : revoke::fenced}},
      id_(last_identity.fetch_add(1, std::memory_order_relaxed) + 1)
{
}

// --- Waiting ---------------------------------------------------------------------------------------------------

void wait_for_readers(const reader_set& readers) noexcept
{
    reader_waits.fetch_add(1, std::memory_order_relaxed);
    revoke::wait(reader_announcements,
                 [&] { return any_slot([&](const reader_slot& slot) { return is_inside(slot, readers); }); });
}

void wait_for_readers(const reader_set& readers, const char* /*function*/, devres_head* /*owner*/) noexcept
{
    wait_for_readers(readers);
}

bool has_readers(const reader_set& readers) noexcept
{
    heavy_barrier();
    return any_slot([&](const reader_slot& slot) { return is_inside(slot, readers); });
}

source_place inside_at(const reader_set& readers) noexcept
{
    source_place found;
    if (!this_reader.record)
        return found;
    any_of_thread(this_reader.record, [&](const reader_slot& slot) {
        if (!is_inside(slot, readers))
            return false;
        found = {slot.file.load(std::memory_order_relaxed), slot.line.load(std::memory_order_relaxed)};
        if (!found.file)
            found.file = "?";
        return true;
    });
    return found;
}

bool warn_if_inside(const char* function, devres_head* owner, const reader_set& readers,
                    source_place where) noexcept
{
    const source_place entered = inside_at(readers);
    if (!entered.file)
        return false;
    if (where.file)
        warn(function, owner, "called at %s:%d from inside a guard that this thread took at %s:%d",
             where.file, where.line, entered.file, entered.line);
    else
        warn(function, owner, "called from inside a guard that this thread took at %s:%d", entered.file,
             entered.line);
    return true;
}

revocation_counts revocation_stats() noexcept
{
    return {reader_waits.load(std::memory_order_relaxed), heavy_barriers.load(std::memory_order_relaxed)};
}

} // namespace devres::detail
