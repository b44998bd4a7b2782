// SPDX-License-Identifier: MIT
//
// Revocation as the library runs it: the slots of a thread, gates, and waiting for readers.
//
// The algorithm is in revocation_algorithm.h. Each thread has a record with eight slots, of which a guard
// takes the first that is free; guards nested deeper, and detached ones, use loose slots that belong to no
// record. Records and slots are never freed.
//
// Thread safety: stated at each function. Cost: enter + leave some twenty instructions, none of them locked,
// no call, and no line that another thread writes; what is not on that path costs some nanoseconds more, and
// is the same with one thread and with thousands.
//
// A slot of a record
//
//   state     | domain            | becomes  | by whom, how
//   free      | 0                 | entered  | its thread: revoke::publish (object if there is one, then
//             |                   |          | domain; release). A signal handler that comes between the look
//             |                   |          | and the stores takes the same slot, and has left it when the
//             |                   |          | thread goes on: only `object` may be the handler's then, so
//             |                   |          | the thread looks at it again
//             |                   | reserved | its thread: revoke::reserve; what try_enter_slow() does first
//   reserved  | revoke::reserved  | entered  | its thread: revoke::publish
//   entered   | another           | reserved | its thread, if `object` was the handler's
//             |                   | free     | anybody: revoke::clear (release)
//
// A loose slot
//
//   state     | domain            | becomes    | by whom, how
//   free      | 0                 | taken      | who pops it from the list of its thread or of the process,
//             |                   |            | or wins its bit
//   taken     | 0                 | entered    | the same thread: revoke::publish. `thread` says whose it is;
//             |                   |            | 0: nobody's
//   entered   | not 0             | entered    | its thread: `thread` becomes 0 by detach(), or when the
//             |                   |            | thread ends
//             |                   | free       | anybody: revoke::clear, then it is pushed on a list or its
//             |                   |            | bit is set
//
// Revokers read the slots of all records first, then the loose ones. A guard moves in this direction only:
// the new slot is published before the old one is cleared, both with release, so a revoker whose acquire load
// finds the old one cleared finds the guard in the new one.
#pragma once

#include <devres/detail/language.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <devres/detail/revocation_algorithm.h>
#include <devres/env/barrier.h>

namespace devres {
struct devres_head;
}

namespace devres::detail {

class wait_report;

// --- The library's instance --------------------------------------------------------------------------------

struct real_sync {
    template <class T>
    using atomic = std::atomic<T>;
    static void compiler_barrier() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
    static void full_fence() noexcept { detail::full_fence(); }
    static void heavy_barrier() noexcept { detail::heavy_barrier(); }
    // Returns at a wake, for no reason, or once `report` has something to say, which it then says.
    static void sleep(std::atomic<std::uint32_t>& word, std::uint32_t expected, wait_report& report) noexcept;
    static void wake_all(std::atomic<std::uint32_t>& word) noexcept;
};

using revoke = revocation<real_sync>;

extern revoke::announcements reader_announcements;

// Where something happened, for the message that names both places of a self-revoke.
struct source_place {
    const char* file = nullptr;
    int line = 0;
};

using reader_slot = revoke::slot;

// Where the guard in a slot was taken. Apart from the slot, so that a revoker reads half the memory.
struct alignas(sizeof(reader_slot)) reader_place {
    std::atomic<const char*> file{nullptr};
    std::atomic<int> line{0};
    std::atomic<std::uint32_t> thread{
        0}; // loose slots: the system's number of the thread whose it is; 0: nobody
};
static_assert(sizeof(reader_place) == sizeof(reader_slot), "place_of() counts on it");

// The slots of one thread, or eight loose ones. Never freed.
//
//   life     | who has it                       | becomes  | when; always under the registry lock
//   spare    | nobody; on the list of spare     | owned    | a thread enters for the first time
//   owned    | one thread                       | spare    | the thread ends, and no guard is in it
//            |                                  | orphaned | the thread ends, and its guards live on
//   orphaned | guards of a thread that is gone  | spare    | the last of them ends (whoever ends it)
//
// Whoever ends a guard of an orphaned record clears the slot, fences, and looks at `life`; the thread that
// ends stores `life`, fences (both by the lock), and looks at the slots. So one of the two finds that the
// record is spare.
struct alignas(64) reader_record {
    static constexpr unsigned capacity = 8;
    enum class life : std::uint32_t { spare, owned, orphaned };

    reader_slot slots[capacity]{};
    reader_place places[capacity]{};
    std::atomic<life> state{life::spare};
    std::atomic<std::uint32_t> thread{0}; // the system's number of the thread that has it, or had it last
    reader_record* next_spare = nullptr;

