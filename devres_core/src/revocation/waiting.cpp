// SPDX-License-Identifier: MIT
//
// Gates, and what a revoker does: waiting for readers, looking for them, and saying that it takes long.

#include <cstdio>

#include <devres/detail/report.h>
#include <devres/detail/revocation_stats.h>

#include "env/posix/futex.h"
#include "env/posix/probes.h"
#include "revocation/records.h"

namespace devres::detail {

namespace {

constinit std::atomic<identity> last_identity{revoke::reserved};
constinit std::atomic<std::size_t> reader_waits{0};

bool is_inside(const reader_slot& slot, const reader_set& readers) noexcept
{
    identity domain = 0;
    identity object = 0;
    return revoke::read(slot, domain, object) && readers.names(domain, object);
}

bool any_inside(const reader_set& readers) noexcept
{
    return any_slot([&](const reader_slot& slot) { return is_inside(slot, readers); });
}

// Where a message says what is being ended: `"T": `, or nothing.
class subject {
public:
    explicit subject(const char* what) noexcept
    {
        if (what)
            std::snprintf(text_, sizeof text_, "\"%s\": ", what);
    }
    const char* text() const noexcept { return text_; }

private:
    char text_[128] = {};
};

} // namespace

constinit thread_local std::uint32_t waits_here = 0;

gate::gate(identity kind) noexcept
    : state_{{have_membarrier() ? 0u : revoke::fenced}},
      id_(last_identity.fetch_add(revoke::step, std::memory_order_relaxed) + revoke::step + kind)
{
}

// --- A wait that takes long (V11) --------------------------------------------------------------------------

class wait_report {
public:
    wait_report(const reader_set& readers, const char* function, devres_head* owner,
                const char* what) noexcept
        : readers_(readers), function_(function), owner_(owner), what_(what)
    {
    }
    wait_report(const wait_report&) = delete;
    wait_report& operator=(const wait_report&) = delete;

    void sleep(const std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept
    {
        if (futex_wait(word, expected, clock_))
            report();
    }

private:
    // So many guards are named, each in a line of its own, since a line is of bounded length. The others are
    // counted.
    static constexpr unsigned most = 32;

    void report() noexcept
    {
        struct held {
            source_place taken;
            std::uint32_t thread;
            bool gone;
        } guards[most];
        unsigned count = 0;
        any_slot([&](const reader_slot& slot) {
            if (!is_inside(slot, readers_))
                return false;
            if (count++ < most)
                guards[count - 1] = {taken_at(slot), thread_of(slot), is_orphan(slot)};
            return false;
        });
        if (count == 0)
            return; // the last one has just left
        const subject of(what_);
        warn(function_, owner_, "%shas waited %.1f s for readers to leave: %u inside", of.text(),
             clock_.seconds(), count);
        for (unsigned i = 0; i != count && i != most; ++i) {
            char whose[48] = "no thread (detached)";
            if (guards[i].thread)
                std::snprintf(whose, sizeof whose, "thread %u%s", guards[i].thread,
                              guards[i].gone ? ", which has ended," : "");
            warn(function_, owner_, "%swaits for the guard of %s taken at %s:%d", of.text(), whose,
                 guards[i].taken.file ? guards[i].taken.file : "?", guards[i].taken.line);
        }
        if (count > most)
            warn(function_, owner_, "%swaits for %u more guards", of.text(), count - most);
    }

    static source_place taken_at(const reader_slot& slot) noexcept
    {
        const reader_place& place = place_of(slot);
        return {place.file.load(std::memory_order_relaxed), place.line.load(std::memory_order_relaxed)};
    }

    static bool is_in_a_record(const reader_slot& slot) noexcept
    {
        const reader_chunk& chunk = reader_chunk::of(slot);
        return !chunk.loose && &chunk != &emergency_slots;
    }
    static const reader_record& record_of(const reader_slot& slot) noexcept
    {
        const reader_chunk& chunk = reader_chunk::of(slot);
        return chunk.records[chunk.index_of(slot) / reader_record::capacity];
    }
    static std::uint32_t thread_of(const reader_slot& slot) noexcept
    {
        const auto& thread = is_in_a_record(slot) ? record_of(slot).thread : place_of(slot).thread;
        return thread.load(std::memory_order_relaxed);
    }
    static bool is_orphan(const reader_slot& slot) noexcept
    {
        return is_in_a_record(slot) &&
               record_of(slot).state.load(std::memory_order_relaxed) != reader_record::life::owned;
    }

    const reader_set& readers_;
    const char* const function_;
    devres_head* const owner_;
    const char* const what_;
    wait_clock clock_;
};

void real_sync::sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, wait_report& report) noexcept
{
    report.sleep(word, expected);
}

void real_sync::wake_all(std::atomic<std::uint32_t>& word) noexcept
{
    futex_wake(word, INT_MAX);
}

// --- Waiting and looking -----------------------------------------------------------------------------------

void wait_for_readers(const reader_set& readers, const char* function, devres_head* owner,
                      const char* what) noexcept
{
    reader_waits.fetch_add(1, std::memory_order_relaxed);
    wait_report report(readers, function, owner, what);
    probe_wait(owner, function);
    ++waits_here;
    revoke::wait(
        reader_announcements, [&] { return any_inside(readers); }, report);
    --waits_here;
    probe_wait_end(owner, function);
}

bool has_readers(const reader_set& readers) noexcept
{
    heavy_barrier();
    return any_inside(readers);
}

source_place inside_at(const reader_set& readers) noexcept
{
    source_place found;
    const auto look = [&](const reader_slot& slot) {
        if (!is_inside(slot, readers))
            return false;
        const reader_place& place = place_of(slot);
        found = {place.file.load(std::memory_order_relaxed), place.line.load(std::memory_order_relaxed)};
        if (!found.file)
            found.file = "?";
        return true;
    };
    const reader_record* mine = my_record;
    if (mine && any_slot_of(*mine, look))
        return found;
    // A thread without a record has its guards in loose slots, those for emergencies first.
    if (mine ? mine->loose_held != 0 : emergency_used.load(std::memory_order_relaxed)) {
        const std::uint32_t me = mine ? mine->thread.load(std::memory_order_relaxed) : thread_number();
        any_loose([&](const reader_slot& slot) {
            return place_of(slot).thread.load(std::memory_order_relaxed) == me && look(slot);
        });
    }
    return found;
}

bool is_inside_anything() noexcept
{
    return inside_at({[](const void*, identity, identity) { return true; }, nullptr}).file != nullptr;
}

bool warn_if_inside(const char* function, devres_head* owner, const reader_set& readers, source_place where,
                    const char* what) noexcept
{
    const source_place entered = inside_at(readers);
    if (!entered.file)
        return false;
    if (where.file)
        warn(function, owner, "%scalled at %s:%d from inside a guard that this thread took at %s:%d",
             subject(what).text(), where.file, where.line, entered.file, entered.line);
    else
        warn(function, owner, "%scalled from inside a guard that this thread took at %s:%d",
             subject(what).text(), entered.file, entered.line);
    return true;
}

revocation_counts revocation_stats() noexcept
{
    return {reader_waits.load(std::memory_order_relaxed), heavy_barrier_count()};
}

} // namespace devres::detail
