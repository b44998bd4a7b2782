// SPDX-License-Identifier: MIT
//
// V2, V3, V5, V7: how many guards, of how many owners, ended in which order, by which thread.
#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/revocation.h>
#include <devres/devres.h>
#include <devres/revocable.h>

#include "revocation/tracked.h"
#include "support/environment.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using object = revocable<tracked>;

class GuardsTest : public testing::Test {
protected:
    // True if a revoke of `r` on another thread has not come back although it had time to.
    class pending_revoke {
    public:
        explicit pending_revoke(object& r)
            : thread_([this, &r] {
                  result_ = r.revoke();
                  done_ = true;
              })
        {
            while (!r.is_revoked())
                std::this_thread::yield();
            linger();
        }
        ~pending_revoke() { thread_.join(); }
        bool done() const { return done_; }

    private:
        std::atomic<bool> done_{false};
        bool result_ = false;
        std::thread thread_;
    };

    warn_capture warns;
    tracking t;
};

TEST_F(GuardsTest, ThousandsNestOnOneObjectAndTheLastOneCounts) // V2
{
    object r(&t);
    std::vector<object::guard> guards;
    for (int i = 0; i != 5000; ++i) {
        guards.push_back(r.try_access());
        ASSERT_TRUE(guards.back());
    }
    std::shuffle(guards.begin(), guards.end(), std::minstd_rand(1));
    while (guards.size() > 1)
        guards.pop_back();
    pending_revoke revoke(r);
    EXPECT_FALSE(revoke.done());
    EXPECT_EQ(0, t.destroyed);
    guards.clear();
}

TEST_F(GuardsTest, ThousandsOfOwnersAtOnceEndedInAnyOrder) // V2, V3
{
    constexpr std::size_t count = 3000;
    std::vector<std::unique_ptr<object>> objects;
    std::vector<std::pair<object*, object::guard>> held;
    for (std::size_t i = 0; i != count; ++i) {
        objects.push_back(std::make_unique<object>(&t, static_cast<int>(i)));
        held.emplace_back(objects.back().get(), objects.back()->try_access());
    }
    std::shuffle(held.begin(), held.end(), std::minstd_rand(2));
    for (std::size_t i = 0; !held.empty(); ++i) {
        object* r = held.back().first;
        held.pop_back();
        if (i % 100 == 0) {
            EXPECT_TRUE(r->revoke()); // with all the others held
        }
    }
    EXPECT_EQ(static_cast<int>(count / 100), t.destroyed);
}

TEST_F(GuardsTest, GuardsEndedOutOfOrderAroundTheEndOfTheTable) // V2
{
    using detail::reader_record;
    object r(&t);
    object other(&t);
    for (unsigned depth = 1; depth != 3 * reader_record::capacity; ++depth) {
        for (unsigned first = 0; first != depth; ++first) {
            std::vector<object::guard> guards;
            for (unsigned i = 0; i != depth; ++i)
                guards.push_back(r.try_access());
            guards[first] = {};                   // one leaves from the middle,
            guards.push_back(other.try_access()); // another takes its place
            guards[depth - 1] = {};
            for (object::guard& g : guards)
                if (g)
                    g->check();
        }
    }
    EXPECT_TRUE(r.revoke());
    EXPECT_TRUE(other.revoke());
}

TEST_F(GuardsTest, SlotsAreGivenBack) // V2, V7
{
    object r(&t);
    {
        std::vector<object::guard> guards;
        for (int i = 0; i != 100; ++i)
            guards.push_back(r.try_access());
    }
    EXPECT_EQ(0, slots_in_use());
    EXPECT_TRUE(r.revoke());
    EXPECT_FALSE(r.try_access());
    EXPECT_EQ(0, slots_in_use()) << "a refused reader leaves nothing";
}

TEST_F(GuardsTest, RevokeOfAIsNotDelayedByAReaderOfB) // V3
{
    object a(&t);
    object b(&t);
    doorway inside;
    doorway leave;
    std::thread reader([&] {
        auto guard = b.try_access();
        inside.open();
        leave.pass();
        guard->check();
    });
    inside.pass();
    EXPECT_TRUE(a.revoke()); // or this test never ends
    EXPECT_EQ(1, t.destroyed);
    leave.open();
    reader.join();
}

