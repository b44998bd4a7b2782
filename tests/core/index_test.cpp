// SPDX-License-Identifier: MIT
//
// Removing one by (action, data) on heads that have many: the index is built, overflows, is rebuilt, and
// agrees with a plain vector throughout. A3, C1.
#include <algorithm>
#include <random>
#include <vector>

#include "core/core_test.h"
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;

namespace {

struct key {
    int number = 0;
    std::vector<int>* released = nullptr;
};

void note(key* k)
{
    k->released->push_back(k->number);
}

class IndexTest : public ::testing::Test {
protected:
    void make_keys(std::size_t n)
    {
        keys.resize(n);
        for (std::size_t i = 0; i < n; ++i)
            keys[i] = {static_cast<int>(i), &released};
    }
    void add(std::size_t k)
    {
        ASSERT_EQ(0, managed::add_action(&own, &note, &keys[k]));
        model.push_back(static_cast<int>(k));
    }
    // The newest of that key.
    bool take_from_model(std::size_t k)
    {
        const auto at = std::find(model.rbegin(), model.rend(), static_cast<int>(k));
        if (at == model.rend())
            return false;
        model.erase(std::next(at).base());
        return true;
    }
    void remove(std::size_t k)
    {
        EXPECT_EQ(take_from_model(k) ? 0 : -ENOENT, managed::remove_action_nowarn(&own, &note, &keys[k]));
    }
    void expect_the_rest_in_order()
    {
        released.clear();
        devres_release_all(&own.devres);
        std::reverse(model.begin(), model.end());
        EXPECT_EQ(model, released);
        model.clear();
    }

