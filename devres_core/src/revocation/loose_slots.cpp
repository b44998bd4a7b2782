// SPDX-License-Identifier: MIT
//
// Slots that belong to no record: for guards nested deeper than a record, for detached ones, and for
// emergencies.
//
// A thread keeps some free ones in its record, so that taking and giving back costs no locked instruction
// (records.h); batches go to and come from a list of the process.

#include "revocation/records.h"

#include <bit>

#include <devres/detail/report.h>

namespace devres::detail {

constinit record_table loose_slots(nullptr, true);
constinit reader_chunk emergency_slots;
constinit std::atomic<bool> emergency_used{false};

namespace {

constexpr std::uint32_t batch = most_loose / 2;

constinit reader_slot* spare_slots DEVRES_GUARDED_BY(registry_lock) = nullptr;

reader_slot* take_spare_locked() noexcept DEVRES_REQUIRES(registry_lock)
{
    if (!spare_slots)
        if (reader_record* fresh = loose_slots.add_locked())
            for (unsigned i = reader_record::capacity; i-- != 0;)
                push_free(spare_slots, fresh->slots[i]);
    return pop_free(spare_slots);
}

void refill(reader_record& mine) noexcept
{
    const scoped_lock held(registry_lock);
    do {
        reader_slot* slot = take_spare_locked();
        if (!slot)
            return;
        push_free(mine.loose, *slot);
    } while (++mine.loose_count < batch && spare_slots);
}

void give_batch_back(reader_record& mine) noexcept
{
    const scoped_lock held(registry_lock);
    for (; mine.loose_count > batch; --mine.loose_count)
        push_free(spare_slots, *pop_free(mine.loose));
}

// --- Emergencies: no lock, no memory, in signal handlers as well ---

constexpr unsigned emergencies = reader_chunk::capacity * reader_record::capacity;
constexpr unsigned in_word = 48;
constinit std::atomic<std::uint64_t> emergency_taken[emergencies / in_word];

reader_slot& emergency_slot(unsigned index) noexcept
{
    return emergency_slots.records[index / reader_record::capacity].slots[index % reader_record::capacity];
}

reader_slot* take_emergency() noexcept
{
    for (unsigned word = 0; word != emergencies / in_word; ++word) {
        std::uint64_t taken = emergency_taken[word].load(std::memory_order_relaxed);
        for (;;) {
            const auto free = static_cast<unsigned>(std::countr_one(taken));
            if (free >= in_word)
                break;
            if (emergency_taken[word].compare_exchange_weak(taken, taken | std::uint64_t{1} << free,
                                                            std::memory_order_acquire,
                                                            std::memory_order_relaxed)) {
                emergency_used.store(true, std::memory_order_release); // before anything is published in it
                return &emergency_slot(word * in_word + free);
            }
        }
    }
    return nullptr;
}

} // namespace

void give_emergency(const reader_slot& slot) noexcept
{
    const unsigned index = emergency_slots.index_of(slot);
    emergency_taken[index / in_word].fetch_and(~(std::uint64_t{1} << index % in_word),
                                               std::memory_order_release);
}

reader_slot* take_loose_slow(reader_record* mine) noexcept
{
    const bool may_use_lists = !mine || !mine->busy.load(std::memory_order_relaxed);
    reader_slot* slot = nullptr;
    if (mine && may_use_lists) {
        const list_change now(*mine);
        refill(*mine);
        slot = pop_free(mine->loose);
        if (slot)
            --mine->loose_count;
    }
    if (!slot)
        slot = take_emergency();
    if (!slot && may_use_lists) {
        const scoped_lock held(registry_lock);
        slot = take_spare_locked();
    }
    if (!slot)
        bug("guard", nullptr, "no memory, and all slots for emergencies are in use");
    return slot;
}

void give_loose_slow(reader_slot& slot, reader_record* mine) noexcept
{
    if (mine) {
        const list_change now(*mine);
        give_batch_back(*mine);
    }
    const scoped_lock held(registry_lock);
    push_free(spare_slots, slot);
}

void keep_only_loose_of_locked(std::uint32_t thread_before, std::uint32_t thread_now) noexcept
{
    // Returns: whether a guard is left in it.
    const auto keep = [=](reader_slot& slot) {
        std::atomic<std::uint32_t>& thread = place_of(slot).thread;
        const std::uint32_t its_thread = thread.load(std::memory_order_relaxed);
        if (its_thread == thread_before && its_thread != 0)
            thread.store(thread_now, std::memory_order_relaxed);
        else if (its_thread != 0)
            slot.domain.store(0, std::memory_order_relaxed);
        return slot.domain.load(std::memory_order_relaxed) != 0;
    };
    spare_slots = nullptr;
    for (std::uint32_t n = 0; n != loose_slots.count(); ++n)
        for (reader_slot& slot : loose_slots.at(n).slots)
            if (!keep(slot))
                push_free(spare_slots, slot);
    for (unsigned i = 0; i != emergencies; ++i)
        if (!keep(emergency_slot(i)))
            give_emergency(emergency_slot(i));
}

} // namespace devres::detail
