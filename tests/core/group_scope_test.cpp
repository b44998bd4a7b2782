// SPDX-License-Identifier: MIT
//
// devres_group_scope: rolls back unless committed. G1, G4, G5 by the core's own names.
#include <array>
#include <memory_resource>

#include "core/core_test.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

using DevresGroupScopeTest = core_fixture;

// G5: not committed: what was added meanwhile goes, newest first.
TEST_F(DevresGroupScopeTest, RollsBack)
{
    add(0);
    {
        devres_group_scope scope(head);
        ASSERT_TRUE(scope);
        add(1);
        add(2);
    }
    EXPECT_THAT(log.take(), ElementsAre("release 2", "release 1"));
    EXPECT_EQ(1u, listed());
}

// G1: an id of its own is that of no later group, wherever this one's memory is used again.
TEST_F(DevresGroupScopeTest, OneThatIsGoneRollsNothingBack)
{
    std::array<std::byte, 256> memory;
    std::pmr::monotonic_buffer_resource same_place(memory.data(), memory.size());
    bench_owner other(&same_place);
    {
        devres_group_scope gone(&other);
        ASSERT_TRUE(gone);
        EXPECT_EQ(0, devres_release_all(&other.devres));
        same_place.release();
        devres_group_scope later(&other);
        ASSERT_TRUE(later);
        devres_add(&other, make(1));
        gone.commit();
        warnings.take_one();
        later.commit();
    }
    EXPECT_EQ(1, devres_release_all(&other.devres));
}

// G4: committed: it stays, and no marker with it.
TEST_F(DevresGroupScopeTest, CommitKeeps)
{
    {
        devres_group_scope scope(&owner);
        ASSERT_TRUE(scope);
        add(1);
        scope.commit();
        EXPECT_FALSE(scope);
        scope.commit();
        add(2);
    }
    EXPECT_THAT(log.take(), IsEmpty());
    EXPECT_EQ(2u, listed());
}

// G5: scopes nest: the inner one's committed resources still belong to the outer one.
TEST_F(DevresGroupScopeTest, ScopesNest)
{
    {
        devres_group_scope outer(head);
        ASSERT_TRUE(outer);
        add(1);
        {
            devres_group_scope inner(head);
            ASSERT_TRUE(inner);
            add(2);
            inner.commit();
        }
        {
            devres_group_scope inner(head);
            ASSERT_TRUE(inner);
            add(3);
        }
        EXPECT_THAT(log.take(), ElementsAre("release 3"));
        add(4);
    }
    EXPECT_THAT(log.take(), ElementsAre("release 4", "release 2", "release 1"));
    EXPECT_EQ(0u, listed());
}

// G1: without memory the scope is empty and does nothing.
TEST_F(DevresGroupScopeTest, WithoutMemoryItIsEmpty)
{
    upstream.fail_from(0);
    {
        devres_group_scope scope(head);
        EXPECT_FALSE(scope);
        add(1);
        scope.commit();
    }
    {
        devres_group_scope scope(head);
        EXPECT_FALSE(scope);
        add(2);
    }
    upstream.fail_no_more();
    EXPECT_EQ(2u, listed());
}

} // namespace
