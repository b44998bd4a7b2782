// SPDX-License-Identifier: MIT
//
// Actions as (function, data) pairs: A1, A2, A3.
#include <algorithm>
#include <random>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <class Family>
class ActionContract : public contract<Family> {
};
TYPED_TEST_SUITE(ActionContract, families, family_names);

void other_record(step* s)
{
    s->log->add("other " + s->name);
}

int null_calls = 0;
void count_null(void* data)
{
    EXPECT_EQ(nullptr, data);
    ++null_calls;
}

// A1: the action is called once, with its data, at the end.
TYPED_TEST(ActionContract, CallsTheActionWithItsData)
{
    this->add("1");
    EXPECT_THAT(this->log.take(), ElementsAre());
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A1: the same pair may be added several times, and is called as often.
TYPED_TEST(ActionContract, AllowsDuplicates)
{
    step* s = this->add("twice");
    EXPECT_EQ(0, TypeParam::add_action(this->owner, &record, s));
    EXPECT_THAT(this->end(), ElementsAre("twice", "twice"));
}

// A1: data may be null.
TYPED_TEST(ActionContract, AllowsNullData)
{
    null_calls = 0;
    EXPECT_EQ(0, TypeParam::add_action(this->owner, &count_null, nullptr));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &count_null, nullptr));
    this->end();
    EXPECT_EQ(1, null_calls);
}

// A1: -ENOMEM, with the action not called and nothing listed.
TYPED_TEST(ActionContract, AddActionWithoutMemoryChangesNothing)
{
    this->upstream.fail_from(0);
    step* s = this->make("never");
    EXPECT_EQ(-ENOMEM, TypeParam::add_action(this->owner, &record, s));
    EXPECT_EQ(0u, this->listed());
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &record, s));
    this->upstream.fail_no_more();
    EXPECT_THAT(this->end(), ElementsAre());
}

// A2: on failure the action runs at once, and only then.
TYPED_TEST(ActionContract, AddActionOrResetWithoutMemoryCallsTheAction)
{
    this->upstream.fail_from(0);
    EXPECT_EQ(-ENOMEM, TypeParam::add_action_or_reset(this->owner, &record, this->make("reset")));
    EXPECT_THAT(this->log.take(), ElementsAre("reset"));
    EXPECT_EQ(0u, this->listed());
    this->upstream.fail_no_more();
    EXPECT_EQ(0, TypeParam::add_action_or_reset(this->owner, &record, this->make("later")));
    EXPECT_THAT(this->log.take(), ElementsAre());
    EXPECT_THAT(this->end(), ElementsAre("later"));
}

// A2: an action that takes its owner gets it then, too.
TYPED_TEST(ActionContract, AddActionOrResetPassesTheOwner)
{
    using owner_t = typename TestFixture::owner_type;
    this->upstream.fail_from(0);
    owner_t* seen = nullptr;
    EXPECT_EQ(-ENOMEM, TypeParam::add_action_or_reset(
                           this->owner, [](owner_t* o, owner_t** data) { *data = o; }, &seen));
    EXPECT_EQ(this->owner, seen);
    this->upstream.fail_no_more();
}

// A3: remove does not call the action.
TYPED_TEST(ActionContract, RemoveActionDoesNotCallIt)
{
    this->add("1");
    step* s = this->add("removed");
    this->add("2");
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
    EXPECT_EQ(2u, this->listed());
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &record, s));
    EXPECT_THAT(this->end(), ElementsAre("2", "1"));
}

// A3
TYPED_TEST(ActionContract, RemoveActionNowarnDoesNotCallIt)
{
    step* s = this->add("removed");
    EXPECT_EQ(0, TypeParam::remove_action_nowarn(this->owner, &record, s));
    EXPECT_THAT(this->end(), ElementsAre());
}

// A3: release calls it at once.
TYPED_TEST(ActionContract, ReleaseActionCallsIt)
{
    this->add("1");
    step* s = this->add("released");
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &record, s));
    EXPECT_THAT(this->log.take(), ElementsAre("released"));
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A3: release calls it without the lock: the action uses the head.
TYPED_TEST(ActionContract, ReleaseActionCallsItUnlocked)
{
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [](TestFixture* test) { test->add("from inside"); },
                     static_cast<TestFixture*>(this)));
    step* s = this->add("1");
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
    EXPECT_EQ(1, devres_release_all(this->head()));
    EXPECT_THAT(this->end(), ElementsAre("from inside"));
}

// A3: the pair must be exact.
TYPED_TEST(ActionContract, MatchesFunctionAndData)
{
    step* s = this->add("1");
    step* never_added = this->make("never");
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &other_record, s));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, never_added));
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &other_record, s));
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &record, never_added));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &record, s));
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A3: of equal pairs the newest goes (drmm in Linux took the oldest).
TYPED_TEST(ActionContract, RemovesTheNewestOfEqualPairs)
{
    step* s = this->add("pair");
    this->add("between");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, s));
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &record, s));
    EXPECT_THAT(this->end(), ElementsAre("between", "pair"));
}