TEST_F(GuardsTest, ReaderOfBOnTheSameThreadDoesNotDelayRevokeOfA) // V3, V5
{
    object a(&t);
    object b(&t);
    auto guard = b.try_access();
    EXPECT_TRUE(a.revoke());
    guard->check();
}

TEST_F(GuardsTest, RevokingThousandsOneByOneWithReadersOfAllOthers) // V2, V3
{
    constexpr std::size_t count = 500;
    std::vector<std::unique_ptr<object>> objects;
    for (std::size_t i = 0; i != count; ++i)
        objects.push_back(std::make_unique<object>(&t));
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (unsigned seed = 1; seed != 4; ++seed) {
        readers.emplace_back([&, seed] {
            std::minstd_rand random(seed);
            while (!stop) {
                object::guard guards[12];
                for (object::guard& g : guards) {
                    g = objects[random() % count]->try_access();
                    if (g)
                        g->check();
                }
            }
        });
    }
    for (auto& r : objects)
        EXPECT_TRUE(r->revoke());
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_EQ(static_cast<int>(count), t.destroyed);
}

TEST_F(GuardsTest, GuardsEndedOutOfOrderDoNotUseTheRecordUp) // V2, V7
{
    object r(&t);
    for (int i = 0; i != 100; ++i) {
        auto first = r.try_access();
        auto second = r.try_access();
        first = {};
    }
    detail::gate gate;
    detail::reader_slot* slot = detail::try_enter(gate, {"here.cpp", 1});
    EXPECT_GT(static_cast<int>(sizeof(detail::reader_record::slots)), detail::slot_index(slot))
        << "a loose one";
    detail::leave(slot);
}

TEST_F(GuardsTest, ASlotDoesNotNameTheObjectOfItsFormerGuard) // V3
{
    detail::domain_gate domain;
    detail::gate member;
    detail::gate alone;
    detail::leave(detail::try_enter(domain, member, {"here.cpp", 1}));
    detail::reader_slot* slot = detail::try_enter(alone, {"here.cpp", 2}); // the same slot
    EXPECT_FALSE(detail::has_readers(detail::reader_set(member)));
    EXPECT_TRUE(detail::has_readers(detail::reader_set(alone)));
    detail::leave(slot);
}

TEST_F(GuardsTest, FreeLooseSlotsAreCountedAndTooManyOfThemGoBack) // V2
{
    std::thread([] {
        detail::gate gate;
        bool gave_some_back = false;
        for (const std::size_t count : {1u, 9u, 40u, 200u}) {
            std::vector<detail::reader_slot*> taken;
            std::uint32_t before = 0;
            const auto check = [&] {
                const detail::reader_record& mine = *detail::my_record;
                std::uint32_t length = 0;
                for (const detail::reader_slot* slot = mine.loose; slot; ++length)
                    slot = reinterpret_cast<const detail::reader_slot*>(slot->object.load());
                ASSERT_EQ(length, mine.loose_count);
                ASSERT_GE(64u, length);
                gave_some_back = gave_some_back || length + 1 < before;
                before = length;
            };
            while (taken.size() != count) {
                taken.push_back(detail::detach(detail::try_enter(gate, {"here.cpp", 1})));
                check();
            }
            before = 0;
            for (detail::reader_slot* slot : taken) {
                detail::leave(slot);
                check();
            }
        }
        EXPECT_TRUE(gave_some_back);
    }).join();
}

TEST_F(GuardsTest, AnotherThreadsGuardBeyondItsRecordIsNotASelfRevoke) // V2, V5
{
    object r(&t);
    object other(&t);
    doorway inside;
    doorway over;
    std::thread reader([&] {
        const auto guards = take(detail::reader_record::capacity, other);
        auto guard = r.try_access();
        inside.open();
        while (!r.is_revoked() && !over.is_open())
            std::this_thread::yield();
    });
    inside.pass();
    auto guards = take(detail::reader_record::capacity, other);
    guards.push_back(other.try_access());
    EXPECT_TRUE(r.revoke());
    over.open();
    reader.join();
}

