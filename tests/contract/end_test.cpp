// SPDX-License-Identifier: MIT
//
// Nothing is lost at the end of an owner, and the end waits: C12, C15.
#include "contract/ends.h"
#include "support/threads.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <class End>
class EndContract : public contract<End> {
};
TYPED_TEST_SUITE(EndContract, ends, end_names);

// C12: the end releases what is there.
TYPED_TEST(EndContract, ReleasesEverythingAtTheEnd)
{
    this->add("1");
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 20));
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 70000));
    ASSERT_TRUE(TypeParam::open_group(this->owner, nullptr));
    this->add("2");
    EXPECT_THAT(this->end(), ElementsAre("2", "1"));
}

// C12: what callbacks add at the end is released too, pass after pass.
TYPED_TEST(EndContract, ReleasesWhatCallbacksAddAtTheEnd)
{
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this] {
                  this->log.add("adder");
                  this->add("late 1");
                  EXPECT_EQ(0, TypeParam::add_action(this->owner, [this] {
                                this->log.add("late adder");
                                EXPECT_TRUE(TypeParam::kmalloc(this->owner, 3000));
                                this->add("later");
                            }));
                  this->add("late 2");
              }));
    this->add("2");
    auto* ending = this->owner;
    TypeParam::end(ending);
    this->owner = nullptr;
    EXPECT_THAT(this->log.take(), ElementsAre("2", "adder", "1", "late 2", "late adder", "late 1", "later"));
}

// C12, C14: a callback drains its own head, which lets go of its memory, and adds more. Found by fuzzing.
TYPED_TEST(EndContract, CallbackDrainsItsOwnHeadAndAddsMore)
{
    step* late = this->make("late");
    const auto drain_and_add = [this, owner = this->owner, late] {
        this->log.add("drainer");
        devres_drain(&owner->devres);
        EXPECT_TRUE(TypeParam::kmalloc(owner, 40));
        EXPECT_EQ(0, TypeParam::add_action(owner, &record, late));
    };
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, drain_and_add));
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 3000));
    this->add("2");
    EXPECT_EQ(6, devres_drain(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "drainer", "1", "late"));
    this->add("3");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, drain_and_add));
    EXPECT_THAT(this->end(), ElementsAre("drainer", "3", "late"));
}

// A resource that comes back whenever it is released.
template <class Owner>
struct reviving {
    Owner* owner;
    int* releases;
    static void release(devres_head* head, void* res)
    {
        const reviving self = *static_cast<reviving*>(res);
        ++*self.releases;
        void* again = devres_alloc(&release, sizeof(reviving), GFP_KERNEL, "phoenix");
        ASSERT_TRUE(again);
        *static_cast<reviving*>(again) = self;
        devres_add(head, again);
    }
};

// C12: a callback that adds for ever is cut off and named; the memory is freed, the release not called.
TYPED_TEST(EndContract, CutsOffACallbackThatAddsForEver)
{
    using phoenix = reviving<typename TestFixture::owner_type>;
    int releases = 0;
    void* res = devres_alloc(&phoenix::release, sizeof(phoenix), GFP_KERNEL, "phoenix");
    ASSERT_TRUE(res);
    *static_cast<phoenix*>(res) = {this->owner, &releases};
    devres_add(this->head(), res);
    this->add("1");
    EXPECT_THAT(this->end(), ElementsAre("1"));
    EXPECT_EQ(devres_max_passes, releases);
    EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("phoenix"), HasSubstr(TypeParam::kind)));
}

// C12: also if it is an action with a block from the upstream in tow.
TYPED_TEST(EndContract, CutsOffAnActionThatAddsForEver)
{
    struct again {
        typename TestFixture::owner_type* owner;
        int calls = 0;
        static void run(again* self)
        {
            ++self->calls;
            EXPECT_TRUE(TypeParam::kmalloc(self->owner, 50000));
            EXPECT_EQ(0, TypeParam::add_action(self->owner, &run, self));
        }
    };
    again self{this->owner};
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &again::run, &self));
    this->end();
    EXPECT_EQ(devres_max_passes, self.calls);
    EXPECT_THAT(this->warnings.take(), ElementsAre(HasSubstr(TypeParam::kind)));
}

// C12: a long chain that does end is not cut off.
TYPED_TEST(EndContract, DoesNotCutOffALongChain)
{
    struct chain {
        typename TestFixture::owner_type* owner;
        int left;
        static void run(chain* self)
        {
            if (--self->left > 0) {
                EXPECT_EQ(0, TypeParam::add_action(self->owner, &run, self));
            }
        }
    };
    chain self{this->owner, devres_max_passes - 1};
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &chain::run, &self));
    this->end();
    EXPECT_EQ(0, self.left);
}

