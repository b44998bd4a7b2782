// SPDX-License-Identifier: MIT
//
// Model checks devres::detail::revocation<Sync>, the code the library runs, under relacy's relaxed memory
// model.
//
// Each scenario runs over many schedules, each with its own choice of stale reads and spurious wake-ups. What
// is checked: no reader inside after wait() (the object is a plain variable: a data race or a wrong value is
// found), no lost wake-up (deadlock), no busy loop (livelock). V1, V3, V4.
//
// Every scenario that must hold has controls beside it: the same with one step left out, in which relacy must
// find the bug. A control that passes means that the scenario cannot see what it is there for.
#include "revocation_sync.h"
#include "runner.h"

namespace model {

// --- The world every scenario runs in ---------------------------------------------------------------------

template <form Form, fault Fault, int Threads, int Readers, int Depth>
struct world {
    using algorithm = devres::detail::revocation<sync<Form, Fault, Threads>>;
    using identity = devres::detail::identity;

    static constexpr identity domain_id = algorithm::of_domain | 2;
    static constexpr identity object_id = 4;
    static constexpr identity other_id = 6; // another object of the domain, which nobody revokes
    static constexpr int alive = 1;
    static constexpr int destroyed = 2;

    typename algorithm::announcements announced;
    typename algorithm::gate domain;
    typename algorithm::gate object;
    typename algorithm::gate other;
    typename algorithm::slot slots[Readers][Depth];
    rl::var<int> payload;

    void prepare()
    {
        const bool fenced = Form == form::fence;
        announced.revokers.store(fenced ? algorithm::leave_fenced : 0, std::memory_order::relaxed);
        announced.sequence.store(0, std::memory_order::relaxed);
        domain.state.store(fenced ? algorithm::fenced : 0, std::memory_order::relaxed);
        object.state.store(fenced ? algorithm::fenced : 0, std::memory_order::relaxed);
        other.state.store(fenced ? algorithm::fenced : 0, std::memory_order::relaxed);
        for (auto& of_reader : slots) {
            for (auto& s : of_reader) {
                s.domain.store(0, std::memory_order::relaxed);
                s.object.store(0, std::memory_order::relaxed);
            }
        }
        payload($) = alive;
    }

    // As devres_ptr::try_access and the guard's end do.
    bool enter(typename algorithm::slot& s)
    {
        algorithm::publish(s, domain_id, object_id);
        if (algorithm::open(domain) && algorithm::open(object))
            return true;
        leave(s);
        return false;
    }
    bool enter_other(typename algorithm::slot& s)
    {
        algorithm::publish(s, domain_id, other_id);
        if (algorithm::open(domain) && algorithm::open(other))
            return true;
        leave(s);
        return false;
    }
    void leave(typename algorithm::slot& s) { algorithm::clear(s, announced); }

    static bool close(typename algorithm::gate& g) { return algorithm::close(g); }

    // Twice, with others running before and between: relacy itself does not switch at a plain variable.
    void use()
    {
        for (int i = 0; i != 2; ++i) {
            rl::ctx().sched();
            RL_ASSERT(payload($) == alive);
        }
    }

    void wait_for(identity which)
    {
        typename sync<Form, Fault, Threads>::no_report report;
        algorithm::wait(
            announced, [&] { return any_inside(which); }, report);
    }

    bool any_inside(identity which)
    {
        for (int i = 0; i != Depth; ++i) {
            const int at = Fault == fault::backwards ? Depth - 1 - i : i;
            for (const auto& of_reader : slots) {
                identity in_domain = 0;
                identity in_object = 0;
                if (algorithm::read(of_reader[at], in_domain, in_object) &&
                    (in_domain == which || in_object == which))
                    return true;
            }
        }
        return false;
    }

    // As detach() does: from a slot of the record to a loose one, at which revokers look later.
    void move(typename algorithm::slot& from, typename algorithm::slot& to)
    {
        algorithm::copy(from, to);
        leave(from);
    }
};

// --- Scenarios
// ----------------------------------------------------------------------------------------------

// Readers against one early revoke.
template <form Form, fault Fault, int Readers>
struct readers_and_revoke : rl::test_suite<readers_and_revoke<Form, Fault, Readers>, Readers + 1> {
    world<Form, Fault, Readers + 1, Readers, 1> w;

