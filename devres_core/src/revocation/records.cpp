// SPDX-License-Identifier: MIT
//
// The tables of slots, and who gets a record. The life of a record is a table in revocation.h.

#include "revocation/records.h"

#include <new>

#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

#include <devres/detail/report.h>

namespace devres::detail {

constinit fork_safe_lock registry_lock;

namespace {

constinit reader_chunk first_records;
constinit reader_record* spare_records DEVRES_GUARDED_BY(registry_lock) = nullptr;

void make_spare_locked(reader_record& record) noexcept DEVRES_REQUIRES(registry_lock)
{
    record.state.store(reader_record::life::spare, std::memory_order_relaxed);
    record.next_spare = spare_records;
    spare_records = &record;
}

} // namespace

constinit record_table thread_records(&first_records, false);

reader_record* record_table::add_locked() noexcept
{
    const std::uint32_t number = count_.load(std::memory_order_relaxed);
    const std::uint32_t chunk = number / reader_chunk::capacity;
    const unsigned segment = segment_of(chunk);
    if (segment >= segments)
        return nullptr;
    reader_chunk* all = segments_[segment].load(std::memory_order_relaxed);
    if (!all) {
        all = static_cast<reader_chunk*>(::operator new (chunks_in(segment) * sizeof(reader_chunk),
                                                         std::align_val_t{alignof(reader_chunk)},
                                                         std::nothrow));
        if (!all)
            return nullptr;
        segments_[segment].store(all, std::memory_order_release);
    }
    reader_chunk* its_chunk = all + (chunk - first_of(segment));
    if (number % reader_chunk::capacity == 0) {
        ::new (its_chunk) reader_chunk{};
        its_chunk->loose = loose_;
        its_chunk->first = number;
    }
    // Before anything is published in the record: a revoker that has issued its barrier sees both or a closed
    // gate.
    count_.store(number + 1, std::memory_order_release);
    return &its_chunk->records[number % reader_chunk::capacity];
}

reader_record* adopt_record() noexcept
{
    const std::uint32_t me = thread_number();
    const scoped_lock held(registry_lock);
    reader_record* mine = spare_records;
    if (mine)
        spare_records = mine->next_spare;
    else
        mine = thread_records.add_locked();
    if (!mine)
        return nullptr;
    mine->thread.store(me, std::memory_order_relaxed);
    mine->state.store(reader_record::life::owned, std::memory_order_release);
    return mine;
}

void give_record_back(reader_record* record) noexcept
{
    my_record = nullptr;
    if (record->loose_held != 0) { // guards that outlive their thread are nobody's
        const std::uint32_t me = record->thread.load(std::memory_order_relaxed);
        any_loose([me](const reader_slot& slot) {
            std::atomic<std::uint32_t>& thread = place_of(const_cast<reader_slot&>(slot)).thread;
            if (thread.load(std::memory_order_relaxed) == me)
                thread.store(0, std::memory_order_relaxed);
            return false;
        });
        record->loose_held = 0;
    }
    const scoped_lock held(registry_lock);
    record->state.store(reader_record::life::orphaned, std::memory_order_relaxed);
    full_fence(); // see reclaim_if_orphaned()
    if (is_idle(*record))
        make_spare_locked(*record);
}

void reclaim_if_orphaned(reader_record& record) noexcept
{
    // Either this sees the record orphaned, or its thread, at its end, sees the slot that was cleared before
    // this call.
    full_fence();
    if (record.state.load(std::memory_order_relaxed) != reader_record::life::orphaned)
        return;
    const scoped_lock held(registry_lock);
    if (record.state.load(std::memory_order_relaxed) == reader_record::life::orphaned && is_idle(record))
        make_spare_locked(record);
}

void keep_only_this_thread_locked(std::uint32_t thread_before) noexcept
{
    const std::uint32_t me = thread_number();
    reader_record* const mine = my_record;
    spare_records = nullptr;
    for (std::uint32_t n = 0; n != thread_records.count(); ++n) {
        reader_record& record = thread_records.at(n);
        record.loose = nullptr; // keep_only_loose_of_locked() gathers them
        record.loose_count = 0;
        // A guard that has outlived its thread may be the forking thread's by now.
        const bool orphaned =
            record.state.load(std::memory_order_relaxed) == reader_record::life::orphaned && !is_idle(record);
        if (&record == mine || orphaned)
            continue;
        for (reader_slot& slot : record.slots)
            slot.domain.store(0, std::memory_order_relaxed);
        record.loose_held = 0;
        record.busy.store(false, std::memory_order_relaxed);
        make_spare_locked(record);
    }
    if (mine)
        mine->thread.store(me, std::memory_order_relaxed);
    keep_only_loose_of_locked(thread_before, me);
}

std::uint32_t thread_number() noexcept
{
    return static_cast<std::uint32_t>(::syscall(SYS_gettid));
}

bool is_running(std::uint32_t thread) noexcept
{
    return ::syscall(SYS_tgkill, ::getpid(), static_cast<pid_t>(thread), 0) == 0;
}

} // namespace devres::detail
