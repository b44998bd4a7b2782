// SPDX-License-Identifier: MIT
//
// Fork and signals: what the rest of the process may do to a reader.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/detail/revocation.h>
#include <devres/devres_ptr.h>
#include <devres/env/thread.h>
#include <devres/revocable.h>

#include "device/scripted_device.h"
#include "revocation/reader_elsewhere.h"
#include "revocation/records.h"
#include "revocation/tracked.h"
#include "support/child.h"
#include "support/environment.h"
#include "support/long_wait.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using object = revocable<tracked>;

class ForkTest : public testing::Test {
protected:
    tracking t;
};

TEST_F(ForkTest, ChildDoesNotWaitForReadersThatDidNotComeAlong)
{
    object r(&t, 7);
    const reader_elsewhere reader([&] { return r.try_access(); });
    EXPECT_TRUE(in_child([&] { return r.revoke() && t.destroyed == 1 && !r.try_access(); }));
    EXPECT_EQ(0, t.destroyed);
}

TEST_F(ForkTest, ChildDoesNotWaitForReadersBeyondTheFixedTable)
{
    object r(&t, 7);
    object other(&t, 8);
    const reader_elsewhere reader([&] {
        std::vector<object::guard> guards = take(20, other);
        guards.push_back(r.try_access());
        return guards;
    });
    EXPECT_TRUE(in_child([&] { return r.revoke() && other.revoke(); }));
}

TEST_F(ForkTest, ChildUnbindsWhileTheParentsReadersAreInside)
{
    scripted_device dev;
    devres_ptr<tracked> h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<tracked>::create(b, &h, &t); }));
    const reader_elsewhere reader([&] { return h.try_access(); });
    EXPECT_TRUE(in_child([&] { return dev.unbind() == 0 && t.destroyed == 1; }));
    EXPECT_TRUE(h.try_access());
}

TEST_F(ForkTest, GuardsOfTheForkingThreadAreStillInsideInTheChild)
{
    object r(&t, 7);
    std::vector<object::guard> guards = take(20, r);
    EXPECT_TRUE(in_child([&] {
        warn_capture warns;
        if (r.revoke() || warns.take().size() != 1)
            return false; // a self-revoke, as it would be in the parent
        guards.back()->check();
        guards.clear();
        return r.revoke();
    }));
    EXPECT_EQ(7, guards.back()->check());
}

TEST_F(ForkTest, DetachedGuardsBelongToTheChildAsWell)
{
    object r(&t, 7);
    auto guard = r.try_access().detach();
    EXPECT_TRUE(in_child([&] {
        if (r.revoke(nowait))
            return false; // somebody is inside
        guard->check();
        guard = {};
        return r.revoke();
    }));
}

TEST_F(ForkTest, GuardsBeyondTheRecordAreStillTheForkingThreadsInTheChild) // V2, V5
{
    object r(&t, 7);
    object other(&t, 8);
    std::vector<object::guard> nested;
    while (nested.size() != detail::reader_record::capacity)
        nested.push_back(other.try_access());
    auto guard = r.try_access();
    EXPECT_TRUE(in_child([&] {
        warn_capture warns;
        if (r.revoke() || warns.take().size() != 1)
            return false; // a self-revoke
        guard = {};
        nested.clear();
        return warns.take().empty() && r.revoke() && other.revoke();
    }));
}

TEST_F(ForkTest, GuardsThatHaveOutlivedTheirThreadBelongToTheChildAsWell) // V2
{
    object in_record(&t, 7);
    object beyond(&t, 8);
    object other(&t, 9);
    std::vector<object::guard> orphans;
    std::thread([&] {
        orphans.push_back(in_record.try_access());
        while (orphans.size() != detail::reader_record::capacity)
            orphans.push_back(other.try_access());
        orphans.push_back(beyond.try_access());
    }).join();
    EXPECT_TRUE(in_child([&] {
        if (in_record.revoke(nowait) || beyond.revoke(nowait))
            return false;
        orphans.clear();
        return in_record.revoke() && beyond.revoke();
    }));
}