    void before() { w.prepare(); }
    void thread(unsigned i)
    {
        if (i < Readers) {
            if (w.enter(w.slots[i][0])) {
                w.use();
                w.leave(w.slots[i][0]);
            }
            return;
        }
        if (w.close(w.object)) {
            w.wait_for(w.object_id);
            w.payload($) = w.destroyed;
        }
    }
};

// A reader that returns and nests, in slots that have said something else before, of the same domain.
template <form Form, fault Fault>
struct nested_reader : rl::test_suite<nested_reader<Form, Fault>, 2> {
    world<Form, Fault, 2, 1, 2> w;

    void before() { w.prepare(); }
    void thread(unsigned i)
    {
        if (i == 0) {
            for (int round = 0; round != 2; ++round) {
                const bool elsewhere = w.enter_other(w.slots[0][round]);
                const bool inside = w.enter(w.slots[0][1 - round]);
                if (elsewhere)
                    w.leave(w.slots[0][round]);
                const bool again = inside && w.enter(w.slots[0][round]);
                if (inside) {
                    w.use();
                    w.leave(w.slots[0][1 - round]); // not the order in which they were taken
                }
                if (again) {
                    w.use();
                    w.leave(w.slots[0][round]);
                }
            }
            return;
        }
        if (w.close(w.object)) {
            w.wait_for(w.object_id);
            w.payload($) = w.destroyed;
        }
    }
};

// A guard that is detached while a revoker looks, and ends in its new slot.
template <form Form, fault Fault>
struct moving_reader : rl::test_suite<moving_reader<Form, Fault>, 2> {
    world<Form, Fault, 2, 1, 2> w;

    void before() { w.prepare(); }
    void thread(unsigned i)
    {
        if (i == 0) {
            if (w.enter(w.slots[0][0])) {
                w.move(w.slots[0][0], w.slots[0][1]);
                w.use();
                w.leave(w.slots[0][1]);
            }
            return;
        }
        if (w.close(w.object)) {
            w.wait_for(w.object_id);
            w.payload($) = w.destroyed;
        }
    }
};

// A slot that is used for one object and then for another, each of which has its own revoker: neither may
// take the slot's former content for the present one.
template <form Form, fault Fault>
struct reused_slot : rl::test_suite<reused_slot<Form, Fault>, 3> {
    world<Form, Fault, 3, 1, 1> w;
    rl::var<int> other_payload;

    void before()
    {
        w.prepare();
        other_payload($) = w.alive;
    }
    void thread(unsigned i)
    {
        auto& slot = w.slots[0][0];
        if (i == 0) {
            for (int round = 0; round != 2; ++round) {
                if (w.enter_other(slot)) {
                    rl::ctx().sched();
                    RL_ASSERT(other_payload($) == w.alive);
                    w.leave(slot);
                }
                if (w.enter(slot)) {
                    w.use();
                    w.leave(slot);
                }
            }
        } else if (i == 1) {
            if (w.close(w.object)) {
                w.wait_for(w.object_id);
                w.payload($) = w.destroyed;
            }
        } else {
            if (w.close(w.other)) {
                w.wait_for(w.other_id);
                other_payload($) = w.destroyed;
            }
        }
    }
};

// V3: what a slot has said before means nothing: a reader of one object that then enters something that
// stands alone, and stays inside until the revoke of that object has returned.
template <form Form, fault Fault, bool SaysAnObject = false>
struct leftover_object : rl::test_suite<leftover_object<Form, Fault, SaysAnObject>, 2> {
    using types = world<Form, Fault, 2, 1, 1>;
    static constexpr typename types::identity alone_id = SaysAnObject ? types::algorithm::of_domain | 8 : 8;
    types w;
    typename types::algorithm::gate alone;
    typename sync<Form, Fault, 2>::template atomic<std::uint32_t> revoked;