TEST_F(GuardsTest, DetachingAnotherThreadsGuardIsReportedAndOnesOwnStayKnown) // V2, V5
{
    object r(&t);
    object other(&t);
    object::guard foreign;
    doorway inside;
    doorway over;
    std::thread reader([&] {
        const auto guards = take(detail::reader_record::capacity, other);
        foreign = other.try_access();
        inside.open();
        over.pass();
    });
    inside.pass();
    {
        const auto guards = take(detail::reader_record::capacity, other);
        const auto mine = r.try_access();
        const auto moved = foreign.detach();
        EXPECT_NE(std::string::npos, warns.take_one().find("ended by another thread"));
        EXPECT_FALSE(r.revoke()); // or never
        EXPECT_EQ(1u, warns.take().size());
    }
    over.open();
    reader.join();
    EXPECT_TRUE(r.revoke());
}

// --- From one thread to another (V5) -----------------------------------------------------------------------

TEST_F(GuardsTest, DetachedGuardEndsOnAnotherThreadAndIsWaitedFor) // V5
{
    object r(&t, 7);
    auto here = r.try_access();
    auto detached = here.detach();
    EXPECT_FALSE(here);
    ASSERT_TRUE(detached);
    doorway leave;
    std::thread holder([&leave, guard = std::move(detached)]() mutable {
        leave.pass();
        EXPECT_EQ(7, guard->check());
        guard = {};
    });
    {
        pending_revoke revoke(r);
        EXPECT_FALSE(revoke.done());
        EXPECT_EQ(0, t.destroyed);
        leave.open();
    }
    EXPECT_EQ(1, t.destroyed);
    holder.join();
}

TEST_F(GuardsTest, DetachedGuardIsNotReportedAsASelfRevoke) // V5
{
    object r(&t);
    std::thread ender;
    {
        auto guard = r.try_access().detach();
        ender = std::thread([&r, g = std::move(guard)]() mutable {
            while (!r.is_revoked())
                std::this_thread::yield();
            g = {};
        });
    }
    EXPECT_TRUE(r.revoke()); // waits; no WARN
    ender.join();
}

TEST_F(GuardsTest, GuardBeyondTheRecordThatIsDetachedIsNotReportedAsASelfRevoke) // V2, V5
{
    object r(&t);
    object other(&t);
    std::vector<object::guard> nested;
    while (nested.size() != detail::reader_record::capacity)
        nested.push_back(other.try_access());
    doorway over;
    std::thread ender([&, guard = r.try_access().detach()]() mutable {
        while (!r.is_revoked() && !over.is_open())
            std::this_thread::yield();
        guard = {};
    });
    EXPECT_TRUE(r.revoke()); // waits; no WARN
    over.open();
    ender.join();
}

TEST_F(GuardsTest, DetachingAnEmptyGuardGivesAnEmptyGuard) // V5
{
    object::guard empty;
    EXPECT_FALSE(empty.detach());
}

TEST_F(GuardsTest, DetachedGuardMayBeDetachedAgain) // V5
{
    object r(&t, 3);
    auto guard = r.try_access().detach().detach();
    EXPECT_EQ(3, guard->check());
    guard = {};
    EXPECT_TRUE(r.revoke());
}

TEST_F(GuardsTest, ManyDetachedGuardsOfManyObjects) // V2, V5
{
    std::vector<std::unique_ptr<object>> objects;
    std::vector<object::guard> guards;
    for (int i = 0; i != 200; ++i) {
        objects.push_back(std::make_unique<object>(&t, i));
        for (int k = 0; k != 3; ++k)
            guards.push_back(objects.back()->try_access().detach());
    }
    std::shuffle(guards.begin(), guards.end(), std::minstd_rand(3));
    std::thread ender([&] { guards.clear(); });
    for (auto& r : objects)
        EXPECT_TRUE(r->revoke());
    ender.join();
    EXPECT_EQ(200, t.destroyed);
}

// A revoker looks at one slot after the other, and a guard is detached while it looks at another one.
class OvertakingTest : public testing::Test {
protected:
    // What the revoker waits for are the guards of `target`; it calls `meanwhile` when it comes past one of
    // `filler`.
    bool revoker_finds_it()
    {
        return detail::has_readers({[](const void* self, detail::identity domain, detail::identity) {
                                        return static_cast<const OvertakingTest*>(self)->look(domain);
                                    },
                                    this});
    }
    // Three loose slots in the order in which a revoker looks at them.
    std::vector<detail::reader_slot*> three_loose()
    {
        std::vector<detail::reader_slot*> slots;
        for (int i = 0; i != 3; ++i)
            slots.push_back(detail::detach(detail::try_enter(filler, {"filler.cpp", i})));
        std::sort(slots.begin(), slots.end(),
                  [](auto* a, auto* b) { return detail::slot_index_slow(a) < detail::slot_index_slow(b); });
        return slots;
    }

