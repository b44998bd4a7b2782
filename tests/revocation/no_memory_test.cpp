// SPDX-License-Identifier: MIT
//
// Guards when there is no memory for records and slots, and dumps without any: a program of its own, since
// records are never freed, and others' tests would leave some.
#include <atomic>
#include <cstdlib>
#include <latch>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <devres/dump.h>
#include <devres/managed.h>
#include <devres/revocable.h>

#include "revocation/tracked.h"
#include "support/warn_capture.h"

namespace {

std::atomic<bool> no_memory{false};

} // namespace

// What the library allocates chunks with, and descriptions for a dump.
void* operator new(std::size_t size, std::align_val_t align, const std::nothrow_t&) noexcept
{
    return no_memory ? nullptr : std::aligned_alloc(static_cast<std::size_t>(align), size);
}
void operator delete(void* p, std::align_val_t) noexcept
{
    std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept
{
    std::free(p);
}
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept
{
    std::free(p);
}

namespace devres::test {
namespace {

using object = revocable<tracked>;

class NoMemoryTest : public testing::Test {
protected:
    NoMemoryTest() { no_memory = true; }
    ~NoMemoryTest() override { no_memory = false; }

    warn_capture warns;
    tracking t;
};

TEST_F(NoMemoryTest, FirstGuardsOfMoreThreadsThanThereAreRecordsForWorkAsUsual) // V1, V5
{
    constexpr int count = 40; // twelve records, then 96 slots for emergencies
    object r(&t, 7);
    object other(&t);
    std::latch all_inside(count);
    std::latch checked(1);
    std::atomic<int> without_record{0};
    std::atomic<int> self_revokes{0};
    std::vector<std::thread> readers;
    for (int i = 0; i != count; ++i) {
        readers.emplace_back([&] {
            auto guard = r.try_access();
            auto nested = other.try_access();
            without_record += detail::my_record ? 0 : 1;
            all_inside.arrive_and_wait();
            self_revokes += r.revoke() ? 0 : 1;
            checked.wait();
            EXPECT_EQ(7, guard->check());
            guard = {}; // out of order
        });
    }
    all_inside.wait();
    while (self_revokes != count)
        std::this_thread::yield();
    EXPECT_GE(without_record, count - 12);
    EXPECT_EQ(static_cast<std::size_t>(count), warns.take().size()) << "V5: each was inside";
    EXPECT_FALSE(r.is_revoked());
    EXPECT_FALSE(other.revoke(nowait));
    checked.count_down();
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_TRUE(r.revoke());
    EXPECT_TRUE(other.revoke());
}

TEST_F(NoMemoryTest, NestingDeeperThanTheRecordAndDetachingWork) // V2, V5
{
    object r(&t, 7);
    for (int round = 0; round != 3; ++round) {
        std::vector<object::guard> guards;
        for (int i = 0; i != 60; ++i)
            guards.push_back(r.try_access());
        for (int i = 0; i != 30; ++i)
            guards.push_back(r.try_access().detach());
        std::thread([moved = guards.back().detach()]() mutable { moved = {}; }).join();
        for (const object::guard& guard : guards)
            if (guard)
                guard->check();
    }
    EXPECT_TRUE(r.revoke());
}

TEST_F(NoMemoryTest, GuardsThatOutliveThreadsWithoutARecordMayEndAnywhere) // V2, V5
{
    constexpr int count = 20; // more than there are records for
    object r(&t, 7);
    std::vector<object::guard> guards(count);
    std::latch all_inside(count);
    std::atomic<int> without_record{0};
    std::vector<std::thread> readers;
    for (object::guard& guard : guards) {
        readers.emplace_back([&] {
            guard = r.try_access();
            without_record += detail::my_record ? 0 : 1;
            all_inside.arrive_and_wait();
        });
    }
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_LE(count - 12, without_record);
    guards.clear();
    EXPECT_TRUE(warns.take().empty()) << "their threads are gone, so nobody else could have ended them";
    EXPECT_TRUE(r.revoke());
}

TEST_F(NoMemoryTest, ABugLineSaysThatThereIsNoSlotLeft)
{
    object r(&t);
    EXPECT_DEATH(
        {
            no_memory = true;
            std::vector<object::guard> guards;
            for (int i = 0; i != 200; ++i)
                guards.push_back(r.try_access());
        },
        "BUG: guard: no memory");
}

TEST_F(NoMemoryTest, ADumpStillHasTheTotals)
{
    struct session {
        devres_head devres;
    } owner;
    int id = 0;
    ASSERT_TRUE(managed::open_group(&owner, &id));
    for (int i = 0; i != 3; ++i)
        ASSERT_TRUE(managed::kmalloc(&owner, 100));
    managed::close_group(&owner, &id);
    std::string text;
    devres_dump(
        &owner,
        [](void* to, const char* piece, std::size_t bytes) {
            static_cast<std::string*>(to)->append(piece, bytes);
        },
        &text);
    EXPECT_THAT(text, testing::EndsWith(": 3 resources, 300 bytes\n  and 3 more\n"));
    devres_drain(&owner.devres);
}

// The last one, since it leaves a record.
TEST_F(NoMemoryTest, WhoGetsARecordLateIsStillInsideWhatItHasEnteredBefore) // V5
{
    constexpr int count = 12; // as many as there are records
    object r(&t, 7);
    object other(&t);
    std::latch all_inside(count);
    std::latch over(1);
    std::vector<std::thread> readers;
    for (int i = 0; i != count; ++i)
        readers.emplace_back([&] {
            const auto guard = other.try_access();
            all_inside.count_down();
            over.wait();
        });
    all_inside.wait();
    std::thread([&] {
        auto first = r.try_access();
        EXPECT_EQ(nullptr, detail::my_record);
        no_memory = false;
        (void)other.try_access();
        EXPECT_NE(nullptr, detail::my_record);
        EXPECT_FALSE(r.revoke()); // or never
        EXPECT_EQ(1u, warns.take().size());
        auto second = r.try_access();
        first = {};
        EXPECT_FALSE(r.revoke());
        EXPECT_EQ(1u, warns.take().size());
    }).join();
    over.count_down();
    for (std::thread& reader : readers)
        reader.join();
    EXPECT_TRUE(r.revoke());
}

} // namespace
} // namespace devres::test
