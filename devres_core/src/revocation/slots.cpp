// SPDX-License-Identifier: MIT
//
// What entering and leaving does when it is not the simple case. The life of a slot is a table in
// revocation.h.

#include "revocation/records.h"

#include <devres/detail/report.h>

namespace devres::detail {

constinit revoke::announcements reader_announcements{{revoke::leave_fenced}, {0}};
constinit thread_local reader_record* my_record = nullptr;

namespace {

// Readers fence until it is known that they need not: 102, since the barrier is chosen at 101.
[[gnu::constructor(102)]] void stop_fencing() noexcept
{
    if (have_membarrier())
        reader_announcements.revokers.fetch_and(~revoke::leave_fenced, std::memory_order_relaxed);
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
    // There was no memory for the record before, and what this thread has entered since is in loose slots.
    if (emergency_used.load(std::memory_order_relaxed))
        any_loose([mine](const reader_slot& slot) {
            if (place_of(slot).thread.load(std::memory_order_relaxed) ==
                mine->thread.load(std::memory_order_relaxed))
                ++mine->loose_held;
            return false;
        });
    my_record = mine;
    return true;
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
    return my_record ? my_record->thread.load(std::memory_order_relaxed) : thread_number();
}

void forget_loose() noexcept
{
    if (my_record && my_record->loose_held != 0)
        --my_record->loose_held;
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
        give_loose(slot, my_record);
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
    revoke::clear(slot, reader_announcements);
    reclaim_if_orphaned(record);
    if (foreign)
        warn_of_foreign_end(taken);
}

// A free slot of this thread, which stays free until it is published.
reader_slot* take_slot() noexcept
{
    if (!my_record && !begin_reading())
        return take_loose(nullptr, thread_number());
    reader_record* mine = my_record;
    for (reader_slot& slot : mine->slots)
        if (slot.domain.load(std::memory_order_acquire) == 0)
            return &slot;
    return take_loose(mine, mine->thread.load(std::memory_order_relaxed));
}

// Neither the simple end of a detached guard nor that of one nested deeper than the record.
[[gnu::noinline, gnu::cold]] void leave_otherwise(reader_slot& slot) noexcept
{
    if (is_loose(reader_chunk::of(slot)))
        leave_loose(slot);
    else
        leave_foreign(slot);
}

} // namespace

reader_slot* enter(const gate& alone, source_place where) noexcept
{
    reader_slot* slot = take_slot();
    revoke::publish(*slot, alone.id());
    note_place(*slot, where);
    return slot;
}

reader_slot* try_enter_slow(reader_slot* published, const gate& alone, source_place where) noexcept
{
    reader_slot* slot = published ? published : enter(alone, where);
    if (alone.admits())
        return slot;
    leave(slot);
    return nullptr;
}

reader_slot* try_enter_slow(reader_slot* published, const domain_gate& domain, const gate& object,
                            source_place where) noexcept
{
    reader_slot* slot = published ? published : take_slot();
    if (!published || !revoke::is_object(*slot, object.id())) {
        revoke::reserve(*slot, reader_announcements); // from signal handlers
        revoke::publish(*slot, domain.id(), object.id());
        note_place(*slot, where);
    }
    if (domain.admits() && object.admits())
        return slot;
    leave(slot);
    return nullptr;
}

void leave_slow(reader_slot* slot) noexcept
{
    reader_record* mine = my_record;
    if (!mine || !reader_chunk::of(*slot).loose) [[unlikely]]
        return leave_otherwise(*slot);
    const std::uint32_t thread = place_of(*slot).thread.load(std::memory_order_relaxed);
    const bool detached = thread == 0;
    if (!detached && thread != mine->thread.load(std::memory_order_relaxed)) [[unlikely]]
        return leave_otherwise(*slot);
    revoke::clear(*slot, reader_announcements);
    give_loose(*slot, mine);
    if (!detached)
        forget_loose();
}

reader_slot* detach(reader_slot* slot) noexcept
{
    reader_place& place = place_of(*slot);
    if (is_loose(reader_chunk::of(*slot))) {
        // It stays: a guard moves from a record to a loose slot only.
        const std::uint32_t thread = place.thread.exchange(0, std::memory_order_relaxed);
        if (thread == my_number())
            forget_loose();
        else if (thread != 0 && is_running(thread))
            warn_of_foreign_end(place_in(*slot));
        return slot;
    }
    reader_slot* to = take_loose(my_record, 0);
    note_place(*to, place_in(*slot));
    // A revoker that sees the old slot cleared sees the new one published: both are release stores, and it
    // looks at loose slots last.
    revoke::copy(*slot, *to);
    leave(slot);
    return to;
}

// --- Slots as numbers: those of the record by their offset, then emergencies, then the other loose ones ----

namespace {

constexpr unsigned first_emergency = sizeof(reader_record::slots);
constexpr unsigned first_loose = first_emergency + reader_chunk::capacity * reader_record::capacity;

// One that is not in a record, and is this thread's; or null.
reader_slot* slot_at(int index) noexcept
{
    if (index < static_cast<int>(first_emergency))
        return nullptr;
    auto n = static_cast<unsigned>(index);
    reader_record* record = nullptr;
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
    if (slot && revoke::is_alone(*slot))
        leave(slot);
    else
        warn(function, nullptr, "index %d was not entered by this thread", index);
}

} // namespace devres::detail