// A3
TYPED_TEST(ActionContract, ReleasesTheNewestOfEqualPairs)
{
    step* s = this->add("pair");
    this->add("between");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, s));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &record, s));
    EXPECT_THAT(this->log.take(), ElementsAre("pair"));
    EXPECT_THAT(this->end(), ElementsAre("between", "pair"));
}

// A3: newest first also among many equal pairs, mixed with removal and adding.
TYPED_TEST(ActionContract, ManyEqualPairsGoNewestFirst)
{
    step* pair = this->make("pair");
    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, pair));
        this->add(std::to_string(i));
    }
    for (int i = 0; i < 200; ++i)
        ASSERT_EQ(0, TypeParam::remove_action(this->owner, &record, pair));
    for (int i = 0; i < 50; ++i)
        ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, pair));
    for (int i = 0; i < 49; ++i)
        ASSERT_EQ(0, TypeParam::release_action(this->owner, &record, pair));
    EXPECT_EQ(49u, this->log.take().size());

    events expected{"pair"};
    for (int i = 299; i >= 100; --i)
        expected.push_back(std::to_string(i));
    for (int i = 99; i >= 0; --i) {
        expected.push_back(std::to_string(i));
        expected.push_back("pair");
    }
    EXPECT_EQ(expected, this->end());
}

// A3: null data matches null data only, never "any".
TYPED_TEST(ActionContract, NullDataMatchesNullDataOnly)
{
    null_calls = 0;
    int something = 0;
    static const auto ignore = [](void*) {};
    ASSERT_EQ(0, TypeParam::add_action(this->owner, ignore, &something));
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, ignore, nullptr));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, ignore, nullptr));
    EXPECT_EQ(-ENOENT, TypeParam::release_action(this->owner, ignore, nullptr));
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("release_action"));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &count_null, nullptr));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &count_null, nullptr));
    EXPECT_EQ(1, null_calls);
    EXPECT_EQ(1u, this->listed());
}

// A3: missing: a WARN and -ENOENT, with nothing changed; the nowarn form is silent.
TYPED_TEST(ActionContract, MissingActionsAreReported)
{
    this->add("1");
    step* missing = this->make("missing");
    EXPECT_EQ(-ENOENT, TypeParam::remove_action(this->owner, &record, missing));
    EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("remove_action"), HasSubstr(TypeParam::kind)));
    EXPECT_EQ(-ENOENT, TypeParam::release_action(this->owner, &record, missing));
    EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("release_action"), HasSubstr(TypeParam::kind)));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, missing));
    EXPECT_THAT(this->warnings.take(), ElementsAre());
    EXPECT_EQ(1u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A3: an owner that has nothing.
TYPED_TEST(ActionContract, NothingIsFoundOnAnEmptyOwner)
{
    step* missing = this->make("missing");
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &record, missing));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, missing));
    EXPECT_EQ(0u, this->upstream.calls()) << "looking needs no memory";
}

// A3: a removed pair may be added again, any number of times.
TYPED_TEST(ActionContract, AddsAgainAfterRemoval)
{
    step* s = this->make("1");
    for (int i = 0; i < 1000; ++i) {
        ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, s));
        ASSERT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
        ASSERT_FALSE(TypeParam::is_action_added(this->owner, &record, s));
    }
    EXPECT_EQ(0u, this->listed());
    EXPECT_LE(this->upstream.live_bytes(), 65536u) << "slots are used again";
}

// A3: removal at random among many, the rest in order.
TYPED_TEST(ActionContract, RemovesAtRandomAmongMany)
{
    constexpr std::size_t many = 2000;
    std::vector<step*> all;
    for (std::size_t i = 0; i < many; ++i)
        all.push_back(this->add(std::to_string(i)));
    std::vector<step*> victims = all;
    std::mt19937 random(1); // NOLINT(cert-msc51-cpp): the same every time
    std::shuffle(victims.begin(), victims.end(), random);
    victims.resize(many / 2);
    for (step* victim : victims)
        ASSERT_EQ(0, TypeParam::remove_action(this->owner, &record, victim));
    EXPECT_EQ(many / 2, this->listed());
    for (step* victim : victims) {
        ASSERT_FALSE(TypeParam::is_action_added(this->owner, &record, victim));
        all.erase(std::find(all.begin(), all.end(), victim));
    }
    events expected;
    for (auto it = all.rbegin(); it != all.rend(); ++it)
        expected.push_back((*it)->name);
    EXPECT_EQ(expected, this->end());
}

// A3: without memory for an index, removal still gives the right answer.
TYPED_TEST(ActionContract, RemovesWithoutMemoryForAnIndex)
{
    std::vector<step*> all;
    for (int i = 0; i < 500; ++i)
        all.push_back(this->add(std::to_string(i)));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &record, all[7]));
    this->upstream.fail_from(0);
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, all[7])) << "the newer of the two";
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &record, all[7]));
    for (std::size_t i = 0; i < 500; i += 2)
        EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, all[i]));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &record, all[7]));
    EXPECT_FALSE(TypeParam::is_action_added(this->owner, &record, all[7]));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, all[8]));
    EXPECT_EQ(249u, this->listed());
    this->upstream.fail_no_more();
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, all[9]));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, all[9]));
    EXPECT_EQ(248u, this->listed());
}

} // namespace
