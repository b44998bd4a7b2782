// SPDX-License-Identifier: MIT
//
// Pointers into blocks, and the index while it is being filled: what is no payload is reported and never
// followed (A6), and what is one is found wherever it lies (A3, A5, A6).
#include <algorithm>
#include <random>
#include <vector>

#include "core/core_test.h"

#include <devres/env/sanitizer.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

class BlockTest : public core_fixture {
public:
    char* kmalloc(std::size_t size) { return static_cast<char*>(managed::kmalloc(&owner, size)); }
    void expect_reported(const void* p)
    {
        managed::kfree(&owner, p);
        EXPECT_EQ(1u, warnings.take().size()) << p;
    }
};

// A6: each address around each payload, in blocks of all sizes.
TEST_F(BlockTest, OnlyPayloadsAreTakenForPayloads)
{
    std::vector<char*> live;
    std::mt19937 random(5);
    for (int i = 0; i < 600; ++i) {
        live.push_back(kmalloc(1 + random() % 900));
        ASSERT_TRUE(live.back());
    }
    std::vector<char*> sorted = live;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); i += 3)
        for (int offset = -64; offset <= 96; offset += 8) {
            const char* p = sorted[i] + offset;
            if (!std::binary_search(sorted.begin(), sorted.end(), p))
                expect_reported(p);
        }
    EXPECT_EQ(600u, listed());
    std::shuffle(live.begin(), live.end(), random);
    for (char* p : live)
        managed::kfree(&owner, p);
    EXPECT_EQ(0u, listed());
}

// A6: the tables at the front of a large block, and the bytes behind its last slot.
TEST_F(BlockTest, WhatIsNoSlotInALargeBlockIsReported)
{
    std::vector<char*> live;
    for (int i = 0; i < 3000; ++i) {
        live.push_back(kmalloc(100));
        ASSERT_TRUE(live.back());
    }
    // Where the first slot of a block has no slot right before it, the front of the block is.
    std::vector<char*> sorted = live;
    std::sort(sorted.begin(), sorted.end());
    const std::ptrdiff_t slot = sorted[1] - sorted[0] > 0 ? live[2999] - live[2998] : 0;
    ASSERT_LT(0, slot);
    int fronts = 0;
    int tails = 0;
    for (std::size_t i = 1; i + 1 < sorted.size(); ++i) {
        if (sorted[i] - sorted[i - 1] != slot && sorted[i + 1] - sorted[i] == slot) {
            ++fronts;
            for (int back = 16; back <= 96; back += 16)
                expect_reported(sorted[i] - back);
        }
        if (sorted[i + 1] - sorted[i] != slot) {
            ++tails;
            expect_reported(sorted[i] + slot);
            expect_reported(sorted[i] + slot + 16);
        }
    }
    EXPECT_LT(2, fronts);
    EXPECT_LT(2, tails);
    EXPECT_EQ(3000u, listed());
}

// A6: an address is known whatever its slot was used for before, and that of an action's payload to nobody.
TEST_F(BlockTest, ASlotOfAnActionServesMemoryNext)
{
    if (detail::checked_memory)
        GTEST_SKIP() << "with AddressSanitizer no slot is used again";
    int unused = 0;
    const auto nothing = [](int*) {};
    for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(0, managed::add_action(&owner, +nothing, &unused));
    std::vector<char*> known;
    for (int i = 0; i < 10; ++i)
        known.push_back(kmalloc(16)); // as large as an action
    for (int i = 0; i < 500; ++i)
        ASSERT_EQ(0, managed::remove_action(&owner, +nothing, &unused));
    for (const int actions : {-400, -2, -1})
        expect_reported(known.front() + actions * 48);
    std::vector<char*> reused;
    for (int i = 0; i < 500; ++i)
        reused.push_back(kmalloc(16));
    EXPECT_EQ(1010u, listed());
    for (char* p : reused)
        managed::kfree(&owner, p);
    EXPECT_EQ(510u, listed());
    EXPECT_TRUE(warnings.take().empty());
}