    detail::gate filler;
    detail::gate target;
    std::function<void()> meanwhile;

private:
    bool look(detail::identity domain) const
    {
        if (domain == filler.id())
            meanwhile();
        return domain == target.id();
    }
};

TEST_F(OvertakingTest, AGuardThatIsDetachedIsFound) // V5
{
    std::vector<detail::reader_slot*> loose = three_loose();
    detail::leave(loose[0]); // the next one to be taken, and the first to be looked at
    detail::reader_slot* guard = detail::try_enter(target, {"target.cpp", 1});
    bool moved = false;
    meanwhile = [&] {
        if (!std::exchange(moved, true))
            guard = detail::detach(guard);
    };
    EXPECT_TRUE(revoker_finds_it());
    for (detail::reader_slot* slot : {loose[1], loose[2], guard})
        detail::leave(slot);
    EXPECT_FALSE(revoker_finds_it());
}

TEST_F(OvertakingTest, AGuardThatIsDetachedAgainIsFound) // V5
{
    std::vector<detail::reader_slot*> loose = three_loose();
    detail::leave(loose[2]);
    detail::reader_slot* guard = detail::detach(detail::try_enter(target, {"target.cpp", 1}));
    ASSERT_EQ(loose[2], guard);
    detail::leave(loose[0]);
    bool again = false;
    meanwhile = [&] {
        if (!std::exchange(again, true))
            guard = detail::detach(guard);
    };
    EXPECT_TRUE(revoker_finds_it());
    EXPECT_TRUE(again);
    detail::leave(loose[1]);
    detail::leave(guard);
}

// It is in one place or the other, or in both. What a revoker scans is made long, and the guard hops between
// two places that are far apart in it.
TEST_F(GuardsTest, RevokerNeverMissesAGuardThatIsBeingDetached) // V5
{
    object other(&t);
    std::vector<object::guard> filler;
    for (int i = 0; i != 600; ++i)
        filler.push_back(other.try_access().detach());
    filler.front() = {};
    filler.back() = {};
    for (int round = 0; round != 300; ++round) {
        object r(&t);
        doorway inside;
        std::thread reader([&] {
            auto guard = r.try_access();
            ASSERT_TRUE(guard);
            inside.open();
            for (int after = 0; after != 100; after += r.is_revoked() ? 1 : 0) {
                guard = guard.detach();
                guard->check();
            }
        });
        inside.pass();
        EXPECT_TRUE(r.revoke());
        reader.join();
    }
}

// --- Threads that end --------------------------------------------------------------------------------------

TEST_F(GuardsTest, DetachedGuardOutlivesItsThread) // V2, V5
{
    object r(&t, 7);
    object::guard guard;
    std::thread([&] { guard = r.try_access().detach(); }).join();
    EXPECT_EQ(7, guard->check());
    pending_revoke revoke(r);
    EXPECT_FALSE(revoke.done());
    EXPECT_EQ(7, guard->check());
    guard = {};
}

TEST_F(GuardsTest, GuardOnTheHeapOutlivesItsThreadWithoutDetach) // V2
{
    auto r = std::make_unique<object>(&t, 7);
    auto guard = std::make_unique<object::guard>();
    std::thread([&] { *guard = r->try_access(); }).join();
    EXPECT_EQ(7, (*guard)->check());
    // Threads that come after may not take the slot that it still stands in.
    object other(&t);
    for (int i = 0; i != 20; ++i) {
        std::thread([&] {
            std::vector<object::guard> theirs;
            for (int k = 0; k != 12; ++k)
                theirs.push_back(other.try_access());
        }).join();
    }
    {
        pending_revoke revoke(*r);
        EXPECT_FALSE(revoke.done());
        EXPECT_EQ(0, t.destroyed);
        guard.reset();
    }
    EXPECT_EQ(1, t.destroyed);
    EXPECT_TRUE(other.revoke());
}