    void before()
    {
        w.prepare();
        alone.state.store(Form == form::fence ? types::algorithm::fenced : 0, std::memory_order::relaxed);
        revoked.store(0, std::memory_order::relaxed);
    }
    void thread(unsigned i)
    {
        typename sync<Form, Fault, 2>::no_report report;
        if (i == 0) {
            auto& slot = w.slots[0][0];
            if (w.enter(slot)) {
                w.use();
                w.leave(slot);
            }
            types::algorithm::publish(slot, alone_id);
            RL_ASSERT(types::algorithm::open(alone));
            while (revoked.load(std::memory_order::acquire) == 0)
                sync<Form, Fault, 2>::sleep(revoked, 0, report);
            w.leave(slot);
            return;
        }
        if (w.close(w.object)) {
            w.wait_for(w.object_id);
            w.payload($) = w.destroyed;
        }
        revoked.store(1, std::memory_order::release);
        sync<Form, Fault, 2>::wake_all(revoked);
    }
};

// V3: a reader of one object stays inside until the revoke of another one has returned, which must not wait
// for it.
template <form Form, fault Fault, bool WaitsForAll = false>
struct reader_elsewhere : rl::test_suite<reader_elsewhere<Form, Fault, WaitsForAll>, 2> {
    world<Form, Fault, 2, 1, 1> w;
    typename sync<Form, Fault, 2>::template atomic<std::uint32_t> revoked;

    void before()
    {
        w.prepare();
        revoked.store(0, std::memory_order::relaxed);
    }
    void thread(unsigned i)
    {
        typename sync<Form, Fault, 2>::no_report report;
        if (i == 0) {
            auto& slot = w.slots[0][0];
            if (!w.enter_other(slot))
                return;
            while (revoked.load(std::memory_order::acquire) == 0)
                sync<Form, Fault, 2>::sleep(revoked, 0, report);
            w.leave(slot);
            return;
        }
        if (w.close(w.object)) {
            w.wait_for(WaitsForAll ? w.domain_id : w.object_id);
            w.payload($) = w.destroyed;
        }
        revoked.store(1, std::memory_order::release);
        sync<Form, Fault, 2>::wake_all(revoked);
    }
};

// An unbind (the domain) against an early revoke (the object): both wait, one of the two destroys.
template <form Form, fault Fault, int Readers>
struct unbind_and_revoke : rl::test_suite<unbind_and_revoke<Form, Fault, Readers>, Readers + 2> {
    world<Form, Fault, Readers + 2, Readers, 1> w;

