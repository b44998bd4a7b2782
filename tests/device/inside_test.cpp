// SPDX-License-Identifier: MIT
//
// D3 (0), D5, D6: calls from the wrong place, and calls from several threads.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>

#include "device/scripted_device.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class UnbindFromInsideTest : public testing::Test {
public: // actions without captures reach it through a static pointer
    // WARN naming the device, -EDEADLK, nothing changed.
    void expect_deadlock(int result)
    {
        EXPECT_EQ(-EDEADLK, result);
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("dev0")) << message;
    }

    event_log log;
    warn_capture warns;
    scripted_device dev;
};

TEST_F(UnbindFromInsideTest, ProbeCannotUnbindDeleteOrBindItsOwnDevice) // D3 (0), D5
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) {
        expect_deadlock(device_release_driver(b));
        expect_deadlock(device_del(b));
        expect_deadlock(device_unregister(b));
        expect_deadlock(device_driver_attach(&scripted_device::driver, b));
        return 0;
    }));
    EXPECT_EQ(&scripted_device::driver, dev_driver(&dev));
}

TEST_F(UnbindFromInsideTest, ProbeCannotBindItsOwnDeviceFromInsideAGuardEither) // D6
{
    devres_ptr<int> p;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devres_ptr<int>::create(b, &p));
        const auto guard = p.try_access();
        expect_deadlock(device_driver_attach(&scripted_device::driver, b));
        return 0;
    }));
}

// Section 7: an exception that leaves a hook goes no further.
#if defined(__cpp_exceptions)
TEST(HookDeathTest, AProbeThatThrowsEndsTheProgram)
{
    EXPECT_DEATH(
        {
            scripted_device local("local");
            try {
                (void)local.bind([](const bound_device&) -> int { throw 42; });
            } catch (int) {
            }
        },
        "terminate called");
}
#endif

TEST_F(UnbindFromInsideTest, RemoveCannotUnbindDeleteOrBindItsOwnDevice) // D3 (0), D5
{
    int removed = 0;
    dev.on_remove = [&](const bound_device& b) {
        ++removed;
        expect_deadlock(device_release_driver(b));
        expect_deadlock(device_del(b));
        expect_deadlock(device_driver_attach(&scripted_device::driver, b));
    };
    ASSERT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, removed);
}

TEST_F(UnbindFromInsideTest, ReleaseActionCannotUnbindDeleteOrBindItsOwnDevice) // D3 (0), D5
{
    int released = 0;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        return devm_add_action(static_cast<device*>(b), [&] {
            ++released;
            expect_deadlock(device_release_driver(&dev));
            expect_deadlock(device_del(&dev));
            expect_deadlock(device_driver_attach(&scripted_device::driver, &dev));
        });
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, released);
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

TEST_F(UnbindFromInsideTest, ProbeMayUnbindAnotherDevice) // D6
{
    scripted_device other("other");
    ASSERT_EQ(0, other.bind([](const bound_device&) { return 0; }));
    ASSERT_EQ(0, dev.bind([&](const bound_device&) {
        EXPECT_EQ(0, other.unbind());
        EXPECT_EQ(0, other.bind([](const bound_device&) { return 0; }));
        return 0;
    }));
    EXPECT_EQ(&scripted_device::driver, dev_driver(&dev));
    dev.on_remove = [&](const bound_device&) { EXPECT_EQ(0, other.unbind()); };
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(nullptr, dev_driver(&other));
}