// A new thread of the child may well get the address of one that did not come along.
TEST_F(ForkTest, NewThreadOfTheChildInheritsNothingFromOneThatIsGone)
{
#if defined(DEVRES_TEST_TSAN)
    GTEST_SKIP() << "ThreadSanitizer lets the child of a process with threads start none";
#endif
    object r(&t, 7);
    object other(&t, 8);
    std::atomic<const void*> address{nullptr};
    const reader_elsewhere reader([&] {
        address = detail::this_thread();
        return take(20, r);
    });
    EXPECT_TRUE(in_child([&] {
        warn_capture warns;
        bool same = false;
        bool right = true;
        std::thread([&] {
            same = detail::this_thread() == address;
            right = detail::my_record == nullptr;
            right = static_cast<bool>(other.try_access()) && right;
            right = slots_in_use() == 0 && right;
            right = r.revoke() && right; // neither waits nor takes it for a self-revoke
        }).join();
        std::printf("[   INFO   ] the child's thread has %s address\n", same ? "the gone one's" : "another");
        std::fflush(stdout);
        return right && warns.take().empty();
    }));
}

TEST_F(ForkTest, LooseSlotsOfTheChildAreUsedAgain)
{
    object r(&t, 7);
    const reader_elsewhere reader([&] { return take(300, r); });
    EXPECT_TRUE(in_child([&] {
        std::vector<object::guard> guards = take(500, r);
        for (const object::guard& guard : guards)
            guard->check();
        if (r.revoke(nowait))
            return false;
        guards.clear();
        return r.revoke();
    }));
}

TEST_F(ForkTest, WhatTheOthersHadIsUsedAgainInTheChild)
{
#if defined(DEVRES_TEST_TSAN)
    GTEST_SKIP() << "ThreadSanitizer lets the child of a process with threads start none";
#endif
    object r(&t, 7);
    (void)r.try_access(); // this thread has a record
    const reader_elsewhere reader([&] { return take(300, r); });
    EXPECT_TRUE(in_child([&] {
        const std::uint32_t records = detail::thread_records.count();
        const std::uint32_t loose = detail::loose_slots.count();
        std::vector<object::guard> guards = take(250, r);
        std::thread([&] { (void)r.try_access(); }).join();
        return detail::thread_records.count() == records && detail::loose_slots.count() == loose;
    }));
}

TEST_F(ForkTest, AHandlerOfALongWaitMayFork) // V11
{
    pid_t child = -1;
    object r(&t, 7);
    reader_elsewhere reader([&] { return r.try_access(); });
    {
        const at_first_long_wait handler([&] {
            child = ::fork();
            if (child != 0)
                reader.leave();
        });
        const bool revoked = r.revoke();
        if (child == 0) // where nobody was inside, and nobody waits now
            ::_exit(revoked && (detail::reader_announcements.revokers & ~detail::revoke::leave_fenced) == 0
                        ? 0
                        : 1);
        EXPECT_TRUE(revoked);
    }
    int status = -1;
    EXPECT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(ForkTest, ForksWhileOtherThreadsEnterLeaveAndRevoke)
{
#if defined(DEVRES_TEST_TSAN)
    GTEST_SKIP() << "ThreadSanitizer's own runtime may be locked by another thread at the fork";
#endif
    object r(&t, 7);
    std::atomic<bool> stop{false};
    std::vector<std::thread> others;
    others.emplace_back([&] {
        while (!stop) {
            std::vector<object::guard> guards = take(20, r);
        }
    });
    others.emplace_back([&] {
        while (!stop) {
            tracking local;
            object mine(&local);
            auto moved = mine.try_access().detach();
            moved = {};
            mine.revoke();
        }
    });
    for (int i = 0; i != 30; ++i) {
        EXPECT_TRUE(in_child([&] {
            tracking local;
            object mine(&local);
            const bool entered = static_cast<bool>(r.try_access());
            return entered && r.revoke() && mine.revoke();
        }));
    }
    stop = true;
    for (std::thread& other : others)
        other.join();
}

// --- Signals -----------------------------------------------------------------------------------------------

class SignalTest : public testing::Test {
protected:
    static inline std::atomic<object*> target{nullptr};
    static inline std::atomic<unsigned> handled{0};
    static inline std::atomic<unsigned> refused{0};

    static void on_signal(int)
    {
        if (object* r = target.load()) {
            auto outer = r->try_access();
            auto inner = r->try_access();
            if (outer)
                outer->check();
            else
                ++refused;
            if (inner)
                inner->check();
        }
        ++handled;
    }

    // Enough for today: so many signals, or two seconds.
    static bool enough(unsigned signals)
    {
        return handled >= signals || std::chrono::steady_clock::now() > end;
    }
    static inline std::chrono::steady_clock::time_point end;

    void SetUp() override
    {
        end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
        struct sigaction action {};
        action.sa_handler = &on_signal;
        action.sa_flags = SA_RESTART;
        ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, &before_));
        handled = 0;
        refused = 0;
    }
    void TearDown() override
    {
        target = nullptr;
        ::sigaction(SIGUSR1, &before_, nullptr);
    }

