// SPDX-License-Identifier: MIT
//
// Where all the slots are: the records of threads, and the loose slots.
//
// Both are kept in a table of chunks that only grows, so that a revoker reads memory in order, and a slot is
// mapped to its record by its address alone. The first chunk of records and the slots for emergencies are
// static: a process with a dozen readers allocates nothing, and a thread's first guard does not fail when
// there is no memory.
//
// Thread safety: what ends in `_locked` needs the registry lock; the rest is for any thread.
#pragma once

#include <bit>
#include <cstdint>

#include <devres/detail/annotations.h>
#include <devres/detail/revocation.h>

#include "env/posix/process_lock.h"

namespace devres::detail {

// Held to take and give back records and batches of loose slots, and around fork; never by readers on their
// fast path or by revokers. Handlers around a fork may take guards and end them: where their thread has the
// lock already, no list is in the midst of a change.
extern fork_safe_lock registry_lock;

// Twelve records and what they are for. Aligned to its size.
struct alignas(4096) reader_chunk {
    static constexpr unsigned capacity = 12;
    static constexpr std::uintptr_t size = 4096;

    bool loose = false;      // the slots belong to no record
    std::uint32_t first = 0; // the number of the first record
    reader_record records[capacity];

    static const reader_chunk& of(const reader_slot& slot) noexcept
    {
        // SAFETY: every slot lies in a chunk.
        return *reinterpret_cast<const reader_chunk*>(reinterpret_cast<std::uintptr_t>(&slot) & ~(size - 1));
    }
    // Which of its slots it is, counted from the first record's first.
    unsigned index_of(const reader_slot& slot) const noexcept
    {
        const auto offset =
            reinterpret_cast<std::uintptr_t>(&slot) - reinterpret_cast<std::uintptr_t>(records);
        return static_cast<unsigned>(offset / sizeof(reader_record) * reader_record::capacity +
                                     offset % sizeof(reader_record) / sizeof(reader_slot));
    }
};
static_assert(sizeof(reader_chunk) == reader_chunk::size);

// All records of one kind, by number. Segments of chunks: one, one, two, four, and so on.
class record_table {
public:
    // `first` may be null; it lives for ever.
    constexpr explicit record_table(reader_chunk* first, bool loose) noexcept
        : segments_{first}, loose_(loose)
    {
    }

    // One that was never used. Returns: null on no memory.
    reader_record* add_locked() noexcept DEVRES_REQUIRES(registry_lock);

    std::uint32_t count() const noexcept { return count_.load(std::memory_order_acquire); }

    reader_record& at(std::uint32_t number) const noexcept
    {
        const std::uint32_t chunk = number / reader_chunk::capacity;
        const unsigned segment = segment_of(chunk);
        return segments_[segment]
            .load(std::memory_order_acquire)[chunk - first_of(segment)]
            .records[number % reader_chunk::capacity];
    }

    // Calls visit(record) until that says true. Returns: whether it did.
    template <class Visit>
    bool any(Visit visit) const noexcept
    {
        std::uint32_t left = count();
        for (unsigned segment = 0; left; ++segment) {
            reader_chunk* chunk = segments_[segment].load(std::memory_order_acquire);
            for (std::uint32_t chunks = chunks_in(segment); chunks && left; --chunks, ++chunk)
                for (std::uint32_t i = 0; i < reader_chunk::capacity && left; ++i, --left)
                    if (visit(chunk->records[i]))
                        return true;
        }
        return false;
    }

private:
    static constexpr unsigned segments = 24;
    static constexpr unsigned segment_of(std::uint32_t chunk) noexcept
    {
        return static_cast<unsigned>(std::bit_width(chunk));
    }
    static constexpr std::uint32_t first_of(unsigned segment) noexcept
    {
        return segment == 0 ? 0 : std::uint32_t{1} << (segment - 1);
    }
    static constexpr std::uint32_t chunks_in(unsigned segment) noexcept
    {
        return segment == 0 ? 1 : first_of(segment);
    }