// A6: a freed slot is known as freed until it is used again, and once all is free there are no slots.
TEST_F(BlockTest, FreedSlotsAreReported)
{
    std::vector<char*> live;
    for (int i = 0; i < 1000; ++i)
        live.push_back(kmalloc(100));
    for (std::size_t i = 0; i < live.size(); i += 2)
        managed::kfree(&owner, live[i]);
    for (std::size_t i = 0; i < live.size(); i += 2)
        expect_reported(live[i]);
    for (std::size_t i = 1; i < live.size(); i += 2)
        managed::kfree(&owner, live[i]);
    for (char* p : live)
        expect_reported(p);
    char* again = kmalloc(100);
    for (char* p : live)
        if (p != again)
            expect_reported(p);
    managed::kfree(&owner, again);
    EXPECT_EQ(0u, listed());
}

// A6: the same if they went in a pass, which does not look at each of them.
TEST_F(BlockTest, ReleasedSlotsAreReported)
{
    std::vector<char*> stale;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 1000; ++i)
            stale.push_back(kmalloc(100));
        EXPECT_EQ(1000, devres_release_all(head));
        for (char* p : stale)
            expect_reported(p);
    }
}

// A4, A6: an upstream that only gives small blocks costs time, and nothing else.
TEST_F(BlockTest, AnUpstreamMayGiveOnlySmallBlocks)
{
    upstream.allow_up_to(1200);
    std::mt19937 random(11);
    std::vector<char*> live;
    for (int round = 0; round < 4; ++round) {
        for (int i = 0; i < 200; ++i) {
            live.push_back(kmalloc(1 + random() % 900));
            ASSERT_TRUE(live.back());
        }
        std::shuffle(live.begin(), live.end(), random);
        while (live.size() > 20) {
            managed::kfree(&owner, live.back());
            expect_reported(live.back());
            live.pop_back();
        }
        EXPECT_EQ(live.size() + 100u * static_cast<unsigned>(round), listed());
        for (int i = 0; i < 100; ++i)
            ASSERT_EQ(0, managed::add_action(&owner, [] {}));
        if (round == 1)
            upstream.allow_up_to(std::size_t{1} << 30);
    }
    EXPECT_EQ(420, devres_drain(head));
    EXPECT_EQ(0u, upstream.live_blocks());
}

// --- The index ---------------------------------------------------------------------------------------------

// A6: the oldest block that the index knows goes with a group; its memory is not looked at again.
TEST_F(BlockTest, TheIndexForgetsItsBoundaryWhenAGroupTakesIt)
{
    constexpr std::size_t n = 6000; // more than one call puts into the index
    std::vector<char*> blocks;
    std::vector<void*> groups;
    for (std::size_t i = 0; i < n; ++i) {
        if (i % 50 == 0)
            groups.push_back(devres_open_group(head, nullptr));
        blocks.push_back(kmalloc(2000));
        ASSERT_TRUE(blocks.back());
        if (i % 50 == 49)
            devres_close_group(head, groups.back());
    }
    managed::kfree(&owner, blocks[0]); // the index begins with the newest ones
    for (std::size_t g = 1; g + 1 < groups.size(); ++g)
        EXPECT_EQ(50, devres_release_group(head, groups[g]));
    for (std::size_t i = 1; i < 50; ++i) {
        managed::kfree(&owner, blocks[i]);
        managed::kfree(&owner, blocks[n - i]);
    }
    EXPECT_EQ(1u + 4u, listed());
    for (std::size_t i = 60; i < n - 60; i += 7)
        expect_reported(blocks[i]);
}

