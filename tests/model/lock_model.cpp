// SPDX-License-Identifier: MIT
//
// Model checks devres::detail::basic_lock and basic_biased_lock, the code the library runs, under relacy's
// relaxed memory model: mutual exclusion (what the lock guards is a plain variable), no lost wake-up
// (deadlock), and invariant 1 of lock_algorithm.h, that leaving touches nothing of a lock that is free.
#include "lock_sync.h"
#include "runner.h"

namespace model {

// Destroys a lock, as far as the model can see it: whoever comes too late meets a data race.
struct lock_access {
    template <class Sync>
    static void destroy(devres::detail::basic_lock<Sync>& lock)
    {
        lock.locked_.die();
    }
    template <class Sync>
    static void destroy(devres::detail::basic_biased_lock<Sync>& lock)
    {
        lock.owner_.die();
        lock.inside_.die();
        destroy(lock.lock_);
    }
    // As one that its first thread has made, which expects nobody else.
    template <class Sync>
    static void bias_early(devres::detail::basic_biased_lock<Sync>& lock)
    {
        if (Sync::may_bias())
            lock.bias_early(Sync::thread(0));
    }
    template <class Sync>
    static void bias_early(devres::detail::basic_lock<Sync>&)
    {
    }
    template <class Sync>
    static void look(const devres::detail::basic_lock<Sync>& lock)
    {
        (void)lock.locked_.load(std::memory_order::relaxed);
    }
};

// How a thread goes in and out.
struct plainly {
    template <class Lock, class Work>
    static void section(Lock& lock, Work work)
    {
        lock.acquire();
        work();
        lock.release();
    }
};

// What leaving must not do.
struct looking_back {
    template <class Lock, class Work>
    static void section(Lock& lock, Work work)
    {
        plainly::section(lock, work);
        lock_access::look(lock);
    }
};

struct biased {
    template <class Lock, class Work>
    static void section(Lock& lock, Work work)
    {
        devres::detail::lock_mode mode{};
        if (!lock.try_acquire(&mode))
            mode = lock.acquire();
        work();
        lock.release(mode);
    }
};

// Two sections, one right after the other.
struct retrying {
    template <class Lock, class Work>
    static void section(Lock& lock, Work work)
    {
        biased::section(lock, [] {});
        biased::section(lock, work);
    }
};

// As find and for_each: nobody gets in on a bias meanwhile.
struct calling_out {
    template <class Lock, class Work>
    static void section(Lock& lock, Work work)
    {
        devres::detail::lock_mode mode{};
        lock.acquire_exclusive();
        RL_ASSERT(!lock.try_acquire(&mode));
        work();
        lock.release_exclusive();
    }
};

// Each thread does some sections; whoever did the last destroys the lock.
template <template <class> class Lock, form Form, lock_fault Fault, int Rounds, class... Ways>
struct sections : rl::test_suite<sections<Lock, Form, Fault, Rounds, Ways...>,
                                 static_cast<rl::thread_id_t>(sizeof...(Ways))> {
    static constexpr int threads = sizeof...(Ways);
    using sync = lock_sync<Form, Fault, threads>;
    using parking = devres::detail::parking<sync>;

    typename parking::lot lot;
    Lock<sync> lock;
    rl::var<int> done;

    void before()
    {
        sync::current = &lot;
        lot.sleepers.store(Form == form::fence ? parking::fenced : 0, std::memory_order::relaxed);
        lot.lanes[0].store(0, std::memory_order::relaxed);
        if (rl::rand(2) != 0)
            lock_access::bias_early(lock);
        done($) = 0;
    }
    void thread(unsigned i)
    {
        unsigned at = 0;
        (void)((at++ == i ? (work<Ways>(), true) : false) || ...);
    }

private:
    template <class Way>
    void work()
    {
        for (int round = 0; round != Rounds; ++round) {
            bool last = false;
            Way::section(lock, [&] {
                const int before = done($);
                rl::ctx().sched();
                done($) = before + 1;
                last = before + 1 == Rounds * threads;
            });
            if (last)
                lock_access::destroy(lock);
        }
    }
};

template <form Form, lock_fault Fault>
using plain_lock_3 = sections<devres::detail::basic_lock, Form, Fault, 2, plainly, plainly, plainly>;
template <form Form, lock_fault Fault, class... Ways>
using biased_lock = sections<devres::detail::basic_biased_lock, Form, Fault, 4, Ways...>;

// Several threads sleep until one word changes, as unplug and the losers of a revoke do: whoever changes it
// does so once and then touches nothing of it.
template <form Form, lock_fault Fault, int Drainers, int Woken = Drainers>
struct drainers : rl::test_suite<drainers<Form, Fault, Drainers, Woken>, Drainers + 1> {
    using sync = lock_sync<Form, Fault, Drainers + 1>;
    using parking = devres::detail::parking<sync>;

