// SPDX-License-Identifier: MIT
//
// V1, V2, V3, V5 on a revocable<T> of one's own.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <devres/managed.h>
#include <devres/revocable.h>

#include "revocation/revoke_under_way.h"
#include "revocation/tracked.h"
#include "support/session.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class RevocableTest : public testing::Test {
protected:
    warn_capture warns;
    tracking t;
};

TEST_F(RevocableTest, GuardReachesTheObject) // V1
{
    revocable<tracked> r(&t, 7);
    EXPECT_FALSE(r.is_revoked());
    auto guard = r.try_access();
    ASSERT_TRUE(guard);
    EXPECT_EQ(7, guard->check());
    EXPECT_EQ(7, (*guard).value);
    EXPECT_EQ(guard.get(), &*guard);
}

TEST_F(RevocableTest, AfterRevokeNobodyGetsInAndTheObjectIsGone) // V1
{
    revocable<tracked> r(&t);
    EXPECT_TRUE(r.try_access()); // a thread's first time is another way in
    EXPECT_TRUE(r.revoke());
    EXPECT_EQ(1, t.destroyed);
    EXPECT_TRUE(r.is_revoked());
    auto guard = r.try_access();
    EXPECT_FALSE(guard);
    EXPECT_EQ(nullptr, guard.get());
    EXPECT_FALSE(r.revoke());
    EXPECT_FALSE(r.revoke(nowait));
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(RevocableTest, DestructorDestroysTheObjectOnce) // V1
{
    {
        revocable<tracked> r(&t);
    }
    EXPECT_EQ(1, t.destroyed);
    {
        revocable<tracked> r(&t);
        r.revoke();
    }
    EXPECT_EQ(2, t.destroyed);
}

TEST_F(RevocableTest, TryAccessWithGivesWhatTheFunctionReturned) // V1
{
    revocable<tracked> r(&t, 7);
    EXPECT_EQ(std::optional<int>(8), r.try_access_with([](tracked& inside) { return inside.value + 1; }));
    int seen = 0;
    const bool done = r.try_access_with([&](tracked& inside) { seen = inside.value; });
    EXPECT_TRUE(done);
    EXPECT_EQ(7, seen);
    r.revoke();
    EXPECT_EQ(std::nullopt, r.try_access_with([](tracked& inside) { return inside.value; }));
    EXPECT_FALSE(r.try_access_with([&](tracked&) { FAIL(); }));
}

TEST_F(RevocableTest, GuardMovesAndEndsOnce) // V1
{
    revocable<tracked> r(&t, 7);
    revocable<tracked> other(&t, 8);
    auto a = r.try_access();
    auto b = std::move(a);
    EXPECT_FALSE(a);
    EXPECT_EQ(7, b->check());
    b = other.try_access(); // leaves the first
    EXPECT_TRUE(r.revoke());
    EXPECT_EQ(8, b->check());
    b = {};
    EXPECT_TRUE(other.revoke());
}

TEST_F(RevocableTest, RevokeWaitsForTheReaderInside) // V1, V2
{
    revocable<tracked> r(&t);
    doorway inside;
    std::atomic<bool> left{false};
    std::thread reader([&] {
        auto guard = r.try_access();
        inside.open();
        while (!r.is_revoked()) // asleep inside, as far as the revoker can tell
            std::this_thread::yield();
        linger();
        guard->check();
        left = true;
    });
    inside.pass();
    EXPECT_TRUE(r.revoke());
    EXPECT_TRUE(left);
    EXPECT_EQ(1, t.destroyed);
    reader.join();
}

TEST_F(RevocableTest, DestructorWaitsForTheReaderInside) // V1
{
    auto r = std::make_unique<revocable<tracked>>(&t);
    doorway inside;
    doorway closing;
    std::atomic<bool> left{false};
    std::thread reader([&, raw = r.get()] {
        auto guard = raw->try_access();
        inside.open();
        closing.pass();
        linger();
        guard->check();
        left = true;
    });
    inside.pass();
    closing.open();
    r.reset();
    EXPECT_TRUE(left);
    reader.join();
}

TEST_F(RevocableTest, ReaderSeesEverythingTheConstructorWrote) // V1
{
    revocable<std::string> r(100, 'x');
    std::thread reader([&] { EXPECT_EQ(100u, r.try_access()->size()); });
    reader.join();
}

// --- Two revokers (V1) -------------------------------------------------------------------------------------

TEST_F(RevocableTest, LoserReturnsOnlyWhenTheObjectIsGone) // V1; Linux's returns at once
{
    for (int round = 0; round != 50; ++round) {
        tracking here;
        std::atomic<bool> destructor_done{false};
        here.in_destructor = [&] {
            linger();
            destructor_done = true;
        };
        revocable<tracked> r(&here);
        doorway inside;
        std::atomic<int> winners{0};
        std::thread reader([&] {
            auto guard = r.try_access();
            inside.open();
            while (!r.is_revoked())
                std::this_thread::yield();
            guard->check();
        });
        inside.pass();
        std::vector<std::thread> revokers;
        for (int i = 0; i != 3; ++i) {
            revokers.emplace_back([&] {
                const bool mine = r.revoke();
                EXPECT_TRUE(destructor_done) << "returned while the object still lived";
                winners += mine ? 1 : 0;
            });
        }
        for (std::thread& revoker : revokers)
            revoker.join();
        reader.join();
        EXPECT_EQ(1, winners);
        EXPECT_EQ(1, here.destroyed);
    }
}

TEST_F(RevocableTest, LoserInsideAReleaseCallbackReturnsAtOnce) // V1, V6
{
    revoke_under_way slow;
    session owner;
    bool called = false;
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  called = true;
                  EXPECT_FALSE(slow.object.revoke()); // would wait for the reader for ever
              }));
    devres_release_all(&owner.devres);
    EXPECT_TRUE(called);
    EXPECT_EQ(0, slow.tracked_objects.destroyed);
}