TEST_F(GuardsTest, WhoTakesOverTheRecordOfAnEndedThreadIsNotInsideItsGuards) // V2, V5
{
    constexpr std::size_t count = 30; // threads at once: all records that are free are taken over
    std::vector<std::unique_ptr<object>> objects;
    std::vector<object::guard> orphans;
    for (std::size_t i = 0; i != count; ++i)
        objects.push_back(std::make_unique<object>(&t));
    std::thread([&] {
        for (auto& r : objects)
            orphans.push_back(r->try_access());
    }).join();
    object other(&t);
    std::latch all_entered(count);
    std::atomic<std::size_t> returned_early{0};
    std::vector<std::thread> revokers;
    for (auto& r : objects) {
        revokers.emplace_back([&, r = r.get()] {
            auto guard = other.try_access();
            all_entered.arrive_and_wait();
            if (!r->revoke())
                ++returned_early;
        });
    }
    for (auto& r : objects)
        while (!r->is_revoked() && returned_early == 0)
            std::this_thread::yield();
    orphans.clear();
    for (std::thread& revoker : revokers)
        revoker.join();
    EXPECT_EQ(0u, returned_early) << "taken for a self-revoke";
}

TEST_F(GuardsTest, ManyGuardsOfEndedThreadsAreLeftWhileNewThreadsTakeOver) // V2
{
    object r(&t);
    object other(&t);
    std::vector<object::guard> orphans;
    for (int i = 0; i != 50; ++i) {
        std::thread([&] {
            for (int k = 0; k != 12; ++k)
                orphans.push_back(r.try_access());
        }).join();
    }
    std::atomic<bool> stop{false};
    std::vector<std::thread> busy;
    for (int i = 0; i != 2; ++i) {
        busy.emplace_back([&] {
            while (!stop) {
                std::thread([&] {
                    object::guard a = other.try_access();
                    object::guard b = other.try_access();
                    a->check();
                    b->check();
                }).join();
            }
        });
    }
    while (orphans.size() > 1)
        orphans.pop_back();
    {
        pending_revoke revoke(r);
        EXPECT_FALSE(revoke.done());
        orphans.clear();
    }
    stop = true;
    for (std::thread& thread : busy)
        thread.join();
    EXPECT_TRUE(other.revoke());
}

TEST_F(GuardsTest, RecordOfAnEndedThreadIsUsedAgainOnceItsLastGuardHasEnded) // V2
{
    object r(&t);
    const auto record_of_next_thread = [&] {
        const void* record = nullptr;
        std::thread([&] {
            (void)r.try_access();
            record = detail::my_record;
        }).join();
        return record;
    };
    object::guard guards[2];
    const void* orphaned = nullptr;
    std::thread([&] {
        for (object::guard& guard : guards)
            guard = r.try_access();
        orphaned = detail::my_record;
    }).join();
    EXPECT_NE(orphaned, record_of_next_thread());
    guards[0] = {};
    EXPECT_NE(orphaned, record_of_next_thread());
    guards[1] = {};
    EXPECT_EQ(orphaned, record_of_next_thread());
    EXPECT_TRUE(r.revoke());
}

// As a signal handler does that has interrupted its thread in the list of its loose slots.
TEST_F(GuardsTest, GuardsBeyondTheRecordDoWithoutTheListsWhileTheseAreBeingChanged)
{
    object r(&t, 7);
    object::guard guards[detail::reader_record::capacity];
    for (object::guard& guard : guards)
        guard = r.try_access();
    detail::gate gate;
    const auto number_of_a_loose_slot = [&] {
        detail::reader_slot* slot = detail::try_enter(gate, {"here.cpp", 1});
        const int number = detail::slot_index(slot);
        EXPECT_TRUE(detail::has_readers(detail::reader_set(gate)));
        EXPECT_STREQ("here.cpp", detail::inside_at(detail::reader_set(gate)).file);
        detail::leave_index(number);
        return number;
    };
    const int usual = number_of_a_loose_slot();
    detail::my_record->busy = true;
    const int emergency = number_of_a_loose_slot();
    detail::my_record->busy = false;
    EXPECT_LT(emergency, usual) << "emergencies come first";
    EXPECT_EQ(usual, number_of_a_loose_slot());
    EXPECT_FALSE(detail::has_readers(detail::reader_set(gate)));
}