// --- C15: a resource that another thread has claimed is waited for
// ---------------------------------------------

// What the other thread is busy with. The members are plain, so that TSan sees whether the end really waited.
struct slow_release {
    doorway inside;
    doorway leave;
    bool done = false;

    void run()
    {
        inside.open();
        leave.pass();
        linger();
        done = true;
    }
    static void action(slow_release* self) { self->run(); }
    static void raw(devres_head*, void* res) { (*static_cast<slow_release**>(res))->run(); }
};

struct slow_node : devres_node {
    slow_release* mine = nullptr;
    static void release(devres_head*, devres_node* node) { static_cast<slow_node*>(node)->mine->run(); }
};

template <class End>
class EndWaitsContract : public EndContract<End> {
public:
    // `release` must run slow.run() on this owner; the end begins while it does.
    template <class Release>
    void ends_while(Release release)
    {
        std::thread other(release);
        slow.inside.pass();
        // Goes in the end's own pass: the other thread goes on only when the end is under way.
        ASSERT_EQ(0, End::add_action(this->owner, [this] { slow.leave.open(); }));
        this->end();
        EXPECT_TRUE(slow.done) << "the end did not wait";
        other.join();
    }
    slow_release slow;
};
TYPED_TEST_SUITE(EndWaitsContract, ends, end_names);

// C15
TYPED_TEST(EndWaitsContract, WaitsForReleaseAction)
{
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &slow_release::action, &this->slow));
    this->ends_while([this, owner = this->owner] {
        EXPECT_EQ(0, TypeParam::release_action(owner, &slow_release::action, &this->slow));
    });
}

// C15
TYPED_TEST(EndWaitsContract, WaitsForReleaseAll)
{
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &slow_release::action, &this->slow));
    this->ends_while([owner = this->owner] { EXPECT_EQ(2, devres_release_all(&owner->devres)); });
    EXPECT_THAT(this->log.take(), ::testing::IsEmpty()) << "the end returned before \"1\" was released";
}

// C15
TYPED_TEST(EndWaitsContract, WaitsForReleaseGroup)
{
    void* group = TypeParam::open_group(this->owner, nullptr);
    ASSERT_TRUE(group);
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &slow_release::action, &this->slow));
    TypeParam::close_group(this->owner, group);
    this->ends_while([owner = this->owner, group] { EXPECT_EQ(1, TypeParam::release_group(owner, group)); });
}

// C15
TYPED_TEST(EndWaitsContract, WaitsForDevresRelease)
{
    void* res = devres_alloc(&slow_release::raw, sizeof(slow_release*));
    ASSERT_TRUE(res);
    *static_cast<slow_release**>(res) = &this->slow;
    devres_add(this->head(), res);
    this->ends_while(
        [owner = this->owner] { EXPECT_EQ(0, devres_release(&owner->devres, &slow_release::raw)); });
}

// C15
TYPED_TEST(EndWaitsContract, WaitsForANodeRelease)
{
    slow_node node;
    node.mine = &this->slow;
    devres_node_init(&node, &slow_node::release, "slow node");
    devres_node_add(this->head(), &node);
    this->ends_while(
        [owner = this->owner, n = &node] { EXPECT_EQ(0, devres_node_release(&owner->devres, n)); });
}

// C15
TYPED_TEST(EndWaitsContract, WaitsForTheRunOfAHandle)
{
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [this] { this->slow.run(); }, &handle));
    this->ends_while([&handle] { EXPECT_EQ(0, handle.run()); });
}

struct slow_object {
    explicit slow_object(slow_release* s) : mine(s) {}
    ~slow_object() { mine->run(); }
    slow_object(const slow_object&) = delete;
    slow_object& operator=(const slow_object&) = delete;
    slow_release* mine;
};

// C15
TYPED_TEST(EndWaitsContract, WaitsForTheDestructionOfAnObject)
{
    auto* object = TypeParam::template create<slow_object>(this->owner, &this->slow);
    ASSERT_TRUE(object);
    this->ends_while([owner = this->owner, object] { EXPECT_EQ(0, TypeParam::destroy(owner, object)); });
}

// C12, C15: what the other thread's callback adds while the end waits for it is not lost either.
TYPED_TEST(EndWaitsContract, ReleasesWhatAnotherThreadsCallbackAddsLast)
{
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this, owner = this->owner] {
                  this->slow.run();
                  EXPECT_EQ(0, TypeParam::add_action(owner, &record, this->make("late")));
              }));
    std::thread other([owner = this->owner] { EXPECT_EQ(1, devres_release_all(&owner->devres)); });
    this->slow.inside.pass();
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this] { this->slow.leave.open(); }));
    EXPECT_THAT(this->end(), ElementsAre("late"));
    other.join();
}

} // namespace