TEST_F(RevocableTest, LoserInsideADestructorThatTheLibraryRunsReturnsAtOnce) // V1, V6
{
    revoke_under_way slow;
    tracking other;
    other.in_destructor = [&] { EXPECT_FALSE(slow.object.revoke()); };
    revocable<tracked> r(&other);
    EXPECT_TRUE(r.revoke());
    EXPECT_EQ(1, other.destroyed);
}

// A callable whose destructor loses such a revoke.
struct losing_callable {
    explicit losing_callable(revoke_under_way* r) : slow(r) {}
    losing_callable(losing_callable&& other) noexcept : slow(std::exchange(other.slow, nullptr)) {}
    losing_callable& operator=(losing_callable&&) = delete;
    ~losing_callable()
    {
        if (slow) {
            EXPECT_FALSE(slow->object.revoke()); // or never
        }
    }
    void operator()() const {}
    revoke_under_way* slow;
};

TEST_F(RevocableTest, LoserReturnsAtOnceWhereverTheLibraryReleasesOneThing) // V1, V6
{
    revoke_under_way slow;
    session owner;
    constexpr auto lose = +[](revoke_under_way* r) { EXPECT_FALSE(r->object.revoke()); };
    ASSERT_EQ(0, managed::add_action(&owner, lose, &slow));
    EXPECT_EQ(0, managed::release_action(&owner, lose, &slow));
    auto* made = managed::create<losing_callable>(&owner, &slow);
    EXPECT_EQ(0, managed::destroy(&owner, made));
    devres_action later;
    ASSERT_EQ(0, managed::add_action(&owner, losing_callable(&slow), &later));
    EXPECT_EQ(0, later.cancel());
}

TEST_F(RevocableTest, LoserInsideTheDestructorOfAnAbandonedObjectReturnsAtOnce) // V1, V6, A8
{
    struct abandoned {
        abandoned(devres_head* head, revoke_under_way* r) : slow(r)
        {
            std::thread([head] { devres_release_all(head); }).join(); // comes past its place
        }
        ~abandoned() { EXPECT_FALSE(slow->object.revoke()); }
        revoke_under_way* slow;
    };
    revoke_under_way slow;
    session owner;
    EXPECT_EQ(nullptr, managed::create<abandoned>(&owner, &owner.devres, &slow));
    EXPECT_EQ(1u, warns.take().size());
}

TEST_F(RevocableTest, DestructorOfTheObjectMayRevokeItsOwnContainer) // V1, V6: nested drop inside a release
{
    std::unique_ptr<revocable<tracked>> r;
    t.in_destructor = [&] {
        EXPECT_FALSE(r->revoke());
        EXPECT_FALSE(r->revoke(nowait));
        EXPECT_FALSE(r->try_access());
        EXPECT_TRUE(r->is_revoked());
    };
    r = std::make_unique<revocable<tracked>>(&t);
    EXPECT_TRUE(r->revoke());
    EXPECT_EQ(1, t.destroyed);
}

// --- Without waiting ---------------------------------------------------------------------------------------

