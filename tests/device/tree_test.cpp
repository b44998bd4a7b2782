// SPDX-License-Identifier: MIT
//
// D7: a device goes with all its descendants, and with one wait.
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/revocation_stats.h>
#include <devres/devres_ptr.h>

#include "device/scripted_device.h"
#include "support/effort.h"
#include "support/event_log.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class DeviceTreeTest : public testing::Test {
protected:
    static std::size_t waits() { return detail::revocation_stats().waits; }

    // On the heap, registered and bound; says when it is removed, released and freed.
    heap_device* make(const char* name, device* parent)
    {
        heap_device* dev = heap_device::make(name, parent);
        const std::string as = name;
        dev->on_remove = [this, as](const bound_device&) { log.add("remove " + as); };
        dev->on_release = [this, as] { log.add("free " + as); };
        EXPECT_EQ(0, dev->bind([this, as](const bound_device& b) {
            return devm_add_action(b, [this, as] { log.add("release " + as); });
        }));
        return dev;
    }

    event_log log;
    warn_capture warns;
};

TEST_F(DeviceTreeTest, ChildrenGoBeforeParentsAndAllAreRemovedBeforeAnyIsReleased) // D7
{
    heap_device* hub = make("hub", nullptr);
    make("leaf", make("middle", hub));
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ((events{"remove leaf", "remove middle", "remove hub", "release leaf", "free leaf",
                      "release middle", "free middle", "release hub", "free hub"}),
              log.take());
}

TEST_F(DeviceTreeTest, AChildOnTheStackMayEndWhileItsHubGoes) // D1, D7
{
    heap_device* hub = heap_device::make("hub");
    get_device(hub);
    std::thread tree;
    {
        scripted_device child("child", hub);
        child.on_remove = [&](const bound_device&) {
            tree = std::thread([&] { EXPECT_EQ(0, device_unregister_tree(hub)); });
            await_sleepers(1); // for this section
        };
        ASSERT_EQ(0, child.bind());
    }
    tree.join();
    put_device(hub);
}

TEST_F(DeviceTreeTest, OneThatNoDriverIsBoundToReleasesToo) // D7, D4
{
    heap_device* hub = heap_device::make("hub");
    heap_device* leaf = heap_device::make("leaf", hub);
    ASSERT_EQ(0, devm_add_action(hub, [this] { log.add("hub"); }));
    ASSERT_EQ(0, devm_add_action(leaf, [this] { log.add("leaf"); }));
    get_device(leaf);
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ((events{"leaf", "hub"}), log.take());
    EXPECT_EQ(-ENODEV, leaf->bind());
    put_device(leaf);
}

TEST_F(DeviceTreeTest, WhatWasBoundBeforeHasNoBindingToClose) // D3 (4), D7
{
    heap_device* hub = heap_device::make("hub");
    heap_device* leaf = heap_device::make("leaf", hub);
    ASSERT_EQ(0, leaf->bind([](const bound_device&) { return 0; }));
    EXPECT_EQ(0, leaf->unbind());
    EXPECT_EQ(0, device_unregister_tree(hub));
}

TEST_F(DeviceTreeTest, AThousandDevicesWithReadersWaitOnce) // D7
{
    constexpr int count = 1000;
    heap_device* hub = heap_device::make("hub");
    std::vector<devres_ptr<int>> handles(count);
    for (devres_ptr<int>& h : handles)
        ASSERT_EQ(0, heap_device::make("leaf", hub)->bind([&](const bound_device& b) {
            return devres_ptr<int>::create(b, &h, 1);
        }));
    const std::size_t before = waits();
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ(before + 1, waits());
    for (devres_ptr<int>& h : handles)
        EXPECT_FALSE(h.try_access());
}

