// SPDX-License-Identifier: MIT
//
// What entering and leaving does when it is not the simple case. The life of a slot is a table in
// revocation.h.

#include "revocation/records.h"

#include <devres/detail/report.h>

namespace devres::detail {

constinit revoke::announcements reader_announcements{{revoke::leave_fenced}, {0}};
constinit thread_local reader_stack this_reader;

namespace {

// Readers fence until it is known that they need not: 102, since the barrier is chosen at 101.
[[gnu::constructor(102)]] void stop_fencing() noexcept
{
    if (have_membarrier())
        reader_announcements.revokers.fetch_and(~revoke::leave_fenced, std::memory_order_relaxed);
}

// What `object` says in a slot below the top whose guard has ended, out of order or on another thread. That
// the slot is not entered is not enough: a signal handler may find the slot of the enter that it has
// interrupted, which is reserved.
constexpr identity ended = ~identity{0};

// Frees the ended slots at the top.
inline void lower_top(const reader_record* mine) noexcept
{
    while (this_reader.top != mine->slots) {
        reader_slot& newest = this_reader.top[-1];
        if (newest.domain.load(std::memory_order_acquire) != 0 ||
            newest.object.load(std::memory_order_acquire) != ended)
            return;
        newest.object.store(0, std::memory_order_relaxed);
        this_reader.top = &newest; // not a decrement: a signal handler may just have done the same
    }
}

bool begin_reading() noexcept
{
    reader_record* mine = adopt_record();
    if (!mine)
        return false;
    if (!watch_thread_end(mine)) {
        give_record_back(mine);
        return false;
    }
    this_reader = {mine->slots, mine->slots + reader_record::capacity, mine};
    return true;
}

bool is_of_record(const reader_slot& slot, const reader_record* record) noexcept
{
    return reinterpret_cast<std::uintptr_t>(&slot) - reinterpret_cast<std::uintptr_t>(record) <
           sizeof(reader_record::slots);
}

bool is_loose(const reader_chunk& chunk) noexcept
{
    return chunk.loose || &chunk == &emergency_slots;
}

void warn_of_foreign_end(source_place taken) noexcept
{
    warn("guard", nullptr, "taken at %s:%d, ended by another thread; move it with detach()",
         taken.file ? taken.file : "?", taken.line);
}

source_place place_in(const reader_slot& slot) noexcept
{
    const reader_place& place = place_of(slot);
    return {place.file.load(std::memory_order_relaxed), place.line.load(std::memory_order_relaxed)};
}

// The number that this thread's loose slots have.
std::uint32_t my_number() noexcept
{
    return this_reader.record ? this_reader.record->thread.load(std::memory_order_relaxed) : thread_number();
}

void forget_loose() noexcept
{
    if (this_reader.record && this_reader.record->loose_held != 0)
        --this_reader.record->loose_held;
}

void leave_loose(reader_slot& slot) noexcept
{
    const std::uint32_t thread = place_of(slot).thread.load(std::memory_order_relaxed);
    bool foreign = false;
    source_place taken;
    if (thread != 0) {
        if (thread == my_number())
            forget_loose();
        else if ((foreign = is_running(thread)))
            taken = place_in(slot);
    }
    revoke::clear(slot, reader_announcements);
    if (&reader_chunk::of(slot) == &emergency_slots)
        give_emergency(slot);
    else
        give_loose(slot, this_reader.record);
    if (foreign)
        warn_of_foreign_end(taken);
}

// A guard in the record of another thread, which may be gone.
void leave_foreign(reader_slot& slot) noexcept
{
    const reader_chunk& chunk = reader_chunk::of(slot);
    // SAFETY: made const by reader_chunk::of().
    auto& record = const_cast<reader_record&>(chunk.records[chunk.index_of(slot) / reader_record::capacity]);
    // As long as the slot is entered, nobody takes the record over.
    const bool foreign = record.state.load(std::memory_order_acquire) == reader_record::life::owned;
    const source_place taken = place_in(slot);
    slot.object.store(ended, std::memory_order_release);
    revoke::clear(slot, reader_announcements);
    reclaim_if_orphaned(record);
    if (foreign)
        warn_of_foreign_end(taken);
}

// Neither the simple end of a detached guard nor a guard of this thread's record.
[[gnu::noinline, gnu::cold]] void leave_otherwise(reader_slot& slot) noexcept
{
    if (is_loose(reader_chunk::of(slot)))
        leave_loose(slot);
    else
        leave_foreign(slot);
    if (this_reader.record)
        lower_top(this_reader.record);
}

} // namespace

reader_slot* take_slot_slow() noexcept
{
    if (!this_reader.record && !begin_reading())
        return take_loose(nullptr, thread_number());
    reader_record* mine = this_reader.record;
    lower_top(mine);
    if (this_reader.top == this_reader.limit)
        return take_loose(mine, mine->thread.load(std::memory_order_relaxed));
    return this_reader.top++;
}

void leave_slow(reader_slot* slot) noexcept
{
    reader_record* mine = this_reader.record;
    if (!mine) [[unlikely]]
        return leave_otherwise(*slot);
    if (is_of_record(*slot, mine)) { // not the newest
        slot->object.store(ended, std::memory_order_release);
        revoke::clear(*slot, reader_announcements);
        return lower_top(mine);
    }
    const std::uint32_t thread = place_of(*slot).thread.load(std::memory_order_relaxed);
    const bool detached = thread == 0;
    if (!reader_chunk::of(*slot).loose ||
        (!detached && thread != mine->thread.load(std::memory_order_relaxed))) [[unlikely]]
        return leave_otherwise(*slot);
    revoke::clear(*slot, reader_announcements);
    give_loose(*slot, mine);
    if (!detached) { // nested deeper than the record: above guards that may have ended
        forget_loose();
        lower_top(mine);
    }
}

reader_slot* detach(reader_slot* slot) noexcept
{
    reader_record* mine = this_reader.record;
    reader_place& place = place_of(*slot);
    if (!(mine && is_of_record(*slot, mine)) && is_loose(reader_chunk::of(*slot))) {
        // It stays: a guard moves from a record to a loose slot only.
        if (place.thread.exchange(0, std::memory_order_relaxed) != 0)
            forget_loose();
        return slot;
    }
    reader_slot* to = take_loose(mine, 0);
    reader_place& its_place = place_of(*to);
    its_place.file.store(place.file.load(std::memory_order_relaxed), std::memory_order_relaxed);
    its_place.line.store(place.line.load(std::memory_order_relaxed), std::memory_order_relaxed);
    // A revoker that sees the old slot cleared sees the new one published: both are release stores, and it
    // looks at loose slots last.
    revoke::publish(*to, slot->domain.load(std::memory_order_relaxed),
                    slot->object.load(std::memory_order_relaxed));
    leave(slot);
    return to;
}

// --- Slots as numbers: those of the record by their offset, then emergencies, then the other loose ones ----

namespace {

constexpr unsigned first_emergency = sizeof(reader_record::slots);
constexpr unsigned first_loose = first_emergency + reader_chunk::capacity * reader_record::capacity;

reader_slot* slot_at(int index) noexcept
{
    if (index < 0)
        return nullptr;
    auto n = static_cast<unsigned>(index);
    reader_record* record = this_reader.record;
    if (n < first_emergency) {
        const bool is_offset = record && n % sizeof(reader_slot) == 0;
        return is_offset ? &record->slots[n / sizeof(reader_slot)] : nullptr;
    }
    if (n < first_loose) {
        n -= first_emergency;
        record = &emergency_slots.records[n / reader_record::capacity];
    } else {
        n -= first_loose;
        if (n / reader_record::capacity >= loose_slots.count())
            return nullptr;
        record = &loose_slots.at(n / reader_record::capacity);
    }
    reader_slot& slot = record->slots[n % reader_record::capacity];
    const bool mine = place_of(slot).thread.load(std::memory_order_relaxed) == my_number();
    return mine ? &slot : nullptr;
}

} // namespace

int slot_index_slow(const reader_slot* slot) noexcept
{
    const reader_chunk& chunk = reader_chunk::of(*slot);
    const unsigned before =
        &chunk == &emergency_slots ? first_emergency : first_loose + chunk.first * reader_record::capacity;
    return static_cast<int>(before + chunk.index_of(*slot));
}

void leave_index_slow(int index, const char* function) noexcept
{
    reader_slot* slot = slot_at(index);
    if (slot && slot->domain.load(std::memory_order_acquire) != 0)
        leave(slot);
    else
        warn(function, nullptr, "index %d was not entered by this thread", index);
}

} // namespace devres::detail