TEST_F(RevocableTest, NowaitDestroysAtOnceIfNobodyIsInside) // V1
{
    revocable<tracked> r(&t);
    EXPECT_TRUE(r.revoke(nowait));
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(RevocableTest, NowaitLeavesTheObjectToALaterRevokeIfSomebodyIsInside) // V1
{
    revocable<tracked> r(&t, 7);
    doorway inside;
    doorway leave;
    std::thread reader([&] {
        auto guard = r.try_access();
        inside.open();
        leave.pass();
        EXPECT_EQ(7, guard->check());
    });
    inside.pass();
    EXPECT_FALSE(r.revoke(nowait));
    EXPECT_TRUE(r.is_revoked());
    EXPECT_FALSE(r.try_access());
    EXPECT_EQ(0, t.destroyed);
    EXPECT_FALSE(r.revoke(nowait));
    leave.open();
    EXPECT_TRUE(r.revoke()); // waits
    EXPECT_EQ(1, t.destroyed);
    reader.join();
}

TEST_F(RevocableTest, NowaitFromInsideItsOwnGuardIsLegalAndDefers) // V1, V5
{
    {
        revocable<tracked> r(&t, 7);
        auto guard = r.try_access();
        EXPECT_FALSE(r.revoke(nowait));
        EXPECT_EQ(7, guard->check());
        guard = {};
        EXPECT_EQ(0, t.destroyed);
    }
    EXPECT_EQ(1, t.destroyed); // by the destructor
}

TEST_F(RevocableTest, NowaitBesideARevokeLosesNobody) // V1: one of them destroys, and all return
{
    for (int round = 0; round != 300; ++round) {
        tracking here;
        revocable<tracked> r(&here);
        doorway inside;
        std::atomic<int> tries{0};
        std::thread reader([&] {
            auto guard = r.try_access();
            inside.open();
            while (tries < 20)
                std::this_thread::yield();
            guard->check();
        });
        std::thread hasty([&] {
            inside.pass();
            for (; tries < 20; ++tries)
                r.revoke(nowait);
        });
        inside.pass();
        while (tries < 1 + round % 5)
            ;
        r.revoke();
        EXPECT_EQ(1, here.destroyed) << "returned while the object still lived";
        hasty.join();
        reader.join();
    }
}

// --- Self-revoke (V5) --------------------------------------------------------------------------------------

TEST_F(RevocableTest, RevokeFromInsideItsOwnGuardWarnsWithBothPlacesAndChangesNothing) // V5
{
    revocable<tracked> r(&t, 7);
    const int inside = __LINE__ + 1;
    auto guard = r.try_access();
    const int revoke = __LINE__ + 1;
    EXPECT_FALSE(r.revoke());
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("revocable_test.cpp:" + std::to_string(inside))) << message;
    EXPECT_NE(std::string::npos, message.find("revocable_test.cpp:" + std::to_string(revoke))) << message;
    EXPECT_FALSE(r.is_revoked());
    EXPECT_TRUE(r.try_access());
    EXPECT_EQ(7, guard->check());
    guard = {};
    EXPECT_TRUE(r.revoke());
}

TEST_F(RevocableTest, SelfRevokeThroughANestedCallIsFoundUnderManyOtherGuards) // V5, V2
{
    revocable<tracked> r(&t);
    const int inside = __LINE__ + 1;
    r.try_access_with([&](tracked&) {
        std::vector<std::unique_ptr<revocable<int>>> others;
        std::vector<revocable<int>::guard> guards;
        for (int i = 0; i != 50; ++i) {
            others.push_back(std::make_unique<revocable<int>>(i));
            guards.push_back(others.back()->try_access());
        }
        EXPECT_FALSE(r.revoke());
        guards.clear();
    });
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("revocable_test.cpp:" + std::to_string(inside))) << message;
    EXPECT_TRUE(r.revoke());
}

TEST_F(RevocableTest, SelfRevokeIsFoundWhenTheGuardIsBeyondTheFixedTable) // V5, V2
{
    revocable<tracked> r(&t);
    revocable<int> other(1);
    std::vector<revocable<int>::guard> guards;
    for (int i = 0; i != 50; ++i)
        guards.push_back(other.try_access());
    auto guard = r.try_access();
    EXPECT_FALSE(r.revoke());
    EXPECT_EQ(1u, warns.take().size());
    guard = {};
    EXPECT_TRUE(r.revoke()) << "and no longer once the guard has ended";
    guards.clear();
    EXPECT_TRUE(other.revoke());
}

TEST_F(RevocableTest, LoserInsideItsOwnGuardIsASelfRevokeToo) // V5: waiting for the winner would be for ever
{
    revocable<tracked> r(&t);
    auto guard = r.try_access();
    std::thread winner([&] { EXPECT_TRUE(r.revoke()); });
    while (!r.is_revoked())
        std::this_thread::yield();
    EXPECT_FALSE(r.revoke());
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(0, t.destroyed);
    guard = {};
    winner.join();
}

TEST_F(RevocableTest, OtherThreadsGuardIsNotASelfRevoke) // V5
{
    revocable<tracked> r(&t);
    doorway inside;
    std::thread reader([&] {
        auto guard = r.try_access();
        inside.open();
        while (!r.is_revoked())
            std::this_thread::yield();
    });
    inside.pass();
    EXPECT_TRUE(r.revoke());
    reader.join();
}

TEST(RevocableDeathTest, DestroyingFromInsideItsOwnGuardAborts) // V5
{
    EXPECT_DEATH(
        {
            auto r = std::make_unique<revocable<int>>(1);
            auto guard = r->try_access();
            r.reset();
        },
        "revocable");
}

} // namespace
} // namespace devres::test
