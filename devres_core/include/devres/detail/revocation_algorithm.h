// SPDX-License-Identifier: MIT
//
// How readers and revokers meet, apart from whose slots there are and how a thread sleeps.
//
// A reader publishes what it is inside of (a domain, an object, or both) in a slot that only its own thread
// writes, then looks whether that was closed. A revoker closes it, makes every running thread pass one
// memory barrier, and sleeps until no slot names what it closed. So either the reader sees the gate closed
// or the revoker sees the slot. One barrier and one wait serve any number of gates, and a reader of
// something else is never waited for.
//
// Why it is safe to leave: a reader that has cleared its slot touches only memory that is never freed (the
// process-wide words in `announcements`), so what it read may be gone by then. Identities are never reused.
//
// Written once, over `Sync` (its atomics, fences and sleeping): the library instantiates it with real_sync
// (revocation.h), the model checker with its own (tests/model). So nothing else is included here.
#pragma once

#include <atomic>
#include <cstdint>

namespace devres::detail {

using identity = std::uint64_t; // 0: none

template <class Sync>
struct revocation {
    template <class T>
    using atomic = typename Sync::template atomic<T>;

    // What can be closed. `state` is 0 while it is open and fences are not needed, so that the reader's
    // fast path is one comparison.
    static constexpr std::uint32_t closed = 1u;
    static constexpr std::uint32_t fenced =
        2u;                                   // readers must fence: set at birth where there is no membarrier
    static constexpr std::uint32_t shut = 4u; // closed for now; whoever shut it may open it again

    struct gate {
        atomic<std::uint32_t> state;
    };

    // What one guard says it is inside of. Written by its reader, read by revokers. `domain` says whether it
    // means anything: 0 is nobody. A guard of one thing alone has that as its domain, and `object` is then a
    // leftover.
    static constexpr identity of_domain = identity{1} << 63; // a bit in the identity of what has objects
    static constexpr identity reserved = 1;                  // nobody's: the slot is taken, and says nothing
    static constexpr identity step = 1;                      // from one identity to the next
    struct slot {
        atomic<identity> domain;
        atomic<identity> object;
    };

    // Process-wide, never freed: what leaving readers look at.
    struct announcements {
        atomic<std::uint32_t> revokers; // how many wait; bit 31: leaving readers must fence
        atomic<std::uint32_t> sequence; // bumped by a reader that left while somebody waited
    };
    static constexpr std::uint32_t leave_fenced = 1u << 31;

    // Reader, after its slot was published: true if it may go on. Must be followed by leave() if not.
    static bool open(const gate& g) { return open_at_once(g) || open_fenced(g); }
    // The same, but false may also mean that a fence is needed.
    static bool open_at_once(const gate& g) { return g.state.load(std::memory_order_acquire) == 0; }
    static bool open_fenced(const gate& g)
    {
        Sync::full_fence();
        return (g.state.load(std::memory_order_acquire) & (closed | shut)) == 0;
    }

    // Reader: says what it is inside of.
    // Release: who sees either store knows that the slot's former guard has ended; who sees the domain sees
    //          the object.
    static void publish(slot& s, identity alone)
    {
        s.domain.store(alone, std::memory_order_release);
        Sync::compiler_barrier();
    }
    static void publish(slot& s, identity domain, identity object)
    {
        s.object.store(object, std::memory_order_release);
        publish(s, domain);
    }

    // Reader, after that: false if a signal handler has had the slot between the look whether it is free and
    // the stores.
    static bool is_object(const slot& s, identity object)
    {
        return s.object.load(std::memory_order_relaxed) == object;
    }
    // Reader: the guard in `from` is in `to` as well.
    static void copy(const slot& from, slot& to)
    {
        to.object.store(from.object.load(std::memory_order_relaxed), std::memory_order_release);
        publish(to, from.domain.load(std::memory_order_relaxed));
    }

    // Reader, on the way out. After the stores it touches nothing but `a`.
    static void clear(slot& s, announcements& a) { take_back(s, 0, a); }
    // Reader: keeps the slot, which may have said something wrong.
    static void reserve(slot& s, announcements& a) { take_back(s, reserved, a); }

    static void take_back(slot& s, identity now, announcements& a)
    {
        s.domain.store(now, std::memory_order_release);
        Sync::compiler_barrier();
        if (a.revokers.load(std::memory_order_relaxed) != 0) [[unlikely]]
            wake(a);
    }

    [[gnu::noinline, gnu::cold]] static void wake(announcements& a)
    {
        if (a.revokers.load(std::memory_order_relaxed) & leave_fenced)
            Sync::full_fence();
        if ((a.revokers.load(std::memory_order_relaxed) & ~leave_fenced) == 0)
            return;
        a.sequence.fetch_add(1, std::memory_order_seq_cst);
        Sync::wake_all(a.sequence);
    }

    // Reader: true if its own slot names one thing alone, neither nobody nor an object of a domain. It is one
    // comparison, since of_domain is the sign bit.
    static bool is_alone(const slot& s)
    {
        return static_cast<std::int64_t>(s.domain.load(std::memory_order_relaxed)) > 0;
    }

    // Revoker: what a slot names; `object` is 0 for a guard of one thing alone. False if nobody is inside.
    static bool read(const slot& s, identity& domain, identity& object)
    {
        domain = s.domain.load(std::memory_order_acquire);
        object = domain & of_domain ? s.object.load(std::memory_order_acquire) : 0;
        return domain != 0;
    }

    // Revoker: true for the one caller that closed it.
    static bool close(gate& g) { return (g.state.fetch_or(closed, std::memory_order_seq_cst) & closed) == 0; }

    // Revoker, after close(): returns when `inside()` has said no. `inside` looks at slots with read().
    // `report` is handed to Sync::sleep, which may return early to say that the wait is long: to this
    // function that is one more wake-up for no reason.
    template <class Inside, class Report>
    static void wait(announcements& a, Inside inside, Report& report)
    {
        a.revokers.fetch_add(1, std::memory_order_seq_cst);
        Sync::heavy_barrier();
        for (;;) {
            const std::uint32_t before = a.sequence.load(std::memory_order_seq_cst);
            if (!inside())
                break;
            Sync::sleep(a.sequence, before, report);
        }
        a.revokers.fetch_sub(1, std::memory_order_seq_cst);
    }
};

} // namespace devres::detail
