// SPDX-License-Identifier: MIT
//
// Sleeping until a word changes, when whoever changes it must not touch it again.
//
// What a word belongs to (a lock, an object, a head) may be gone as soon as another thread has seen its last
// change. So the thread that made the change looks for sleepers not beside the word but in a process-wide lot
// that is never freed, and wakes by the word's address alone. It stores, then looks; a sleeper announces
// itself, makes every running thread pass a memory barrier, then looks at the word. So one of the two sees
// the other, and changing costs no locked instruction and no fence.
//
// Sleepers are counted by address in a few lanes: a sleeper elsewhere makes a change a little slower, and
// costs it a system call only if both share a lane.
//
// Written once, over `Sync`, as lock_algorithm.h is; nothing else is included here.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace devres::detail {

template <class Sync>
struct parking {
    template <class T>
    using atomic = typename Sync::template atomic<T>;
    using word = atomic<std::uint32_t>;

    struct lot {
        word sleepers; // all of them; bit 31: whoever changes a word must fence before it looks
        word lanes[Sync::lanes];
    };
    static constexpr std::uint32_t fenced = 1u << 31;

    // True if wake(), after a change, has to look further.
    static bool anybody_sleeps(const lot& of_all)
    {
        Sync::compiler_barrier();
        return of_all.sleepers.load(std::memory_order_relaxed) != 0;
    }

    // After a change of `changed`, of which only the address is used: wakes up to `how_many` of those who
    // sleep on it.
    static void wake(lot& of_all, word& changed, int how_many)
    {
        if (anybody_sleeps(of_all)) [[unlikely]]
            look_for_sleepers(of_all, changed, how_many);
    }

    // Sleeps while `on` is `value`, until done() says yes. Asked at least once, after a barrier.
    template <class Done>
    static void sleep_until(lot& of_all, word& on, std::uint32_t value, Done done)
    {
        sleep_by(of_all, on, done, [&on, value] { Sync::sleep(on, value); });
    }

    // The same with a sleep() of the caller's, which a wake of `on` ends.
    template <class Done, class Sleep>
    static void sleep_by(lot& of_all, word& on, Done done, Sleep sleep)
    {
        word& lane = of_all.lanes[Sync::lane_of(on)];
        lane.fetch_add(1, std::memory_order_seq_cst);
        of_all.sleepers.fetch_add(1, std::memory_order_seq_cst);
        Sync::heavy_barrier();
        while (!done())
            sleep();
        of_all.sleepers.fetch_sub(1, std::memory_order_relaxed);
        lane.fetch_sub(1, std::memory_order_relaxed);
    }

private:
    [[gnu::noinline, gnu::cold]] static void look_for_sleepers(lot& of_all, word& changed, int how_many)
    {
        if (of_all.sleepers.load(std::memory_order_relaxed) & fenced)
            Sync::full_fence();
        if (of_all.lanes[Sync::lane_of(changed)].load(std::memory_order_relaxed) != 0)
            Sync::wake(changed, how_many);
    }
};

} // namespace devres::detail