TEST_F(DeviceTreeTest, NothingIsReleasedBeforeTheReadersOfAllHaveLeft) // D7, D3 (2)
{
    constexpr int count = 3;
    heap_device* hub = heap_device::make("hub");
    devres_ptr<int> handles[count];
    std::atomic<int> left{0};
    for (devres_ptr<int>& h : handles)
        ASSERT_EQ(0, heap_device::make("leaf", hub)->bind([&](const bound_device& b) {
            EXPECT_EQ(0, devres_ptr<int>::create(b, &h, 1));
            return devm_add_action(b, [&left] { EXPECT_EQ(3, left); });
        }));
    std::vector<std::thread> readers;
    doorway inside[count];
    for (int i = 0; i < count; ++i)
        readers.emplace_back([&, i] {
            auto guard = handles[i].try_access();
            ASSERT_TRUE(guard);
            inside[i].open();
            for (const devres_ptr<int>& h : handles) // the wait begins when all are closed
                while (!h.is_revoked())
                    std::this_thread::yield();
            ++left;
        });
    for (doorway& d : inside)
        d.pass();
    EXPECT_EQ(0, device_unregister_tree(hub));
    for (std::thread& t : readers)
        t.join();
}

TEST_F(DeviceTreeTest, FromInsideOneOfThemNothingChanges) // D7, D3 (0)
{
    heap_device* hub = make("hub", nullptr);
    devres_ptr<int> handle;
    heap_device* leaf = heap_device::make("leaf", hub);
    ASSERT_EQ(0, leaf->bind([&](const bound_device& b) { return devres_ptr<int>::create(b, &handle, 1); }));
    make("other", hub);
    {
        auto guard = handle.try_access();
        EXPECT_EQ(-EDEADLK, device_unregister_tree(hub));
        EXPECT_TRUE(handle.try_access());
    }
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(events{}, log.take());
    EXPECT_EQ(-EINVAL, device_unregister_tree(nullptr));
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ(
        (events{"remove other", "remove hub", "release other", "free other", "release hub", "free hub"}),
        log.take());
}

TEST_F(DeviceTreeTest, FromAProbeOfOneOfThemNothingChanges) // D7, D6
{
    heap_device* hub = make("hub", nullptr);
    heap_device* children[] = {heap_device::make("older", hub), heap_device::make("younger", hub)};
    for (heap_device* child : {children[1], children[0]}) { // first the older one is entered and left
        int result = 0;
        ASSERT_EQ(0, child->bind([&](const bound_device&) {
            result = device_unregister_tree(hub);
            return 0;
        }));
        EXPECT_EQ(-EDEADLK, result);
        EXPECT_EQ(1u, warns.take().size());
    }
    EXPECT_EQ(0, device_unregister_tree(hub));
}

TEST_F(DeviceTreeTest, ARemoveThatUnregistersALargerTreeIsRefused) // D7, D6
{
    heap_device* top = make("top", nullptr);
    heap_device* hub = make("hub", top);
    make("other", top);
    int result = 0;
    hub->on_remove = [&](const bound_device&) { result = device_unregister_tree(top); };
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ(-EDEADLK, result);
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ((events{"release hub", "free hub"}), log.take()) << "and the other one is still there";
    EXPECT_EQ(0, device_unregister_tree(top));
}

TEST_F(DeviceTreeTest, ARemoveThatUnregistersAnotherOfTheTreeIsRefused) // D7
{
    heap_device* hub = make("hub", nullptr);
    heap_device* leaf = make("leaf", hub);
    hub->on_remove = [&](const bound_device&) { EXPECT_EQ(-EDEADLK, device_unregister(leaf)); };
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ((events{"remove leaf", "release leaf", "free leaf", "release hub", "free hub"}), log.take());
}

TEST_F(DeviceTreeTest, APartThatHasGoneAndOneThatIsNotRegisteredAreNotPartOfIt) // D7
{
    heap_device* hub = make("hub", nullptr);
    EXPECT_EQ(0, device_unregister(make("gone", hub)));
    heap_device* alone = make("alone", hub);
    ASSERT_EQ(0, device_del(alone));
    log.take();
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ((events{"remove hub", "release hub"}), log.take()) << "the child keeps its parent";
    put_device(alone);
    EXPECT_EQ((events{"free alone", "free hub"}), log.take());
}