// A5, A6: blocks that move while the index is being filled, from what it knows and from what it does not.
TEST_F(BlockTest, BlocksMoveWhileTheIndexFills)
{
    constexpr std::size_t n = 6000;
    std::vector<char*> blocks;
    for (std::size_t i = 0; i < n; ++i) {
        blocks.push_back(kmalloc(i % 3 == 0 ? 100 : 2000));
        ASSERT_TRUE(blocks.back());
        blocks.back()[0] = static_cast<char>(i);
    }
    std::mt19937 random(7);
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t i = 0; i < n; i += 2) {
        char*& moved = blocks[order[i]];
        moved = static_cast<char*>(managed::krealloc(&owner, moved, random() % 2 == 0 ? 50 : 5000));
        ASSERT_TRUE(moved);
        ASSERT_EQ(static_cast<char>(order[i]), moved[0]);
        char*& freed = blocks[order[i + 1]];
        ASSERT_EQ(static_cast<char>(order[i + 1]), freed[0]);
        managed::kfree(&owner, freed);
        if (i % 500 == 0)
            expect_reported(freed);
    }
    EXPECT_EQ(n / 2, listed());
    for (std::size_t i = 0; i < n; i += 2)
        managed::kfree(&owner, blocks[order[i]]);
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(warnings.take(), IsEmpty());
}

// A3: of three and more equal pairs the middle ones leave with a group; the newest that is left is found.
TEST_F(BlockTest, EqualPairsThatLeaveWithAGroupAreForgotten)
{
    for (const std::size_t others : {0u, 100u, 5000u}) { // no index, one that is complete, one that is not
        std::vector<step> steps(others, step{&log, "other"});
        step equal{&log, "equal"};
        for (int twice = 0; twice < 2; ++twice) {
            for (std::size_t i = 0; i < others / 2; ++i)
                ASSERT_EQ(0, managed::add_action(&owner, &record, &steps[i * 2 + twice]));
            for (int i = 0; i < 3; ++i) {
                ASSERT_EQ(0, managed::add_action(&owner, &record, &equal)); // stays
                void* outer = devres_open_group(head, nullptr);
                ASSERT_EQ(0, managed::add_action(&owner, &record, &equal));
                void* inner = devres_open_group(head, nullptr);
                ASSERT_EQ(0, managed::add_action(&owner, &record, &equal));
                devres_close_group(head, inner);
                ASSERT_EQ(0, managed::add_action(&owner, &record, &equal));
                devres_close_group(head, outer);
                ASSERT_EQ(0, managed::add_action(&owner, &record, &equal)); // stays
                if (others > 0) {
                    ASSERT_EQ(0, managed::remove_action_nowarn(&owner, &record, &steps[i * 2 + twice]));
                }
                EXPECT_EQ(1, devres_release_group(head, inner));
                EXPECT_TRUE(managed::is_action_added(&owner, &record, &equal));
                EXPECT_EQ(2, devres_release_group(head, outer));
            }
        }
        EXPECT_EQ(18u, log.take().size());
        for (int i = 0; i < 12; ++i)
            EXPECT_EQ(0, managed::remove_action_nowarn(&owner, &record, &equal)) << i;
        EXPECT_EQ(-ENOENT, managed::remove_action_nowarn(&owner, &record, &equal));
        EXPECT_EQ(others > 0 ? static_cast<int>(others) - 6 : 0, devres_release_all(head));
        log.take();
    }
}

// A3: more and more is attached while the index fills, so that it overflows and is made anew.
TEST_F(BlockTest, TheIndexGrowsWhileItFills)
{
    std::vector<step> steps(20000, step{&log, "step"});
    std::size_t added = 0;
    std::size_t removed = 0;
    const auto add_some = [&](std::size_t n) {
        for (; n != 0; --n)
            ASSERT_EQ(0, managed::add_action(&owner, &record, &steps[added++]));
    };
    add_some(5000);
    while (added + 60 < steps.size()) {
        ASSERT_EQ(0, managed::remove_action_nowarn(&owner, &record, &steps[removed])); // the oldest
        ASSERT_EQ(0, managed::remove_action_nowarn(&owner, &record, &steps[added - 1]));
        ASSERT_EQ(-ENOENT, managed::remove_action_nowarn(&owner, &record, &steps[removed]));
        ++removed;
        add_some(61);
    }
    EXPECT_EQ(added - 2 * removed, listed());
    EXPECT_EQ(static_cast<int>(added - 2 * removed), devres_release_all(head));
}

} // namespace