TEST_F(UnbindFromInsideTest, GuardOfAContainerMakesUnbindFailAndNamesBothPlaces) // D3 (0), V5
{
    devres_ptr<int> regs;
    dev.on_remove = [this](const bound_device&) { log.add("remove"); };
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &regs, 1); }));
    const auto ways = {+[](device* d) { return device_release_driver(d, "unbinder.cpp", 11); },
                       +[](device* d) { return device_del(d, "unbinder.cpp", 11); },
                       +[](device* d) { return device_unregister(d, "unbinder.cpp", 11); }};
    for (int (*end)(device*) : ways) {
        const int line = __LINE__ + 1;
        auto guard = regs.try_access();
        ASSERT_TRUE(guard);
        EXPECT_EQ(-EDEADLK, end(&dev));
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("inside_test.cpp:" + std::to_string(line))) << message;
        EXPECT_NE(std::string::npos, message.find("unbinder.cpp:11")) << message;
        EXPECT_NE(std::string::npos, message.find("dev0")) << message;
        EXPECT_EQ(1, *guard) << "nothing changed";
        EXPECT_TRUE(regs.try_access());
    }
    EXPECT_EQ(events{}, log.take()) << "and remove was not called";
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ((events{"remove"}), log.take());
}

TEST_F(UnbindFromInsideTest, UnregisterFromInsideDoesNotPutTheReference) // D5
{
    heap_device* heap = heap_device::make("dev0");
    heap->on_release = [this] { log.add("release"); };
    devres_ptr<int> regs;
    ASSERT_EQ(0, heap->bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &regs, 1); }));
    {
        auto guard = regs.try_access();
        expect_deadlock(device_unregister(heap));
        EXPECT_EQ(1, *guard);
    }
    EXPECT_EQ(0, heap->unbind()); // puts the binding's reference, but the creator's is still there
    EXPECT_EQ(events{}, log.take());
    EXPECT_EQ(0, device_unregister(heap));
    EXPECT_EQ((events{"release"}), log.take());
}

TEST_F(UnbindFromInsideTest, GuardOfAnotherDeviceDoesNotMatter) // D3 (0), V3
{
    scripted_device other("other");
    devres_ptr<int> theirs;
    ASSERT_EQ(0, other.bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &theirs, 1); }));
    ASSERT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
    auto guard = theirs.try_access();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, *guard);
}

// The callback of an action that this thread claimed asks for what would wait for that very callback.
TEST_F(UnbindFromInsideTest, ClaimedReleaseCallbackCannotUnbindBindOrDeleteWhileUnbindWaitsForIt) // C15
{
    static UnbindFromInsideTest* test;
    static doorway* claimed;
    static doorway* unbinding;
    doorway claimed_here;
    doorway unbinding_here;
    test = this;
    claimed = &claimed_here;
    unbinding = &unbinding_here;
    constexpr auto ask = +[](void*) {
        claimed->open();
        unbinding->pass();
        test->expect_deadlock(device_release_driver(&test->dev));
        test->expect_deadlock(device_driver_attach(&scripted_device::driver, &test->dev));
        test->expect_deadlock(device_del(&test->dev));
        test->expect_deadlock(device_unregister(&test->dev));
    };
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [&] { unbinding_here.open(); }));
        return devm_add_action(static_cast<device*>(b), ask, nullptr);
    }));
    std::thread claimer([&] { EXPECT_EQ(0, devm_release_action(&dev, ask, nullptr)); });
    claimed_here.pass();
    EXPECT_EQ(0, dev.unbind());
    claimer.join();
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

// Nobody waits for the constructor: it may end what it is made in, and the call that runs it fails (C14).
TEST_F(UnbindFromInsideTest, ConstructorMayUnbindItsOwnDevice) // A8, C14
{
    struct unbinder {
        explicit unbinder(device* d) { EXPECT_EQ(0, device_release_driver(d)); }
    };
    ASSERT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
    EXPECT_EQ(nullptr, devm_new<unbinder>(&dev, &dev));
    EXPECT_NE(std::string::npos, warns.take_one().find("constructed"));
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

// The same when another thread's unbind waits for the constructor.
TEST_F(UnbindFromInsideTest, ConstructorCannotUnbindOrBindWhileUnbindWaitsForIt) // C15
{
    doorway constructing;
    doorway unbinding;
    struct unbinder {
        unbinder(UnbindFromInsideTest* test, doorway& in, doorway& out)
        {
            in.open();
            out.pass();
            EXPECT_NE(std::string::npos, test->warns.take_one().find("constructed"));
            test->expect_deadlock(device_release_driver(&test->dev));
            test->expect_deadlock(device_driver_attach(&scripted_device::driver, &test->dev));
        }
    };
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        return devm_add_action(static_cast<device*>(b), [&] { unbinding.open(); });
    }));
    std::thread maker([&] { EXPECT_EQ(nullptr, devm_new<unbinder>(&dev, this, constructing, unbinding)); });
    constructing.pass();
    EXPECT_EQ(0, dev.unbind());
    maker.join();
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

