// SPDX-License-Identifier: MIT
//
// The order of release, and what a release callback may do: C1, C2, C10, C11.
#include "contract/contract.h"
#include "support/threads.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <class Family>
class OrderContract : public contract<Family> {
public:
    using owner_type = typename Family::owner;

    // An action that does something more than leave a trace.
    struct scene {
        OrderContract* test;
        owner_type* owner;
        void (*play)(scene*);
        void* a = nullptr;
        void* b = nullptr;
        int result = 1;
    };
    static void run(scene* s)
    {
        s->test->log.add("scene");
        s->play(s);
    }
    void add_scene(scene* s) { ASSERT_EQ(0, Family::add_action(s->owner, &run, s)); }
};
TYPED_TEST_SUITE(OrderContract, families, family_names);

struct noisy {
    explicit noisy(step* s) : mine(s) {}
    ~noisy() { record(mine); }
    noisy(const noisy&) = delete;
    noisy& operator=(const noisy&) = delete;
    step* mine;
};

struct noisy_node : devres_node {
    step* mine = nullptr;
    static void release(devres_head*, devres_node* node) { record(static_cast<noisy_node*>(node)->mine); }
};

void release_raw(devres_head*, void* res)
{
    record(*static_cast<step**>(res));
}

// C1: the order of release is the reverse order of adding.
TYPED_TEST(OrderContract, ReleasesInReverseOrderOfAdd)
{
    this->add("1");
    this->add("2");
    this->add("3");
    EXPECT_EQ(3u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("3", "2", "1"));
}

// C1: whatever mix of kinds of resources.
TYPED_TEST(OrderContract, ReleasesAMixOfKindsInReverseOrderOfAdd)
{
    using F = TypeParam;
    noisy_node node;
    node.mine = this->make("node");
    devres_node_init(&node, &noisy_node::release, "node");

    this->add("action");
    ASSERT_TRUE(F::template create<noisy>(this->owner, this->make("object")));
    ASSERT_TRUE(F::kmalloc(this->owner, 100));
    devres_node_add(this->head(), &node);
    step* callable = this->make("callable");
    ASSERT_EQ(0, F::add_action(this->owner, [callable] { record(callable); }));
    void* raw = devres_alloc(&release_raw, sizeof(step*));
    ASSERT_TRUE(raw);
    *static_cast<step**>(raw) = this->make("raw");
    devres_add(this->head(), raw);
    ASSERT_TRUE(F::kmalloc(this->owner, 100000));
    this->add("last");
    EXPECT_EQ(8u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("last", "raw", "callable", "node", "object", "action"));
}

// C1: holes left by removal, and slots used again, do not disturb the order.
TYPED_TEST(OrderContract, KeepsTheOrderWhenSlotsAreReused)
{
    using F = TypeParam;
    std::vector<step*> attached;
    for (int i = 0; i < 100; ++i)
        attached.push_back(this->add(std::to_string(i)));
    for (std::size_t i = 0; i < 100; i += 2)
        EXPECT_EQ(0, F::remove_action(this->owner, &record, attached[i]));
    for (int i = 100; i < 150; ++i)
        this->add(std::to_string(i));
    EXPECT_EQ(100u, this->listed());

    events expected;
    for (int i = 149; i >= 100; --i)
        expected.push_back(std::to_string(i));
    for (int i = 99; i >= 0; i -= 2)
        expected.push_back(std::to_string(i));
    EXPECT_EQ(expected, this->end());
}