    void before() { w.prepare(); }
    void thread(unsigned i)
    {
        if (i < Readers) {
            if (w.enter(w.slots[i][0])) {
                w.use();
                w.leave(w.slots[i][0]);
            }
        } else if (i == Readers) {
            w.close(w.domain);
            w.wait_for(w.domain_id);
            if (w.close(w.object))
                w.payload($) = w.destroyed; // nobody is inside: the wait for the domain has served
        } else {
            if (w.close(w.object)) {
                w.wait_for(w.object_id);
                w.payload($) = w.destroyed;
            }
        }
    }
};

// --- Running them
// --------------------------------------------------------------------------------------------

void check_fence_form()
{
    constexpr form f = form::fence;
    run<readers_and_revoke<f, fault::none, 1>>("fence: a reader and a revoke", expect::holds, enough);
    run<readers_and_revoke<f, fault::none, 3>>("fence: three readers and a revoke", expect::holds, enough);
    run<nested_reader<f, fault::none>>("fence: a reader that nests and returns, and a revoke", expect::holds,
                                       enough);
    run<moving_reader<f, fault::none>>("fence: a guard that is detached, and a revoke", expect::holds,
                                       enough);
    run<moving_reader<f, fault::backwards>>("  looking at its new slot first", expect::fails, enough);
    run<moving_reader<f, fault::relaxed_clear>>("  with a relaxed clear", expect::fails, enough);
    run<reused_slot<f, fault::none>>("fence: a slot used for one object and then another", expect::holds,
                                     enough);
    run<reused_slot<f, fault::no_fence_on_enter>>("  without the fence on enter", expect::fails, enough);
    run<reader_elsewhere<f, fault::none>>("fence: a reader of another object stays inside", expect::holds,
                                          enough);
    run<reader_elsewhere<f, fault::none, true>>("  and is waited for", expect::fails, enough);
    run<leftover_object<f, fault::none>>("fence: a slot that named the object before", expect::holds, enough);
    run<leftover_object<f, fault::none, true>>("  and is taken to name it still", expect::fails, enough);
    run<unbind_and_revoke<f, fault::none, 2>>("fence: two readers, an unbind and a revoke", expect::holds,
                                              enough);

    run<readers_and_revoke<f, fault::no_fence_on_enter, 1>>("  without the fence on enter", expect::fails,
                                                            enough);
    run<readers_and_revoke<f, fault::no_fence_on_leave, 1>>("  without the fence on leave", expect::fails,
                                                            enough);
    run<readers_and_revoke<f, fault::no_barrier, 1>>("  without the revoker's barrier", expect::fails,
                                                     enough);
    run<readers_and_revoke<f, fault::no_announcement, 1>>("  without the announcement", expect::fails,
                                                          enough);
    run<readers_and_revoke<f, fault::no_bump, 1>>("  without the new sequence number", expect::fails, enough);
    run<readers_and_revoke<f, fault::no_wake, 1>>("  without the wake-up", expect::fails, enough);
    run<readers_and_revoke<f, fault::relaxed_clear, 1>>("  with a relaxed clear", expect::fails, enough);
    run<unbind_and_revoke<f, fault::no_fence_on_leave, 1>>("  two revokers, no fence on leave", expect::fails,
                                                           enough);
}

void check_membarrier_form()
{
    constexpr form f = form::membarrier;
    run<readers_and_revoke<f, fault::none, 1>>("membarrier: a reader and a revoke", expect::holds, enough);
    run<readers_and_revoke<f, fault::none, 3>>("membarrier: three readers and a revoke", expect::holds,
                                               enough);
    run<nested_reader<f, fault::none>>("membarrier: a reader that nests and returns, and a revoke",
                                       expect::holds, enough);
    run<moving_reader<f, fault::none>>("membarrier: a guard that is detached, and a revoke", expect::holds,
                                       enough);
    run<moving_reader<f, fault::backwards>>("  looking at its new slot first", expect::fails, enough);
    run<moving_reader<f, fault::relaxed_clear>>("  with a relaxed clear", expect::fails, enough);
    run<reused_slot<f, fault::none>>("membarrier: a slot used for one object and then another", expect::holds,
                                     enough);
    run<reused_slot<f, fault::relaxed_publish>>("  with a relaxed publish", expect::fails, enough);
    run<reused_slot<f, fault::no_barrier>>("  without membarrier", expect::fails, enough);
    run<reader_elsewhere<f, fault::none>>("membarrier: a reader of another object stays inside",
                                          expect::holds, enough);
    run<reader_elsewhere<f, fault::none, true>>("  and is waited for", expect::fails, enough);
    run<leftover_object<f, fault::none>>("membarrier: a slot that named the object before", expect::holds,
                                         enough);
    run<leftover_object<f, fault::none, true>>("  and is taken to name it still", expect::fails, enough);
    run<unbind_and_revoke<f, fault::none, 2>>("membarrier: two readers, an unbind and a revoke",
                                              expect::holds, enough);

    run<nested_reader<f, fault::no_barrier>>("  a reader that nests, without membarrier", expect::fails,
                                             enough);
    run<nested_reader<f, fault::relaxed_publish>>("  with a relaxed publish", expect::fails, enough);
    run<readers_and_revoke<f, fault::no_barrier, 1>>("  without membarrier", expect::fails, enough);
    run<readers_and_revoke<f, fault::no_announcement, 1>>("  without the announcement", expect::fails,
                                                          enough);
    run<readers_and_revoke<f, fault::no_wake, 1>>("  without the wake-up", expect::fails, enough);
    run<readers_and_revoke<f, fault::relaxed_clear, 1>>("  with a relaxed clear", expect::fails, enough);
}

} // namespace model

int main()
{
    model::check_fence_form();
    model::check_membarrier_form();
    return model::summary();
}