    // The owning thread's alone.
    reader_slot* loose = nullptr;  // free loose slots, linked through `object`
    std::uint32_t loose_count = 0; // how many those are
    std::uint32_t loose_held = 0;  // at least as many as loose slots name this thread
    std::atomic<bool> busy{false}; // the list is being changed: a signal handler must not
};

inline reader_place& place_of(reader_slot& slot) noexcept
{
    // SAFETY: every slot lies in a record, whose places have the slots' size and order.
    return *reinterpret_cast<reader_place*>(reinterpret_cast<char*>(&slot) + offsetof(reader_record, places));
}
inline const reader_place& place_of(const reader_slot& slot) noexcept
{
    return place_of(const_cast<reader_slot&>(slot)); // SAFETY: made const again
}

// The calling thread's record; null before its first guard. Initial-exec and constinit: no call to get there.
// A library opened at run time needs these 8 bytes of the static TLS surplus.
extern constinit thread_local reader_record* my_record __attribute__((tls_model("initial-exec")));

// The first slot of this thread, if it is free; else null. It stays free until it is published.
[[gnu::always_inline]] inline reader_slot* first_slot() noexcept
{
    // Acquire: the slot's former guard, which another thread may have ended, comes before the next one.
    reader_record* mine = my_record;
    if (mine && mine->slots[0].domain.load(std::memory_order_acquire) == 0) [[likely]]
        return &mine->slots[0];
    return nullptr;
}

inline void note_place(reader_slot& slot, source_place where) noexcept
{
    reader_place& place = place_of(slot);
    place.file.store(where.file, std::memory_order_relaxed);
    place.line.store(where.line, std::memory_order_relaxed);
}

void leave_slow(reader_slot* slot) noexcept;

// Gives the slot back. Nothing but the slot and process-wide words is touched.
[[gnu::always_inline]] inline void leave(reader_slot* slot) noexcept
{
    const std::uintptr_t offset =
        reinterpret_cast<std::uintptr_t>(slot) - reinterpret_cast<std::uintptr_t>(my_record);
    if (offset < sizeof(reader_record::slots)) [[likely]]
        revoke::clear(*slot, reader_announcements);
    else
        leave_slow(slot);
}

// A slot of this thread as a small number, and back: how far it is from the first, in bytes, and larger
// numbers for those that are not in the record.
int slot_index_slow(const reader_slot* slot) noexcept;
void leave_index_slow(int index, const char* function) noexcept;

inline int slot_index(const reader_slot* slot) noexcept
{
    const std::size_t offset =
        reinterpret_cast<std::uintptr_t>(slot) - reinterpret_cast<std::uintptr_t>(my_record);
    return offset < sizeof(reader_record::slots) ? static_cast<int>(offset) : slot_index_slow(slot);
}

// Leaves the slot of that number, of a guard of one thing alone. Not entered by this thread, or with a guard
// of an object of a domain: WARN, in the name of `function`. Which thing it is a guard of is not asked.
inline void leave_index(int index, const char* function = "leave") noexcept
{
    constexpr unsigned offsets = sizeof(reader_record::slots) - sizeof(reader_slot); // the bits of an offset
    static_assert((offsets & (offsets + sizeof(reader_slot))) == 0);
    const auto offset = static_cast<unsigned>(index);
    if (my_record && (offset & ~offsets) == 0) [[likely]] {
        // SAFETY: slots are the first member of the record.
        auto& slot = *reinterpret_cast<reader_slot*>(reinterpret_cast<char*>(my_record) + offset);
        if (revoke::is_alone(slot)) [[likely]] {
            revoke::clear(slot, reader_announcements);
            return;
        }
    }
    leave_index_slow(index, function);
}

// --- What can be revoked -----------------------------------------------------------------------------------

// Something that ends: an object, a drm_device. Its identity is its own for ever.
class gate {
public:
    gate() noexcept : gate(0) {} // open
    gate(const gate&) = delete;
    gate& operator=(const gate&) = delete;