// C10: one pass releases everything listed and says how much; group markers do not count.
TYPED_TEST(OrderContract, ReleaseAllCountsResourcesButNotMarkers)
{
    using F = TypeParam;
    EXPECT_EQ(0, devres_release_all(this->head()));
    this->add("1");
    void* group = F::open_group(this->owner, nullptr);
    ASSERT_TRUE(group);
    this->add("2");
    ASSERT_TRUE(F::kmalloc(this->owner, 8));
    F::close_group(this->owner, group);
    ASSERT_TRUE(F::open_group(this->owner, nullptr));
    EXPECT_EQ(3, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    EXPECT_EQ(0u, this->listed());
    EXPECT_EQ(0, devres_release_all(this->head()));
}

// C10: a head that was emptied can be used again.
TYPED_TEST(OrderContract, CanBeUsedAgainAfterReleaseAll)
{
    for (int round = 0; round < 3; ++round) {
        this->add("1");
        this->add("2");
        EXPECT_EQ(2, devres_release_all(this->head()));
        EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
        EXPECT_EQ(0u, this->listed());
    }
}

// C2: the lock is not held while a callback runs: other threads get on with the head.
TYPED_TEST(OrderContract, OtherThreadsUseTheHeadWhileACallbackRuns)
{
    using F = TypeParam;
    doorway inside;
    doorway leave;
    ASSERT_EQ(0, F::add_action(this->owner, [&] {
                  inside.open();
                  leave.pass();
              }));
    std::thread releaser([&] { EXPECT_EQ(1, devres_release_all(this->head())); });
    inside.pass();
    step* s = this->add("late");
    EXPECT_TRUE(F::is_action_added(this->owner, &record, s));
    EXPECT_EQ(0, F::release_action(this->owner, &record, s));
    void* p = F::kmalloc(this->owner, 50);
    EXPECT_TRUE(p);
    F::kfree(this->owner, p);
    EXPECT_EQ(0, devres_release_all(this->head()));
    leave.open();
    releaser.join();
    EXPECT_THAT(this->log.take(), ElementsAre("late"));
}

// C11: what a callback adds is on the head and is not released by the pass under way.
TYPED_TEST(OrderContract, WhatACallbackAddsWaitsForTheNextPass)
{
    this->add("1");
    typename TestFixture::scene adds{this, this->owner, [](auto* s) { s->test->add("late"); }};
    this->add_scene(&adds);
    this->add("2");
    EXPECT_EQ(3, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "scene", "1"));
    EXPECT_EQ(1u, this->listed());
    EXPECT_EQ(1, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("late"));
}

// C11: a callback cannot remove a sibling of its pass; the sibling is still released once, later in the pass.
TYPED_TEST(OrderContract, ACallbackCannotRemoveASiblingAction)
{
    step* sibling = this->add("sibling");
    typename TestFixture::scene removes{
        this, this->owner, [](auto* s) {
            auto* victim = static_cast<step*>(s->a);
            EXPECT_FALSE(TypeParam::is_action_added(s->owner, &record, victim));
            EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(s->owner, &record, victim));
            EXPECT_EQ(-ENOENT, TypeParam::remove_action(s->owner, &record, victim));
            EXPECT_THAT(s->test->warnings.take_one(), HasSubstr("remove_action"));
            EXPECT_EQ(-ENOENT, TypeParam::release_action(s->owner, &record, victim));
            EXPECT_THAT(s->test->warnings.take_one(), HasSubstr("release_action"));
        }};
    removes.a = sibling;
    this->add_scene(&removes);
    EXPECT_EQ(2, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("scene", "sibling"));
}

// C11: the same when an index has been built before.
TYPED_TEST(OrderContract, ACallbackCannotRemoveASiblingActionFoundByTheIndex)
{
    for (int i = 0; i < 50; ++i)
        EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, this->add("gone")));
    step* sibling = this->add("sibling");
    typename TestFixture::scene removes{
        this, this->owner, [](auto* s) {
            auto* victim = static_cast<step*>(s->a);
            EXPECT_FALSE(TypeParam::is_action_added(s->owner, &record, victim));
            EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(s->owner, &record, victim));
        }};
    removes.a = sibling;
    this->add_scene(&removes);
    EXPECT_EQ(2, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("scene", "sibling"));
}