private:
    struct sigaction before_ {};
};

TEST_F(SignalTest, HandlerEntersAndLeavesWhileItsThreadIsInTheMiddle)
{
    tracking t;
    object r(&t, 7);
    object mine(&t, 8);
    {
        auto first = mine.try_access();
    } // the thread has entered something before
    target = &r;
    std::atomic<bool> stop{false};
    const pthread_t reader = ::pthread_self();
    std::thread interrupter([&] {
        while (!stop) {
            ::pthread_kill(reader, SIGUSR1);
            for (int i = 0; i != 20; ++i)
                std::this_thread::yield();
        }
    });
    while (!enough(2000)) {
        auto a = mine.try_access();
        auto b = r.try_access();
        auto c = mine.try_access();
        a = {};
        b->check();
        c->check();
    }
    stop = true;
    interrupter.join();
    EXPECT_EQ(0, slots_in_use()) << "every slot was given back";
    EXPECT_EQ(0u, refused);
    EXPECT_TRUE(r.revoke());
    EXPECT_TRUE(mine.revoke());
    EXPECT_EQ(2, t.destroyed);
}

// The handler's guards end out of order, at every point of its thread's own enter and leave. None of the
// thread's guards may be lost by that.
TEST_F(SignalTest, HandlerThatLeavesOutOfOrderTakesNoSlotAway)
{
    tracking t;
    object r(&t, 7);
    static object* in_handler;
    in_handler = &r;
    struct sigaction action {};
    action.sa_handler = [](int) {
        auto first = in_handler->try_access();
        auto second = in_handler->try_access();
        auto third = in_handler->try_access();
        second = {};
        third = {};
        first = {};
        ++handled;
    };
    action.sa_flags = SA_RESTART;
    ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, nullptr));
    object mine(&t, 8);
    object other(&t, 9);
    {
        auto first = mine.try_access();
    }
    std::atomic<bool> stop{false};
    const pthread_t reader = ::pthread_self();
    std::thread interrupter([&] {
        while (!stop)
            ::pthread_kill(reader, SIGUSR1);
    });
    const devres_warn_handler before = devres_set_warn_handler([](const char*) {});
    bool lost = false;
    object more[2] = {object(&t, 10), object(&t, 11)};
    while (!enough(100000) && !lost) {
        auto a = mine.try_access();
        auto b = other.try_access();
        auto c = more[0].try_access();
        auto d = more[1].try_access();
        if (slots_in_use() != 4) // or one is in an overflow block: then a revoke is still a self-revoke
            lost = mine.revoke() || other.revoke() || more[0].revoke();
    }
    devres_set_warn_handler(before);
    stop = true;
    interrupter.join();
    EXPECT_FALSE(lost) << "a guard that nobody sees";
}

TEST_F(SignalTest, RevokeWaitsForHandlersInside)
{
    std::atomic<bool> stop{false};
    std::atomic<bool> ready{false};
    std::atomic<pthread_t> reader_id{};
    tracking t;
    object warm(&t);
    std::thread reader([&] {
        (void)warm.try_access();
        reader_id = ::pthread_self();
        ready = true;
        while (!stop)
            (void)warm.try_access();
    });
    while (!ready)
        std::this_thread::yield();
    std::vector<std::unique_ptr<object>> objects;
    for (int round = 0; round != 300; ++round) {
        objects.push_back(std::make_unique<object>(&t)); // they stay; what is in them goes
        target = objects.back().get();
        ::pthread_kill(reader_id, SIGUSR1);
        std::this_thread::yield();
        EXPECT_TRUE(objects.back()->revoke());
    }
    target = nullptr;
    const unsigned so_far = handled;
    ::pthread_kill(reader_id, SIGUSR1);
    while (handled == so_far)
        std::this_thread::yield();
    stop = true;
    reader.join();
    EXPECT_EQ(300, t.destroyed);
}

} // namespace
} // namespace devres::test