TEST_F(UnbindFromInsideTest, ReleaseCallbackOfAnotherDeviceMayUnbind) // C15
{
    scripted_device other("other");
    ASSERT_EQ(0, dev.bind([](const bound_device&) { return 0; }));
    ASSERT_EQ(0, devm_add_action(&other, [this] { EXPECT_EQ(0, dev.unbind()); }));
    EXPECT_EQ(1, devres_release_all(&other.devres));
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

// --- Several threads --------------------------------------------------------------------------------------

class BindThreadsTest : public testing::Test {
protected:
    warn_capture warns;
};

TEST_F(BindThreadsTest, BindAndUnbindExcludeEachOther) // D6, D2
{
    scripted_device dev;
    std::atomic<int> in_driver{0};
    std::atomic<int> bound{0};
    std::atomic<int> probes{0};
    std::atomic<int> removes{0};
    std::atomic<int> releases{0};
    dev.on_probe = [&](const bound_device& b) {
        EXPECT_EQ(0, in_driver.fetch_add(1));
        EXPECT_EQ(0, bound.fetch_add(1));
        ++probes;
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [&releases] { ++releases; }));
        in_driver.fetch_sub(1);
        return 0;
    };
    dev.on_remove = [&](const bound_device&) {
        EXPECT_EQ(0, in_driver.fetch_add(1));
        EXPECT_EQ(1, bound.fetch_sub(1));
        ++removes;
        in_driver.fetch_sub(1);
    };
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed != 4; ++seed) {
        threads.emplace_back([&dev, seed] {
            std::minstd_rand random(seed + 1);
            for (int i = 0; i != 300; ++i) {
                if (random() % 2) {
                    const int err = dev.bind();
                    EXPECT_TRUE(err == 0 || err == -EBUSY) << err;
                } else {
                    EXPECT_EQ(0, dev.unbind());
                }
                if (random() % 4 == 0)
                    std::this_thread::yield();
            }
        });
    }
    for (std::thread& t : threads)
        t.join();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(probes, removes);
    EXPECT_EQ(probes, releases);
}

TEST_F(BindThreadsTest, UnbindFromAnotherThreadWaitsForProbe) // D6
{
    scripted_device dev;
    doorway in_probe;
    std::atomic<bool> probe_done{false};
    dev.on_remove = [&](const bound_device&) { EXPECT_TRUE(probe_done); };
    std::thread unbinder([&] {
        in_probe.pass();
        EXPECT_EQ(0, dev.unbind());
    });
    ASSERT_EQ(0, dev.bind([&](const bound_device&) {
        in_probe.open();
        linger();
        probe_done = true;
        return 0;
    }));
    unbinder.join();
    EXPECT_EQ(nullptr, dev_driver(&dev));
}

TEST_F(BindThreadsTest, LastPutsOnManyThreadsReleaseOnce) // D1, C13
{
    for (int round = 0; round != 100; ++round) {
        heap_device* dev = heap_device::make();
        std::atomic<int> released{0};
        std::atomic<int> actions{0};
        dev->on_release = [&] { ++released; };
        ASSERT_EQ(0, devm_add_action(dev, [&] { ++actions; }));
        std::vector<std::thread> threads;
        for (int i = 0; i != 3; ++i) {
            get_device(dev);
            threads.emplace_back([dev] { put_device(dev); });
        }
        put_device(dev);
        for (std::thread& t : threads)
            t.join();
        EXPECT_EQ(1, released);
        EXPECT_EQ(1, actions);
    }
}

} // namespace
} // namespace devres::test
