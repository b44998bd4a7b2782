// SPDX-License-Identifier: MIT
//
// A callback may drop the owner's last reference: C14. AddressSanitizer is the judge of what is touched
// after.
#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

namespace {

template <class Family>
class LifetimeContract : public contract<Family> {
public:
    // Ends the owner from inside a callback.
    static void drop(LifetimeContract* test)
    {
        test->log.add("drop");
        Family::end(std::exchange(test->owner, nullptr));
        test->log.add("dropped");
    }
    void add_drop() { ASSERT_EQ(0, Family::add_action(this->owner, &drop, this)); }
};
TYPED_TEST_SUITE(LifetimeContract, families, family_names);

// C14: in the middle of a group's release; the siblings go first, then the rest, each exactly once.
TYPED_TEST(LifetimeContract, AGroupsCallbackMayDropTheLastReference)
{
    this->add("outside, older");
    void* group = TypeParam::open_group(this->owner, nullptr);
    ASSERT_TRUE(group);
    this->add("1");
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 40));
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 70000));
    this->add_drop();
    this->add("2");
    TypeParam::close_group(this->owner, group);
    this->add("outside, newer");
    (void)TypeParam::release_group(this->owner, group);
    EXPECT_THAT(this->log.take(),
                ElementsAre("2", "drop", "1", "outside, newer", "outside, older", "dropped"));
}

// C14: in the middle of a pass over everything.
TYPED_TEST(LifetimeContract, APassesCallbackMayDropTheLastReference)
{
    this->add("1");
    this->add_drop();
    this->add("2");
    (void)devres_release_all(this->head());
    EXPECT_THAT(this->log.take(), ElementsAre("2", "drop", "1", "dropped"));
}

// C14: what the callback attached before it dropped the owner is released as well, as the newest (C1).
TYPED_TEST(LifetimeContract, WhatWasAddedBeforeTheDropIsReleased)
{
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this] {
                  this->add("late");
                  this->drop(this);
              }));
    (void)devres_release_all(this->head());
    EXPECT_THAT(this->log.take(), ElementsAre("drop", "late", "1", "dropped"));
}

// C14
TYPED_TEST(LifetimeContract, AReleasedActionMayDropTheLastReference)
{
    this->add("1");
    this->add_drop();
    this->add("2");
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &TestFixture::drop, static_cast<TestFixture*>(this)));
    EXPECT_THAT(this->log.take(), ElementsAre("drop", "2", "1", "dropped"));
}

// C14: the callable itself lives on until it returns, and is destroyed once.
TYPED_TEST(LifetimeContract, ACallableRunByItsHandleMayDropTheLastReference)
{
    struct goodbye {
        explicit goodbye(TestFixture* t) : test(t) {}
        goodbye(goodbye&& other) noexcept : test(std::exchange(other.test, nullptr)) {}
        goodbye& operator=(goodbye&&) = delete;
        ~goodbye()
        {
            if (test)
                test->log.add("callable destroyed");
        }
        void operator()()
        {
            test->drop(test);
            test->log.add(text); // reads the managed memory after the owner has gone
        }
        TestFixture* test;
        const char* text = "still here";
    };
    this->add("1");
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, goodbye(this), &handle));
    this->add("2");
    EXPECT_EQ(0, handle.run());
    EXPECT_THAT(this->log.take(),
                ElementsAre("drop", "2", "1", "dropped", "still here", "callable destroyed"));
    EXPECT_EQ(-ENOENT, handle.cancel());
}

// C14
TYPED_TEST(LifetimeContract, ARawResourceMayDropTheLastReference)
{
    struct raw {
        TestFixture* test;
        static void release(devres_head*, void* res)
        {
            auto* self = static_cast<raw*>(res);
            self->test->drop(self->test);
            self->test->log.add("still here");
        }
    };
    this->add("1");
    void* res = devres_alloc(&raw::release, sizeof(raw));
    ASSERT_TRUE(res);
    static_cast<raw*>(res)->test = this;
    devres_add(this->head(), res);
    EXPECT_EQ(0, devres_release(this->head(), &raw::release));
    EXPECT_THAT(this->log.take(), ElementsAre("drop", "1", "dropped", "still here"));
}

// C14: a node may take itself and its owner along.
TYPED_TEST(LifetimeContract, ANodeMayFreeItselfAndDropTheLastReference)
{
    struct farewell : devres_node {
        TestFixture* test = nullptr;
        static void release(devres_head*, devres_node* node)
        {
            auto* self = static_cast<farewell*>(node);
            TestFixture* test = self->test;
            delete self;
            test->drop(test);
        }
    };
    this->add("1");
    auto* node = new farewell;
    node->test = this;
    devres_node_init(node, &farewell::release, "farewell");
    devres_node_add(this->head(), node);
    this->add("2");
    (void)devres_release_all(this->head());
    EXPECT_THAT(this->log.take(), ElementsAre("2", "drop", "1", "dropped"));
}

// C14
TYPED_TEST(LifetimeContract, AnObjectsDestructorMayDropTheLastReference)
{
    struct last {
        explicit last(TestFixture* t) : test(t) {}
        ~last()
        {
            test->drop(test);
            test->log.add("still here");
        }
        last(const last&) = delete;
        last& operator=(const last&) = delete;
        TestFixture* test;
    };
    this->add("1");
    auto* object = TypeParam::template create<last>(this->owner, this);
    ASSERT_TRUE(object);
    EXPECT_EQ(0, TypeParam::destroy(this->owner, object));
    EXPECT_THAT(this->log.take(), ElementsAre("drop", "1", "dropped", "still here"));
}

// C14: a group inside the release of a group; both passes are finished before the owner goes.
TYPED_TEST(LifetimeContract, ADropInANestedReleaseFinishesBothPasses)
{
    void* outer = TypeParam::open_group(this->owner, nullptr);
    ASSERT_TRUE(outer);
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this] {
                  void* inner = TypeParam::open_group(this->owner, nullptr);
                  ASSERT_TRUE(inner);
                  this->add("inner 1");
                  this->add_drop();
                  this->add("inner 2");
                  (void)TypeParam::release_group(this->owner, inner);
                  this->log.add("inner group released");
              }));
    TypeParam::close_group(this->owner, outer);
    this->add("newest");
    (void)TypeParam::release_group(this->owner, outer);
    events all = this->log.take();
    EXPECT_THAT(all, ::testing::UnorderedElementsAre("inner 2", "drop", "inner 1", "1", "newest", "dropped",
                                                     "inner group released"));
    const auto at = [&all](const char* name) {
        return std::find(all.begin(), all.end(), name) - all.begin();
    };
    EXPECT_LT(at("inner 1"), at("newest")) << "the pass under way is finished first";
    EXPECT_LT(at("newest"), at("dropped")) << "the owner was gone before everything was released";
    EXPECT_LT(at("1"), at("dropped")) << "the owner was gone before everything was released";
}

} // namespace