    identity id() const noexcept { return id_; }
    bool is_open() const noexcept
    {
        return (state_.state.load(std::memory_order_acquire) & (revoke::closed | revoke::shut)) == 0;
    }
    // False while it is only shut: then it may open again.
    bool is_closed() const noexcept
    {
        return (state_.state.load(std::memory_order_acquire) & revoke::closed) != 0;
    }
    // A reader that has published that it is inside asks the first; if that says no, the second, which
    // fences.
    bool admits_at_once() const noexcept { return revoke::open_at_once(state_); }
    bool admits() const noexcept { return revoke::open(state_); }
    bool close() noexcept { return revoke::close(state_); }
    // For now, while a registration is taken back. Opening does not undo a close().
    void shut() noexcept { state_.state.fetch_or(revoke::shut, std::memory_order_seq_cst); }
    void open_again() noexcept { state_.state.fetch_and(~revoke::shut, std::memory_order_seq_cst); }

protected:
    explicit gate(identity kind) noexcept; // 0 or revoke::of_domain

private:
    revoke::gate state_;
    identity id_;
};

// Something that ends with all of its objects: a binding. It is not entered but by way of one of them.
class domain_gate : public gate {
public:
    domain_gate() noexcept : gate(revoke::of_domain) {}
};

// What try_enter() does if the first slot is not free, if a gate needs a look with a fence, or if a signal
// handler has had the slot; `published`: the slot in which it has published already, or null.
reader_slot* try_enter_slow(reader_slot* published, const gate& alone, source_place where) noexcept;
reader_slot* try_enter_slow(reader_slot* published, const domain_gate& domain, const gate& object,
                            source_place where) noexcept;

// Enters something that stands alone, or an object of a domain.
// Returns: a slot to leave() later; null if it, or one of the two, is closed.
// Signals: a handler may enter and leave if its thread has entered something once before, if it does not nest
//          deeper than the record, and if it leaves what it has entered.
void try_enter(const domain_gate& alone, source_place where) = delete;
[[gnu::always_inline]] inline reader_slot* try_enter(const gate& alone, source_place where) noexcept
{
    reader_slot* slot = first_slot();
    if (slot) [[likely]] {
        revoke::publish(*slot, alone.id());
        note_place(*slot, where);
        if (alone.admits_at_once()) [[likely]]
            return slot;
    }
    return try_enter_slow(slot, alone, where);
}
[[gnu::always_inline]] inline reader_slot* try_enter(const domain_gate& domain, const gate& object,
                                                     source_place where) noexcept
{
    reader_slot* slot = first_slot();
    if (slot) [[likely]] {
        revoke::publish(*slot, domain.id(), object.id());
        note_place(*slot, where);
        if (revoke::is_object(*slot, object.id())) [[likely]]
            if (domain.admits_at_once()) [[likely]]
                if (object.admits_at_once()) [[likely]]
                    return slot;
    }
    return try_enter_slow(slot, domain, object, where);
}

// Enters something that may be closed, for a caller who knows by other means that it is still there. Never
// fails.
reader_slot* enter(const gate& alone, source_place where) noexcept;

// Makes the guard in `slot` nobody's, so that any thread may leave it.
// Returns: the slot that it is in now.
// Signals: not from a handler.
reader_slot* detach(reader_slot* slot) noexcept;

// Which readers are meant: those inside a given domain or object, or whatever a function says.
class reader_set {
public:
    using names_fn = bool (*)(const void* context, identity domain, identity object);

    constexpr reader_set(names_fn names_it, const void* context) noexcept
        : names_(names_it), context_(context)
    {
    }
    // The gate must outlive the set.
    explicit reader_set(const gate& of) noexcept
        : names_([](const void* context, identity domain, identity object) {
              const identity id = static_cast<const gate*>(context)->id();
              return id == domain || id == object;
          }),
          context_(&of)
    {
    }
    bool names(identity domain, identity object) const noexcept { return names_(context_, domain, object); }

private:
    names_fn names_;
    const void* context_;
};

// Waits until none of `readers` is inside (what they are inside of was closed before). One barrier, one wait,
// however many gates. If it takes long a WARN says so (V11), in the name of `function`: which owner, or
// `what` (a type or a name, or null), is being ended, and each guard that is waited for.
// Blocking: sleeps; other readers do not delay it.
void wait_for_readers(const reader_set& readers, const char* function = "revoke",
                      devres_head* owner = nullptr, const char* what = nullptr) noexcept;

// True if one of them is inside now; what a drop that may not wait asks. One barrier.
bool has_readers(const reader_set& readers) noexcept;

// Where this thread became one of them and still is; a null file if nowhere.
source_place inside_at(const reader_set& readers) noexcept;

// True if this thread is inside anything at all: another thread may then be waiting for it.
bool is_inside_anything() noexcept;

// True, after a WARN that names both places, if this thread is one of `readers`: waiting would never end
// (V5). The WARN is in the name of `function`, and names `owner` and `what` (a type or a name) where they are
// not null. `where` has no file if the caller of the library is not known, as in a destructor; the WARN then
// names one place.
bool warn_if_inside(const char* function, devres_head* owner, const reader_set& readers, source_place where,
                    const char* what = nullptr) noexcept;

} // namespace devres::detail
