// SPDX-License-Identifier: MIT
//
// The biased lock in schedules that a model checker's dice do not find: C13.
#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include <devres/env/lock.h>

namespace devres::test {
namespace {

using detail::lock_mode;

// Runs once, on the thread that set it, before that thread's next store of 1 to a word.
thread_local std::function<void()> before_going_in;

struct held_up_sync : detail::real_lock_sync {
    template <class T>
    struct atomic : std::atomic<T> {
        using std::atomic<T>::atomic;
        void store(T value, std::memory_order order) noexcept
        {
            if constexpr (std::is_same_v<T, std::uint32_t>)
                if (value == 1 && before_going_in)
                    std::exchange(before_going_in, nullptr)();
            std::atomic<T>::store(value, order);
        }
    };
    using word = atomic<std::uint32_t>;
    using parking = detail::parking<held_up_sync>;

    static std::size_t lane_of(const word&) noexcept { return 0; }
    static decltype(auto) lot() noexcept
    {
        static typename detail::parking<held_up_sync>::lot all{};
        return (all);
    }
    static std::uint32_t streak(unsigned) noexcept { return 8; }
    static inline std::atomic<int> sleeps{0};
    static void sleep(word& on, std::uint32_t value) noexcept
    {
        ++sleeps;
        real_lock_sync::sleep(on, value);
    }
    static void wake(word& changed, int how_many) noexcept { real_lock_sync::wake(changed, how_many); }
};

// An owner of the bias is held up between its look and its store. Meanwhile another thread ends the bias and
// works on for long. Had that one become owner itself, the first would wipe out its store and come in beside
// it.
TEST(DevresLockTest, AFormerOwnerComesTooLate)
{
    if (!detail::have_membarrier())
        GTEST_SKIP() << "locks are not biased without membarrier";
    detail::basic_biased_lock<held_up_sync> lock;
    std::atomic<int> inside{0};
    std::atomic<bool> collided{false};
    std::atomic<bool> held_up{false};
    std::atomic<bool> go_on{false};
    std::atomic<bool> came_in{false};
    const auto section = [&](auto work) {
        lock_mode mode{};
        if (!lock.try_acquire(&mode))
            mode = lock.acquire();
        if (inside.fetch_add(1) != 0)
            collided = true;
        work();
        inside.fetch_sub(1);
        lock.release(mode);
        return mode;
    };
    const auto nothing = [] {};

    std::thread former([&] {
        for (int i = 0; i < 20; ++i)
            section(nothing);
        EXPECT_EQ(lock_mode::biased, section(nothing));
        before_going_in = [&] {
            held_up = true;
            while (!go_on)
                std::this_thread::yield();
        };
        section([&] { came_in = true; });
    });
    while (!held_up)
        std::this_thread::yield();
    for (int i = 0; i < 100; ++i)
        section(nothing);
    section([&] {
        go_on = true;
        // It either sleeps until this section ends, or it is in.
        while (!came_in && held_up_sync::sleeps == 0)
            std::this_thread::yield();
    });
    former.join();
    EXPECT_TRUE(came_in);
    EXPECT_FALSE(collided);
}

// --- A bias from the beginning -----------------------------------------------------------------------------

template <class Lock>
lock_mode section(Lock& lock)
{
    lock_mode mode{};
    if (!lock.try_acquire(&mode))
        mode = lock.acquire();
    lock.release(mode);
    return mode;
}

// On this thread, one after the other; true if none was biased to it.
bool end_lone_locks(int how_many)
{
    bool all_basic = true;
    for (int i = 0; i < how_many; ++i) {
        detail::biased_lock alone;
        all_basic = section(alone) == lock_mode::basic && all_basic;
    }
    return all_basic;
}

template <class Work>
void elsewhere(Work work)
{
    std::thread(work).join();
}

class DevresEarlyBiasTest : public ::testing::Test {
protected:
    void SetUp() override
    {
        if (!detail::have_membarrier())
            GTEST_SKIP() << "locks are not biased without membarrier";
    }
};

TEST_F(DevresEarlyBiasTest, WhoHasMetNobodyAtItsLast64LocksOwnsTheNextFromTheBeginning)
{
    elsewhere([] {
        EXPECT_TRUE(end_lone_locks(64));
        detail::biased_lock next;
        EXPECT_EQ(lock_mode::biased, section(next));
    });
}

TEST_F(DevresEarlyBiasTest, ALockThatAnotherThreadHasTakenBeginsTheCountAnew)
{
    elsewhere([] {
        EXPECT_TRUE(end_lone_locks(63));
        {
            detail::biased_lock met;
            section(met);
            elsewhere([&] { section(met); });
        }
        EXPECT_TRUE(end_lone_locks(64));
        detail::biased_lock next;
        EXPECT_EQ(lock_mode::biased, section(next));
    });
}

TEST_F(DevresEarlyBiasTest, AWrongGuessIsMadeSixteenTimesByAProcess)
{
    EXPECT_EXIT(
        {
            int guesses = 0;
            elsewhere([&] {
                for (int guess = 0; guess <= 16; ++guess) {
                    end_lone_locks(64);
                    {
                        detail::biased_lock met;
                        guesses += section(met) == lock_mode::biased ? 1 : 0;
                        elsewhere([&] { section(met); });
                    }
                    detail::biased_lock next;
                    guesses += section(next) == lock_mode::biased ? 100 : 0;
                }
            });
            std::_Exit(guesses);
        },
        ::testing::ExitedWithCode(16), "");
}

} // namespace
} // namespace devres::test