    bench_owner own;
    std::vector<key> keys;
    std::vector<int> model; // keys on the list, oldest first
    std::vector<int> released;
};

// What the README says of an empty head: the index of what has been released is not kept.
TEST_F(IndexTest, AnEmptiedHeadKeepsNoIndex)
{
    test_upstream upstream;
    bench_owner counted(&upstream);
    make_keys(20000);
    for (key& k : keys)
        ASSERT_EQ(0, managed::add_action(&counted, &note, &k));
    EXPECT_EQ(0, managed::remove_action_nowarn(&counted, &note, &keys[0]));
    const std::size_t with_index = upstream.live_bytes();
    EXPECT_EQ(0, managed::remove_action_nowarn(&counted, &note, &keys[1]));
    EXPECT_EQ(with_index, upstream.live_bytes());
    EXPECT_EQ(19998, devres_release_all(&counted.devres));
    EXPECT_GE(64u * 1024, upstream.live_bytes());
    for (key& k : keys)
        ASSERT_EQ(0, managed::add_action(&counted, &note, &k));
    for (key& k : keys) // one by one, by the index
        ASSERT_EQ(0, managed::remove_action_nowarn(&counted, &note, &k));
    EXPECT_GE(64u * 1024, upstream.live_bytes());
    for (int i = 0; i < 500; ++i) // nor a small one that has been overtaken
        ASSERT_EQ(0, managed::add_action(&counted, &note, &keys[0]));
    EXPECT_EQ(-ENOENT, managed::remove_action_nowarn(&counted, &note, &keys[1]));
    EXPECT_LT(500u * 64, upstream.live_bytes());
    EXPECT_EQ(500, devres_release_all(&counted.devres));
    EXPECT_EQ(0u, upstream.live_bytes());
}

class IndexSeeds : public IndexTest, public ::testing::WithParamInterface<unsigned> {};

// Few keys with hundreds of equal pairs each, and many keys with a few: both grow and shrink by thousands.
TEST_P(IndexSeeds, AgreesWithAVector)
{
    std::mt19937 random(GetParam());
    for (std::size_t n : {5u, 60u, 3000u}) {
        make_keys(n);
        for (int phase = 0; phase < 6; ++phase) {
            const unsigned add_of_ten = phase % 2 == 0 ? 8 : 2;
            for (int i = 0; i < 1500; ++i) {
                const std::size_t k = random() % n;
                if (random() % 10 < add_of_ten)
                    add(k);
                else
                    remove(k);
            }
            ASSERT_EQ(model.size(), checked_count(own.devres));
            for (std::size_t k = 0; k < std::min<std::size_t>(n, 60); ++k)
                ASSERT_EQ(std::count(model.begin(), model.end(), static_cast<int>(k)) != 0,
                          managed::is_action_added(&own, &note, &keys[k]));
        }
        expect_the_rest_in_order();
    }
}

INSTANTIATE_TEST_SUITE_P(FixedSeeds, IndexSeeds, ::testing::Range(1u, 7u));

// Resources that go another way than by their key leave the index, too: in the middle of their equals, by
// group.
TEST_F(IndexTest, ForgetsWhatAGroupTakes)
{
    make_keys(2);
    for (int i = 0; i < 100; ++i)
        add(0);
    remove(0); // there is an index from here on
    for (int round = 0; round < 50; ++round) {
        void* group = devres_open_group(&own.devres, nullptr);
        ASSERT_TRUE(group);
        for (int i = 0; i < 30; ++i)
            ASSERT_EQ(0, managed::add_action(&own, &note, &keys[static_cast<std::size_t>(i % 2)]));
        devres_close_group(&own.devres, group);
        add(0);
        add(1);
        EXPECT_EQ(30, devres_release_group(&own.devres, group));
    }
    for (int i = 0; i < 20; ++i)
        remove(i % 2 == 0 ? 0u : 1u);
    expect_the_rest_in_order();
}

// All slots go at once with a group, while the index lives on: it does not look at their memory any more.
TEST_F(IndexTest, ForgetsEverythingThatAGroupTakes)
{
    test_upstream upstream;
    bench_owner own_memory(&upstream);
    make_keys(20000);
    for (int round = 0; round != 2; ++round) {
        void* group = devres_open_group(&own_memory.devres, nullptr);
        for (key& k : keys)
            ASSERT_EQ(0, managed::add_action(&own_memory, &note, &k));
        for (std::size_t i = 0; i != 10; ++i)
            EXPECT_EQ(0, managed::remove_action_nowarn(&own_memory, &note, &keys[i])); // makes the index
        EXPECT_EQ(19990, devres_release_group(&own_memory.devres, group));
        EXPECT_EQ(0u, checked_count(own_memory.devres));
        for (key& k : keys)
            ASSERT_FALSE(managed::is_action_added(&own_memory, &note, &k));
    }
}

// The index of 10,000 is filled a part at each removal, from the newest: the part that is known ends at one
// of these, and may lose it.
TEST_F(IndexTest, KnowsWhereItStoppedWhenThatOneIsRemoved)
{
    make_keys(10000);
    for (std::size_t k = 0; k != 10000; ++k)
        add(k);
    remove(0); // the index knows some thousands of the newest from here on
    for (std::size_t k = 9000; k != 3000; --k)
        remove(k);
    for (std::size_t k = 3000; k != 2900; --k)
        remove(k);
    expect_the_rest_in_order();
}

struct asker {
    devres_head* head;
    key* older;
    key* equal;
    int removed_older = 0;
    int removed_equal = 0;
};
void ask_in_the_midst(asker* a)
{
    auto* owner = container_of<&bench_owner::devres>(a->head);
    a->removed_equal = managed::remove_action_nowarn(owner, &note, a->equal);
    a->removed_older = managed::remove_action_nowarn(owner, &note, a->older);
}

// A callback removes while its group, in which the known part ends, is being released: what is pending is not
// found, an equal one outside is, and what is older as well.
TEST_F(IndexTest, AnswersWhileThatOneIsReleasedWithAGroup)
{
    make_keys(10000);
    asker asking{&own.devres, &keys[10], &keys[6100]};
    add(6100); // older than the group, and equal to one in it
    for (std::size_t k = 0; k != 5000; ++k)
        add(k);
    void* group = devres_open_group(&own.devres, nullptr);
    ASSERT_TRUE(group);
    for (std::size_t k = 5000; k != 7000; ++k)
        ASSERT_EQ(0, managed::add_action(&own, &note, &keys[k]));
    ASSERT_EQ(0, managed::add_action(&own, &ask_in_the_midst, &asking));
    devres_close_group(&own.devres, group);
    for (std::size_t k = 7000; k != 10000; ++k)
        add(k);
    remove(0);
    EXPECT_EQ(2001, devres_release_group(&own.devres, group));
    EXPECT_EQ(0, asking.removed_older);
    EXPECT_TRUE(take_from_model(10));
    EXPECT_EQ(0, asking.removed_equal) << "the older one, which is still on the list";
    EXPECT_TRUE(take_from_model(6100));
    EXPECT_EQ(2000u, released.size()) << "the equal one in the group was released with it";
    remove(4000);
    expect_the_rest_in_order();
}

// An index that has overflowed lacks somebody. It does not become complete again when it has room again, and
// scans answer, which are short here.
TEST_F(IndexTest, OneThatHasOverflowedIsNotBelieved)
{
    make_keys(2100);
    for (std::size_t k = 0; k != 100; ++k)
        add(k);
    remove(0); // makes the index
    for (std::size_t k = 100; k + 1 < keys.size(); k += 2) {
        add(k);
        add(k + 1);
        if (k != 100)
            remove(k - 1); // the last but two
    }
    for (std::size_t k = 1; k != keys.size(); ++k)
        remove(k);
    expect_the_rest_in_order();
}

// Among those that it has not looked at yet are some with numbers from an earlier index.
TEST_F(IndexTest, NumbersOfAnEarlierIndexMeanNothing)
{
    make_keys(6200);
    for (const std::size_t k : {0u, 0u, 0u, 1u, 1u, 1u})
        add(k);
    for (std::size_t k = 2; k != 100; ++k)
        add(k);
    remove(2); // makes an index, which numbers those with equal keys
    for (std::size_t k = 100; k != 6100; ++k)
        add(k); // it overflows
    for (const std::size_t k : {6100u, 6100u, 6100u, 6101u, 6101u, 6101u})
        add(k);
    remove(3); // makes the next one, from the newest ones, and numbers the newest equals
    for (int i = 0; i != 4; ++i)
        for (const std::size_t k : {0u, 1u, 6100u, 6101u})
            remove(k);
    for (const std::size_t k : {0u, 1u, 6100u, 6101u})
        EXPECT_FALSE(managed::is_action_added(&own, &note, &keys[k]));
    expect_the_rest_in_order();
}

// No memory for an index: a scan answers, every time.
TEST_F(IndexTest, ScansWithoutMemory)
{
    test_upstream upstream;
    bench_owner poor(&upstream);
    make_keys(500);
    for (key& k : keys)
        ASSERT_EQ(0, managed::add_action(&poor, &note, &k));
    upstream.fail_from(0);
    for (std::size_t i = 0; i < 500; i += 2)
        EXPECT_EQ(0, managed::remove_action_nowarn(&poor, &note, &keys[(i * 7) % 500]));
    EXPECT_EQ(-ENOENT, managed::remove_action_nowarn(&poor, &note, &keys[0]));
    EXPECT_EQ(250, devres_release_all(&poor.devres));
    EXPECT_EQ(250u, released.size());
}

// Large blocks are found through the index, too: it grows with them, and is not made anew for each that goes.
TEST_F(IndexTest, GrowsWithLargeBlocks)
{
    test_upstream upstream;
    bench_owner own_memory(&upstream);
    std::vector<void*> blocks;
    for (int i = 0; i < 2000; ++i) {
        blocks.push_back(managed::kmalloc(&own_memory, 2000));
        ASSERT_TRUE(blocks.back());
    }
    std::shuffle(blocks.begin(), blocks.end(), std::mt19937(3));
    const std::size_t calls = upstream.calls();
    for (void* p : blocks)
        managed::kfree(&own_memory, p);
    EXPECT_GE(20u, upstream.calls() - calls) << "one for each doubling";
    EXPECT_EQ(0u, checked_count(own_memory.devres));
}

} // namespace