TEST_F(DeviceTreeTest, AChildThatIsRegisteredAgainIsPartOfItAgain) // D7
{
    heap_device* hub = heap_device::make("hub");
    heap_device* leaf = make("leaf", hub);
    ASSERT_EQ(0, device_del(leaf));
    ASSERT_EQ(0, device_add(leaf));
    ASSERT_EQ(0, device_add(leaf)); // no change
    log.take();
    EXPECT_EQ(0, device_unregister_tree(hub));
    EXPECT_EQ((events{"free leaf"}), log.take());
}

TEST_F(DeviceTreeTest, ATreeAndAPartOfItGoAtOnceAndEachDeviceIsPutOnce) // D7
{
    for (int round = 0; round < 200; ++round) {
        heap_device* hub = heap_device::make("hub");
        heap_device* middle = heap_device::make("middle", hub);
        std::atomic<int> freed{0};
        for (int i = 0; i < 4; ++i) {
            heap_device* leaf = heap_device::make("leaf", middle);
            leaf->on_release = [&freed] { ++freed; };
            ASSERT_EQ(0, leaf->bind([](const bound_device&) { return 0; }));
        }
        get_device(middle);
        std::atomic<int> ready{0};
        const auto together = [&ready] {
            ++ready;
            while (ready < 2)
                std::this_thread::yield();
        };
        std::thread other([&] {
            together();
            EXPECT_EQ(0, device_unregister_tree(middle));
            put_device(middle);
        });
        together();
        EXPECT_EQ(0, device_unregister_tree(hub));
        other.join();
        EXPECT_EQ(4, freed);
    }
}

// What device.h says that such a driver does.
TEST_F(DeviceTreeTest, AHubsDriverMayUnregisterItsPortsWhoeverIsFirst) // D7
{
    for (int (*unregister)(device*) : {+[](device* hub) { return device_unregister(hub); },
                                       +[](device* hub) { return device_unregister_tree(hub); }}) {
        heap_device* hub = make("hub", nullptr);
        ASSERT_EQ(0, device_release_driver(hub));
        log.take();
        ASSERT_EQ(0, hub->bind([&](const bound_device& b) {
            device* port = get_device(make("port", b));
            return devm_add_action_or_reset(
                static_cast<device*>(b),
                +[](device* p) {
                    EXPECT_EQ(0, device_unregister_tree(p));
                    put_device(p);
                },
                port);
        }));
        EXPECT_EQ(0, unregister(hub));
        std::vector<std::string> seen = log.take();
        EXPECT_EQ((events{"free port", "free hub"}), (events{seen[seen.size() - 2], seen.back()}));
        EXPECT_EQ(1, std::count(seen.begin(), seen.end(), "release port"));
    }
}

TEST_F(DeviceTreeTest, WhoseLastReferenceIsGoneIsInNoTreeAnyMore) // D1, D7
{
    heap_device* top = make("top", nullptr);
    alignas(device) static char memory[sizeof(device)];
    auto* child = ::new (static_cast<void*>(&memory)) device("child", top, [](device*) {});
    ASSERT_EQ(0, device_register(child));
    put_device(child);
    child->~device();
    std::memset(memory, 0xa5, sizeof memory); // a tree that still had it would go astray
    EXPECT_EQ(0, device_unregister_tree(top));
    EXPECT_EQ((events{"remove top", "release top", "free top"}), log.take());
}

// Whoever is second finds the end under way, or over.
TEST_F(DeviceTreeTest, AChildOnTheStackMayBeDeletedByItsOwnThreadWhileItsHubGoes) // D1, D7
{
    heap_device* hub = heap_device::make("hub");
    get_device(hub);
    std::atomic<bool> over{false};
    std::thread tree([&] {
        while (!over) {
            device_register(hub);
            get_device(hub);
            device_unregister_tree(hub);
        }
    });
    int refused = 0;
    for (int life = 0; life < 100000 * effort(); ++life) {
        device own("own", hub);
        device_register(&own);
        const int err = device_del(&own);
        EXPECT_TRUE(err == 0 || err == -EDEADLK);
        refused += err ? 1 : 0;
    }
    over = true;
    tree.join();
    put_device(hub);
    EXPECT_EQ(static_cast<std::size_t>(refused), warns.take().size());
}

} // namespace
} // namespace devres::test
