// SPDX-License-Identifier: MIT
//
// Nodes: memory of the caller, attaching cannot fail. C1, C5, C8, C11 as far as they concern nodes.
#include "core/core_test.h"

#include "support/threads.h"
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

using DevresNodeTest = core_fixture;
using DevresNodeDeathTest = core_fixture;

// C1: nodes are released in their place among the others.
TEST_F(DevresNodeTest, AreReleasedInReverseOrderOfAdd)
{
    node_item a(&log, "a");
    node_item b(&log, "b");
    devres_node_add(head, &a);
    add(1);
    devres_node_add(head, &b);
    EXPECT_EQ(3u, listed());
    EXPECT_EQ(3, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre("b", "release 1", "a"));
}

// C5: attaching allocates nothing and cannot fail.
TEST_F(DevresNodeTest, AttachingNeedsNoMemory)
{
    upstream.fail_from(0);
    node_item a(&log, "a");
    devres_node_add(head, &a);
    EXPECT_EQ(1u, listed());
    EXPECT_EQ(0u, upstream.calls());
    EXPECT_TRUE(devres_node_remove(head, &a));
    upstream.fail_no_more();
}

// C8: remove unlinks without release, and says whether it was this call.
TEST_F(DevresNodeTest, RemoveUnlinksOnce)
{
    node_item a(&log, "a");
    EXPECT_FALSE(devres_node_remove(head, &a)) << "never added";
    devres_node_add(head, &a);
    EXPECT_TRUE(devres_node_remove(head, &a));
    EXPECT_FALSE(devres_node_remove(head, &a));
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), IsEmpty());
    devres_node_add(head, &a);
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_FALSE(devres_node_remove(head, &a)) << "released";
    EXPECT_THAT(log.take(), ElementsAre("a"));
}

// C8: a node of another head is left alone.
TEST_F(DevresNodeTest, RemoveLeavesANodeOfAnotherHeadAlone)
{
    bench_owner other;
    node_item a(&log, "a");
    devres_node_add(&other.devres, &a);
    EXPECT_FALSE(devres_node_remove(head, &a));
    EXPECT_EQ(-ENOENT, devres_node_release(head, &a));
    EXPECT_EQ(1u, checked_count(other.devres));
    EXPECT_TRUE(devres_node_remove(&other.devres, &a));
}

// C8: release unlinks and calls the release.
TEST_F(DevresNodeTest, ReleaseReleasesOnce)
{
    node_item a(&log, "a");
    EXPECT_EQ(-ENOENT, devres_node_release(head, &a));
    devres_node_add(head, &a);
    EXPECT_EQ(0, devres_node_release(head, &a));
    EXPECT_EQ(-ENOENT, devres_node_release(head, &a));
    EXPECT_THAT(log.take(), ElementsAre("a"));
    EXPECT_EQ(0u, listed());
}

struct restless_node : devres_node {
    event_log* log = nullptr;
    int lives = 0;
    static void release(devres_head* head, devres_node* node)
    {
        auto* self = static_cast<restless_node*>(node);
        self->log->add("life " + std::to_string(self->lives));
        if (--self->lives > 0)
            devres_node_add(head, self);
        else
            delete self;
    }
};

// C11: a release callback may add its node again, or free it.
TEST_F(DevresNodeTest, AReleaseMayAddTheNodeAgainOrFreeIt)
{
    auto* node = new restless_node;
    node->log = &log;
    node->lives = 3;
    devres_node_init(node, &restless_node::release);
    devres_node_add(head, node);
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_EQ(1u, listed());
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_EQ(0, devres_node_release(head, node));
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), ElementsAre("life 3", "life 2", "life 1"));
}

// C11: removal by a sibling's callback fails, and the release comes later in the pass.
TEST_F(DevresNodeTest, ASiblingCannotBeRemovedDuringThePass)
{
    struct remover : devres_node {
        devres_node* victim = nullptr;
        static void release(devres_head* h, devres_node* node)
        {
            EXPECT_FALSE(devres_node_remove(h, static_cast<remover*>(node)->victim));
        }
    };
    node_item victim(&log, "victim");
    remover r;
    r.victim = &victim;
    devres_node_init(&r, &remover::release);
    devres_node_add(head, &victim);
    devres_node_add(head, &r);
    EXPECT_EQ(2, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre("victim"));
}

// Nodes go with their group.
TEST_F(DevresNodeTest, GoWithTheirGroup)
{
    node_item before(&log, "before");
    node_item inside(&log, "inside");
    devres_node_add(head, &before);
    void* group = devres_open_group(head, nullptr);
    ASSERT_TRUE(group);
    devres_node_add(head, &inside);
    EXPECT_EQ(1, devres_release_group(head, group));
    EXPECT_THAT(log.take(), ElementsAre("inside"));
    EXPECT_TRUE(devres_node_remove(head, &before));
}

// C5
TEST_F(DevresNodeDeathTest, AddingAListedNodeAborts)
{
    node_item a(&log, "a");
    devres_node_add(head, &a);
    EXPECT_DEATH(devres_node_add(head, &a), "devres_node_add.*node item");
    EXPECT_TRUE(devres_node_remove(head, &a));
}

// C5: not initialised.
TEST_F(DevresNodeDeathTest, AddingANodeThatWasNotInitialisedAborts)
{
    devres_node bare;
    EXPECT_DEATH(devres_node_add(head, &bare), "devres_node_add");
}

// C5: initialising a listed node would tear the list.
TEST_F(DevresNodeDeathTest, InitialisingAListedNodeAborts)
{
    node_item a(&log, "a");
    devres_node_add(head, &a);
    EXPECT_DEATH(devres_node_init(&a, &node_item::release), "devres_node_init");
    EXPECT_TRUE(devres_node_remove(head, &a));
}

// C5: a node that is destroyed while it is listed would leave dangling links.
TEST_F(DevresNodeDeathTest, DestroyingAListedNodeAborts)
{
    EXPECT_DEATH(
        {
            node_item a(&log, "a");
            devres_node_add(head, &a);
        },
        "node item");
}

// C5, C11: nor may one be that a pass has taken and not come to yet.
TEST_F(DevresNodeDeathTest, DestroyingANodeThatAPassHasAborts)
{
    EXPECT_DEATH(
        {
            void* group = devres_open_group(head, nullptr);
            auto* a = new node_item(&log, "a");
            devres_node_add(head, a);
            (void)managed::add_action(&owner, [a] { delete a; });
            devres_release_group(head, group);
        },
        "~devres_node.*node item");
}

} // namespace