    std::atomic<reader_chunk*> segments_[segments];
    std::atomic<std::uint32_t> count_{0};
    const bool loose_;
};

extern record_table thread_records;
extern record_table loose_slots;
// For a guard when there is no memory, in a thread that has no record, or in a signal handler that has
// interrupted its thread in a list of loose slots. A bit for each slot says whether it is free.
extern reader_chunk emergency_slots;
extern std::atomic<bool> emergency_used;

// How many of the waits for readers are this thread's: the handler of a long one may revoke something.
extern constinit thread_local std::uint32_t waits_here;

// --- Every slot there is ---

template <class Visit>
bool any_slot_of(const reader_record& record, Visit visit) noexcept
{
    // Most records are idle, which one branch finds out.
    identity any = 0;
    for (const reader_slot& slot : record.slots)
        any |= slot.domain.load(std::memory_order_acquire);
    if (any == 0) [[likely]]
        return false;
    for (const reader_slot& slot : record.slots)
        if (slot.domain.load(std::memory_order_acquire) != 0 && visit(slot))
            return true;
    return false;
}

// Calls visit(slot) for each slot that somebody is inside with.
template <class Visit>
bool any_loose(Visit visit) noexcept
{
    if (loose_slots.any([&](const reader_record& r) { return any_slot_of(r, visit); }))
        return true;
    if (emergency_used.load(std::memory_order_acquire))
        for (const reader_record& r : emergency_slots.records)
            if (any_slot_of(r, visit))
                return true;
    return false;
}

// The order is that in which a guard moves: from a record to a loose slot.
template <class Visit>
bool any_slot(Visit visit) noexcept
{
    return thread_records.any([&](const reader_record& r) { return any_slot_of(r, visit); }) ||
           any_loose(visit);
}

inline bool is_idle(const reader_record& record) noexcept
{
    return !any_slot_of(record, [](const reader_slot&) { return true; });
}

// --- Records ---

// For the calling thread. Returns: null on no memory.
reader_record* adopt_record() noexcept;
// At its end.
void give_record_back(reader_record* record) noexcept;
// After a guard in a record of another thread has ended.
void reclaim_if_orphaned(reader_record& record) noexcept;
// Has this thread's record given back when the thread ends. Returns: false if that cannot be.
bool watch_thread_end(reader_record* record) noexcept;

// --- Loose slots ---

// Lists of free ones, linked through `object`: a revoker does not look at that while `domain` is 0.
inline void push_free(reader_slot*& list, reader_slot& slot) noexcept
{
    slot.object.store(reinterpret_cast<std::uintptr_t>(list), std::memory_order_relaxed);
    list = &slot;
}
inline reader_slot* pop_free(reader_slot*& list) noexcept
{
    reader_slot* first = list;
    if (first) [[likely]] // SAFETY: push_free() has put a pointer there
        list = reinterpret_cast<reader_slot*>(
            static_cast<std::uintptr_t>(first->object.load(std::memory_order_relaxed)));
    return first;
}

// While it lives this thread changes the list in its record, and a signal handler on it does without.
class list_change {
public:
    explicit list_change(reader_record& record) noexcept : record_(record)
    {
        record_.busy.store(true, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    ~list_change()
    {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        record_.busy.store(false, std::memory_order_relaxed);
    }
    list_change(const list_change&) = delete;
    list_change& operator=(const list_change&) = delete;

private:
    reader_record& record_;
};

reader_slot* take_loose_slow(reader_record* mine) noexcept;
void give_loose_slow(reader_slot& slot, reader_record* mine) noexcept;

// A free loose slot for the thread of that number, or for nobody if 0. Never fails. `mine` is this thread's
// record or null.
inline reader_slot* take_loose(reader_record* mine, std::uint32_t thread) noexcept
{
    reader_slot* slot = nullptr;
    if (mine && !mine->busy.load(std::memory_order_relaxed)) [[likely]] {
        const list_change now(*mine);
        slot = pop_free(mine->loose);
        if (slot) [[likely]]
            --mine->loose_count;
    }
    if (!slot) [[unlikely]]
        slot = take_loose_slow(mine);
    place_of(*slot).thread.store(thread, std::memory_order_relaxed);
    if (mine && thread)
        ++mine->loose_held;
    return slot;
}

// A thread that has more free ones than this gives some to the process.
inline constexpr std::uint32_t most_loose = 64;

// Gives back one that is cleared and not for emergencies.
inline void give_loose(reader_slot& slot, reader_record* mine) noexcept
{
    if (!mine || mine->loose_count == most_loose) [[unlikely]]
        return give_loose_slow(slot, mine);
    const list_change now(*mine);
    push_free(mine->loose, slot);
    ++mine->loose_count;
}
void give_emergency(const reader_slot& slot) noexcept;

// After fork, in the child: forgets what threads that did not come along have taken.
void keep_only_this_thread_locked(std::uint32_t thread_before) noexcept DEVRES_REQUIRES(registry_lock);
void keep_only_loose_of_locked(std::uint32_t thread_before, std::uint32_t thread_now) noexcept
    DEVRES_REQUIRES(registry_lock);

// The system's number of the calling thread.
std::uint32_t thread_number() noexcept;
// That thread is there.
bool is_running(std::uint32_t thread) noexcept;

} // namespace devres::detail