TEST_F(GuardsTest, SlotsForEmergenciesAreGivenBack) // V2
{
    object r(&t);
    object::guard guards[detail::reader_record::capacity];
    for (object::guard& guard : guards)
        guard = r.try_access();
    for (int i = 0; i != 200; ++i) { // more than there are
        detail::my_record->busy = true;
        EXPECT_TRUE(r.try_access());
    }
    detail::my_record->busy = false;
}

TEST_F(GuardsTest, GuardInAThreadLocalObjectIsLeftAtThreadExit) // V2
{
    static object* target;
    struct at_exit {
        object::guard guard;
    };
    object r(&t);
    target = &r;
    std::thread([&] {
        thread_local at_exit keeper;
        keeper.guard = target->try_access();
        EXPECT_TRUE(keeper.guard);
    }).join();
    EXPECT_TRUE(r.revoke());
}

TEST_F(GuardsTest, EnteringInAThreadLocalDestructorWorks) // V2
{
    static object* target;
    struct at_exit {
        ~at_exit()
        {
            for (int i = 0; i != 20; ++i)
                EXPECT_TRUE(target->try_access());
        }
    };
    object r(&t);
    target = &r;
    std::thread([&] {
        thread_local at_exit late; // made before the library's own, so destroyed after it
        (void)&late;
        EXPECT_TRUE(target->try_access());
    }).join();
    EXPECT_TRUE(r.revoke());
}

TEST_F(GuardsTest, RecordsOfEndedThreadsAreUsedAgain) // V7
{
    object r(&t);
    std::vector<const void*> seen;
    for (int i = 0; i != 100; ++i) {
        std::thread([&] {
            auto guard = r.try_access();
            seen.push_back(detail::my_record);
        }).join();
    }
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    EXPECT_LE(seen.size(), 3u);
}

TEST_F(GuardsTest, ThreadsThatReadAtTheSameTimeHaveARecordEach) // V7
{
    constexpr std::size_t count = 4;
    object r(&t);
    for (int round = 0; round != 2; ++round) { // what the first round leaves is spare in the second
        std::latch all_inside(count);
        const void* records[count] = {};
        std::vector<std::thread> readers;
        for (const void*& record : records) {
            readers.emplace_back([&] {
                auto guard = r.try_access();
                record = detail::my_record;
                all_inside.arrive_and_wait();
            });
        }
        for (std::thread& reader : readers)
            reader.join();
        std::sort(std::begin(records), std::end(records));
        EXPECT_EQ(std::end(records), std::unique(std::begin(records), std::end(records)));
    }
}

// --- Moving, giving up -------------------------------------------------------------------------------------

TEST_F(GuardsTest, MovingAGuardToItselfChangesNothing) // V1
{
    object r(&t, 7);
    auto guard = r.try_access();
    auto& same = guard;
    guard = std::move(same);
    ASSERT_TRUE(guard);
    EXPECT_EQ(7, guard->check());
    EXPECT_EQ(1, slots_in_use());
    guard = {};
    EXPECT_TRUE(r.revoke());
}

// V1: a nowait revoke has claimed the object and found a reader; meanwhile that one leaves and a pass of the
// owner destroys the object.
TEST_F(GuardsTest, GivingUpAClaimDoesNotBringADestroyedObjectBack)
{
    detail::revocable_state state;
    state.close();
    ASSERT_TRUE(state.claim());
    state.gone();
    state.give_up_claim();
    EXPECT_TRUE(state.is_gone());
    EXPECT_FALSE(state.claim());
    EXPECT_EQ(detail::revocable_state::outcome::lost, state.begin_revoke({}));
}

TEST_F(GuardsTest, AClaimThatWasGivenUpCanBeClaimedAgain) // V1
{
    detail::revocable_state state;
    ASSERT_TRUE(state.claim());
    EXPECT_FALSE(state.claim());
    std::thread next([&] { EXPECT_TRUE(state.claim_or_wait()); });
    state.give_up_claim();
    next.join();
    EXPECT_FALSE(state.is_gone());
}

TEST_F(GuardsTest, ASelfRevokeIsReportedInTheNameOfItsCallerAndOfWhatItRevokes) // V5
{
    static constexpr devres_owner_ops ops{"gadget", [](devres_head*) { return "g7"; }};
    devres_head head(&ops);
    detail::revocable_state state;
    detail::reader_slot* slot = detail::try_enter(state.object(), {"here.cpp", 1});
    EXPECT_EQ(detail::revocable_state::outcome::inside,
              state.begin_revoke({"there.cpp", 2}, "gadget_ptr::revoke", &head, "widget"));
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos,
              message.find("gadget_ptr::revoke: gadget \"g7\": \"widget\": called at "
                           "there.cpp:2 from inside a guard that this thread took at here.cpp:1"))
        << message;
    detail::leave(slot);
}