    typename parking::lot lot;
    typename sync::word ended;
    rl::var<int> result;

    void before()
    {
        sync::current = &lot;
        lot.sleepers.store(Form == form::fence ? parking::fenced : 0, std::memory_order::relaxed);
        lot.lanes[0].store(0, std::memory_order::relaxed);
        ended.store(0, std::memory_order::relaxed);
        result($) = 0;
    }
    void thread(unsigned i)
    {
        if (i == Drainers) {
            result($) = 7;
            ended.store(1, std::memory_order::release);
            parking::wake(lot, ended, Woken);
            return;
        }
        parking::sleep_until(lot, ended, 0, [this] { return ended.load(std::memory_order::acquire) != 0; });
        RL_ASSERT(result($) == 7);
    }
};

const unsigned long schedules = enough / 5;

template <form Form>
void check(const char* form_name)
{
    using enum lock_fault;
    std::printf("%s\n", form_name);
    run<plain_lock_3<Form, none>>("lock: three threads", expect::holds, schedules);
    run<biased_lock<Form, none, biased, biased>>("biased lock: two threads", expect::holds, schedules);
    run<biased_lock<Form, none, biased, biased, biased>>("biased lock: three threads", expect::holds,
                                                         schedules);
    run<biased_lock<Form, none, retrying, biased>>("biased lock: one goes out and in again", expect::holds,
                                                   schedules);
    run<biased_lock<Form, none, retrying, retrying>>("biased lock: both do", expect::holds, schedules);
    run<biased_lock<Form, none, calling_out, biased>>("biased lock: one calls out", expect::holds, schedules);
    run<biased_lock<Form, none, calling_out, retrying, biased>>("biased lock: three ways", expect::holds,
                                                                schedules);

    run<drainers<Form, none, 2>>("parking: two wait for one change", expect::holds, schedules);
    run<drainers<Form, none, 3>>("parking: three wait for one change", expect::holds, schedules);
    run<drainers<Form, no_announcement, 2>>("  none of two has announced itself", expect::fails, schedules);
    run<drainers<Form, no_wake, 2>>("  nobody is woken", expect::fails, schedules);
    run<drainers<Form, no_barrier, 2>>("  two sleep without the barrier", expect::fails, schedules);

    run<sections<devres::detail::basic_lock, Form, none, 1, looking_back, plainly>>(
        "  leaving looks at the lock once more", expect::fails, schedules);
    run<plain_lock_3<Form, no_barrier>>("  without the sleeper's barrier", expect::fails, schedules);
    run<plain_lock_3<Form, no_announcement>>("  without the announcement", expect::fails, schedules);
    run<plain_lock_3<Form, no_wake>>("  without the wake-up", expect::fails, schedules);
    run<plain_lock_3<Form, relaxed_release>>("  with a relaxed release", expect::fails, schedules);
    if constexpr (Form == form::fence) {
        run<plain_lock_3<Form, no_fence>>("  without the waker's fence", expect::fails, schedules);
    } else {
        run<biased_lock<Form, no_barrier, biased, biased>>("  a bias ended without the barrier",
                                                           expect::fails, schedules);
        run<biased_lock<Form, blind_owner, biased, biased>>("  an owner that does not look again",
                                                            expect::fails, schedules);
        run<biased_lock<Form, relaxed_release, biased, biased>>("  an owner that leaves relaxed",
                                                                expect::fails, schedules);
        run<biased_lock<Form, no_wake, biased, biased>>("  an owner that does not wake", expect::fails,
                                                        schedules);
    }
}

} // namespace model

int main()
{
    model::check<model::form::fence>("without membarrier");
    model::check<model::form::membarrier>("with membarrier");
    return model::summary();
}
