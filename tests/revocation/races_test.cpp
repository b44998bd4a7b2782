// SPDX-License-Identifier: MIT
//
// The races that Linux fixed, or should have, between the end of a binding and everybody else (V1, V4, V8).
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>

#include "device/scripted_device.h"
#include "revocation/tracked.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using handle = devres_ptr<tracked>;

class RacesTest : public testing::Test {
protected:
    // Runs all of them at once, `rounds` times; `prepare` before and `check` after each round.
    template <class Prepare, class Check, class... Threads>
    void race(int rounds, Prepare prepare, Check check, Threads... bodies)
    {
        for (int round = 0; round != rounds; ++round) {
            prepare();
            std::latch start(sizeof...(bodies));
            std::vector<std::thread> threads;
            (threads.emplace_back([&start, &bodies, round, index = threads.size()] {
                start.arrive_and_wait();
                for (std::size_t i = 0; i != (static_cast<std::size_t>(round) >> (index * 2)) % 4; ++i)
                    std::this_thread::yield(); // another schedule each round
                bodies();
            }),
             ...);
            for (std::thread& thread : threads)
                thread.join();
            check();
        }
    }

    void expect_all_destroyed()
    {
        EXPECT_EQ(t.made, t.destroyed);
        t.made = t.destroyed = 0;
    }

    warn_capture warns;
    tracking t;
    scripted_device dev;
    handle h;
};

TEST_F(RacesTest, DropOfTheLastHandleAgainstUnbind) // V8: exactly one side destroys T
{
    race(
        600,
        [&] { ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); })); },
        [&] { expect_all_destroyed(); }, [&] { h.reset(); }, [&] { EXPECT_EQ(0, dev.unbind()); });
}

TEST_F(RacesTest, DropOfTheLastHandleWithAReaderInsideAgainstUnbind) // V1, V8
{
    handle::guard guard;
    race(
        600,
        [&] {
            ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
            guard = h.try_access().detach();
        },
        [&] { expect_all_destroyed(); }, [&] { h.reset(); },
        [&] {
            guard->check();
            guard = {};
        },
        [&] { EXPECT_EQ(0, dev.unbind()); });
}

TEST_F(RacesTest, EarlyRevokeAgainstUnbindAgainstReaders) // V1, V8
{
    std::atomic<int> winners{0};
    race(
        600,
        [&] { ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); })); },
        [&] {
            expect_all_destroyed();
            h.reset();
        },
        [&] {
            handle mine = h;
            const bool won = mine.revoke();
            winners += won ? 1 : 0;
            EXPECT_FALSE(mine.try_access());
        },
        [&] { EXPECT_EQ(0, dev.unbind()); },
        [&] {
            handle mine = h;
            while (auto guard = mine.try_access())
                guard->check();
        });
    EXPECT_LE(winners, 600);
}

TEST_F(RacesTest, LoserAgainstUnbindReturnsOnlyWhenTheObjectIsGone) // V1
{
    std::atomic<bool> gone{false};
    t.in_destructor = [&] {
        std::this_thread::yield();
        gone = true;
    };
    race(
        600,
        [&] {
            gone = false;
            ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
        },
        [&] {
            expect_all_destroyed();
            h.reset();
        },
        [&] {
            handle mine = h;
            mine.revoke();
            EXPECT_TRUE(gone) << "returned while the object still lived";
        },
        [&] { EXPECT_EQ(0, dev.unbind()); });
}

TEST_F(RacesTest, NowaitRevokeAgainstUnbind) // V1, V8
{
    race(
        600,
        [&] { ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); })); },
        [&] {
            expect_all_destroyed();
            h.reset();
        },
        [&] {
            handle mine = h;
            mine.revoke(nowait);
        },
        [&] { EXPECT_EQ(0, dev.unbind()); },
        [&] {
            handle mine = h;
            if (auto guard = mine.try_access())
                guard->check();
        });
}

TEST_F(RacesTest, CopiesDroppedByManyThreadsAgainstUnbind) // V8
{
    std::vector<handle> copies(4);
    auto drop = [&](std::size_t i) {
        return [&, i] {
            if (auto guard = copies[i].try_access())
                guard->check();
            copies[i].reset();
        };
    };
    race(
        400,
        [&] {
            ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
            for (handle& copy : copies)
                copy = h;
            h.reset();
        },
        [&] { expect_all_destroyed(); }, drop(0), drop(1), drop(2), drop(3),
        [&] { EXPECT_EQ(0, dev.unbind()); });
}

TEST_F(RacesTest, CreateAgainstUnbind) // V4: either it is there in time and goes with the binding, or -ENODEV
{
    // The proof lives as long as the call that hands it out, so the creating thread is inside of remove.
    std::atomic<int> refused{0};
    dev.on_remove = [&](const bound_device& b) {
        std::thread creator([&] {
            for (int i = 0; i != 10; ++i) {
                handle made;
                const int err = handle::create(b, &made, &t);
                EXPECT_TRUE(err == 0 || err == -ENODEV);
                refused += err ? 1 : 0;
            }
        });
        creator.join();
    };
    for (int round = 0; round != 50; ++round) {
        ASSERT_EQ(0, dev.bind([&](const bound_device&) { return 0; }));
        EXPECT_EQ(0, dev.unbind());
        expect_all_destroyed();
    }
    EXPECT_EQ(0, refused) << "remove runs before the close";
}

TEST_F(RacesTest, LastPutOfTheDeviceAgainstReadersOfItsContainers) // D1, V8
{
    heap_device* heap = nullptr;
    race(
        300,
        [&] {
            heap = heap_device::make();
            ASSERT_EQ(0, heap->bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
        },
        [&] {
            expect_all_destroyed();
            h.reset();
        },
        [&] { EXPECT_EQ(0, device_unregister(heap)); },
        [&] {
            handle mine = h;
            while (auto guard = mine.try_access())
                guard->check();
            mine.device(); // null or not, never a crash
        });
}

TEST_F(RacesTest, RebindAgainstOldHandles) // D2, V9: the new binding does not revive old containers
{
    std::vector<handle> old(3);
    std::atomic<bool> stop{false};
    std::vector<std::thread> readers;
    for (handle& o : old)
        ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &o, &t, 1); }) ||
                         dev.unbind());
    for (int i = 0; i != 2; ++i) {
        readers.emplace_back([&] {
            while (!stop)
                for (const handle& o : old)
                    EXPECT_FALSE(o.try_access());
        });
    }
    for (int round = 0; round != 200; ++round) {
        ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return handle::create(b, &h, &t, 2); }));
        EXPECT_EQ(2, h.try_access()->check());
        EXPECT_EQ(0, dev.unbind());
    }
    stop = true;
    for (std::thread& reader : readers)
        reader.join();
}

} // namespace
} // namespace devres::test