TEST_F(GuardsTest, LeavingANumberThatWasNotEnteredIsReportedInTheNameOfTheCaller)
{
    object r(&t);
    (void)r.try_access();
    detail::leave_index(1000, "gadget_exit");
    EXPECT_NE(std::string::npos, warns.take_one().find("WARN: gadget_exit: index 1000"));
    detail::leave_index(0, "gadget_exit"); // one of the record
    EXPECT_NE(std::string::npos, warns.take_one().find("WARN: gadget_exit: index 0"));
}

// Also beyond the record, where the number is looked up.
TEST_F(GuardsTest, ANumberDoesNotEndAGuardOfAnObjectOfADomain) // V1, M6
{
    const detail::domain_gate domain;
    const detail::gate part;
    std::vector<detail::reader_slot*> slots;
    for (unsigned i = 0; i != detail::reader_record::capacity + 1; ++i) {
        slots.push_back(detail::try_enter(domain, part, {"here.cpp", 1}));
        detail::leave_index(detail::slot_index(slots.back()), "gadget_exit");
        EXPECT_NE(std::string::npos, warns.take_one().find("WARN: gadget_exit: index"));
        EXPECT_NE(0u, slots.back()->domain);
    }
    for (detail::reader_slot* slot : slots)
        detail::leave(slot);
}

TEST_F(GuardsTest, NumbersOfDeeplyNestedSlotsLeadBackToThem) // V2
{
    detail::gate gate;
    std::vector<int> numbers;
    for (int i = 0; i != 500; ++i)
        numbers.push_back(detail::slot_index(detail::try_enter(gate, {"here.cpp", i})));
    std::sort(numbers.begin(), numbers.end());
    EXPECT_EQ(numbers.end(), std::unique(numbers.begin(), numbers.end()));
    std::thread([&] {
        detail::leave_index(numbers.back(), "elsewhere"); // another thread's
    }).join();
    EXPECT_EQ(1u, warns.take().size());
    std::shuffle(numbers.begin(), numbers.end(), std::minstd_rand(4));
    for (const int number : numbers)
        detail::leave_index(number);
    EXPECT_FALSE(detail::has_readers(detail::reader_set(gate)));
}

// Slots that one thread takes and another gives back must not pile up there.
TEST_F(GuardsTest, DetachedGuardsThatEndOnAnotherThreadUseTheSameSlotsAgain) // V5
{
    detail::gate gate;
    int highest = 0; // the number of a loose slot says how many there are
    for (int round = 0; round != 100; ++round) {
        std::vector<detail::reader_slot*> slots;
        int here = 0;
        for (int i = 0; i != 100; ++i) {
            slots.push_back(detail::detach(detail::try_enter(gate, {"here.cpp", i})));
            here = std::max(here, detail::slot_index_slow(slots.back()));
        }
        std::thread([&] {
            detail::leave(detail::try_enter(gate, {"there.cpp", 1})); // it has a list of its own
            for (detail::reader_slot* slot : slots)
                detail::leave(slot);
        }).join();
        if (round < 50) // until all lists have what they keep
            highest = std::max(highest, here);
        else
            ASSERT_LE(here, highest);
    }
    EXPECT_FALSE(detail::has_readers(detail::reader_set(gate)));
}

// M5: a registration that is taken back shuts its gate for a while; whoever closes it meanwhile has closed
// it.
TEST_F(GuardsTest, OpeningAgainDoesNotUndoAClose)
{
    detail::gate gate;
    gate.shut();
    EXPECT_FALSE(gate.is_open());
    EXPECT_FALSE(gate.admits());
    gate.open_again();
    EXPECT_TRUE(gate.is_open());
    EXPECT_TRUE(gate.admits());

    gate.shut();
    EXPECT_TRUE(gate.close());
    gate.open_again();
    EXPECT_FALSE(gate.is_open());
    EXPECT_FALSE(gate.admits());
}

} // namespace
} // namespace devres::test