// C11: nor a sibling's memory, which stays valid until its place in the pass.
TYPED_TEST(OrderContract, ACallbackCannotFreeASiblingsMemory)
{
    for (const std::size_t size : {std::size_t{32}, std::size_t{100000}}) {
        typename TestFixture::scene frees{this, this->owner, [](auto* s) {
                                              auto* bytes = static_cast<char*>(s->a);
                                              TypeParam::kfree(s->owner, bytes);
                                              EXPECT_THAT(s->test->warnings.take_one(), HasSubstr("kfree"));
                                              EXPECT_EQ(nullptr, TypeParam::krealloc(s->owner, bytes, 10));
                                              EXPECT_THAT(s->test->warnings.take_one(),
                                                          HasSubstr("krealloc"));
                                              EXPECT_EQ('x', bytes[31]);
                                              bytes[31] = 'y';
                                          }};
        frees.a = TypeParam::kmalloc(this->owner, size);
        ASSERT_TRUE(frees.a);
        static_cast<char*>(frees.a)[31] = 'x';
        this->add_scene(&frees);
        EXPECT_EQ(2, devres_release_all(this->head()));
        EXPECT_THAT(this->log.take(), ElementsAre("scene"));
    }
}

// C11: nor a sibling object, node, raw resource or callable.
TYPED_TEST(OrderContract, ACallbackCannotRemoveSiblingsOfOtherKinds)
{
    struct siblings {
        noisy* object;
        noisy_node* node;
        devres_action* handle;
    };
    noisy_node node;
    node.mine = this->make("node");
    devres_node_init(&node, &noisy_node::release, "node");
    devres_action handle;

    siblings all{TypeParam::template create<noisy>(this->owner, this->make("object")), &node, &handle};
    devres_node_add(this->head(), &node);
    step* callable = this->make("callable");
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [callable] { record(callable); }, &handle));
    void* raw = devres_alloc(&release_raw, sizeof(step*));
    ASSERT_TRUE(raw);
    *static_cast<step**>(raw) = this->make("raw");
    devres_add(this->head(), raw);

    typename TestFixture::scene removes{this, this->owner, [](auto* s) {
                                            auto* victims = static_cast<siblings*>(s->a);
                                            devres_head* head = &s->owner->devres;
                                            EXPECT_EQ(-ENOENT, TypeParam::destroy(s->owner, victims->object));
                                            EXPECT_EQ(1u, s->test->warnings.take().size());
                                            EXPECT_FALSE(devres_node_remove(head, victims->node));
                                            EXPECT_EQ(-ENOENT, devres_node_release(head, victims->node));
                                            EXPECT_EQ(-ENOENT, victims->handle->cancel());
                                            EXPECT_EQ(nullptr, devres_find(head, &release_raw));
                                            EXPECT_EQ(nullptr, devres_remove(head, &release_raw));
                                            EXPECT_EQ(-ENOENT, devres_destroy(head, &release_raw));
                                            EXPECT_EQ(-ENOENT, devres_release(head, &release_raw));
                                            EXPECT_EQ(0, devres_release_all(head));
                                        }};
    removes.a = &all;
    this->add_scene(&removes);
    EXPECT_EQ(5, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("scene", "raw", "callable", "node", "object"));
}

// C11: a callback may remove what it has added itself, and what other threads add to the head meanwhile.
TYPED_TEST(OrderContract, ACallbackMayRemoveWhatIsNotOfItsPass)
{
    this->add("1");
    typename TestFixture::scene changes{this, this->owner, [](auto* s) {
                                            step* mine = s->test->add("late");
                                            EXPECT_TRUE(TypeParam::is_action_added(s->owner, &record, mine));
                                            EXPECT_EQ(0, TypeParam::remove_action(s->owner, &record, mine));
                                            step* other = s->test->add("at once");
                                            EXPECT_EQ(0, TypeParam::release_action(s->owner, &record, other));
                                        }};
    this->add_scene(&changes);
    EXPECT_EQ(2, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("scene", "at once", "1"));
    EXPECT_EQ(0u, this->listed());
}

// C11: a pass inside a pass releases what was added since, and the outer one goes on where it was.
TYPED_TEST(OrderContract, PassesNest)
{
    this->add("1");
    typename TestFixture::scene nests{this, this->owner, [](auto* s) {
                                          s->test->add("inner 1");
                                          s->test->add("inner 2");
                                          EXPECT_EQ(2, devres_release_all(&s->owner->devres));
                                      }};
    this->add_scene(&nests);
    this->add("2");
    EXPECT_EQ(3, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "scene", "inner 2", "inner 1", "1"));
}

} // namespace
