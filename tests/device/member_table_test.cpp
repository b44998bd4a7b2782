// SPDX-License-Identifier: MIT
//
// What ends with a binding, found by identity (V3, V6): in and out in any order, however many share a bucket.
#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/binding.h>

namespace devres::test {
namespace {

struct member_with_gate {
    detail::gate own;
    detail::binding_member member{own, [](detail::binding_member*) noexcept {},
                                  [](detail::binding_member*) noexcept {}};
};

class MemberTableTest : public testing::TestWithParam<bool> {
protected:
    void insert(detail::binding_member* member)
    {
        if (const std::size_t wanted = grows_ ? table_.wanted() : 0)
            delete[] table_.rehash(
                new detail::binding_member* [wanted] {}, wanted);
        table_.insert(member);
    }

    const bool grows_ = GetParam(); // or stays as small as it is without memory
    detail::member_table table_;
};

TEST_P(MemberTableTest, FindsWhatIsInItAndNothingElse)
{
    std::deque<member_with_gate> all(100);
    for (member_with_gate& m : all)
        insert(&m.member);
    std::vector<std::size_t> order(all.size());
    for (std::size_t i = 0; i != order.size(); ++i)
        order[i] = i;
    std::shuffle(order.begin(), order.end(), std::mt19937(3));
    for (std::size_t gone = 0; gone != order.size(); ++gone) {
        table_.remove(&all[order[gone]].member);
        table_.remove(&all[order[gone]].member); // not in the table: no-op
        for (std::size_t i = 0; i != order.size(); ++i)
            ASSERT_EQ(i > gone, table_.contains(all[order[i]].own.id())) << i << " of " << gone;
    }
    EXPECT_EQ(0u, table_.wanted());
}

TEST_P(MemberTableTest, ClosesAllOfThem)
{
    std::deque<member_with_gate> all(20);
    for (member_with_gate& m : all)
        insert(&m.member);
    table_.close_all();
    for (member_with_gate& m : all)
        EXPECT_TRUE(m.own.is_closed());
}

INSTANTIATE_TEST_SUITE_P(All, MemberTableTest, testing::Bool());

} // namespace
} // namespace devres::test
