// SPDX-License-Identifier: MIT
//
// Groups on every owner: G1 to G6.
#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

template <class Family>
class GroupContract : public contract<Family> {
public:
    void* open(void* id = nullptr)
    {
        void* opened = Family::open_group(this->owner, id);
        EXPECT_TRUE(opened);
        return opened;
    }
    void close(void* id) { Family::close_group(this->owner, id); }
    int release(void* id) { return Family::release_group(this->owner, id); }
    void remove(void* id) { Family::remove_group(this->owner, id); }

    // A WARN that names function and owner.
    void expect_warn(const char* function)
    {
        EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr(function), HasSubstr(Family::kind)));
    }

    int ids[4] = {};
    void* const a = &ids[0];
    void* const b = &ids[1];
    void* const c = &ids[2];
};
TYPED_TEST_SUITE(GroupContract, families, family_names);

// G1: the id comes back; null gives one of the group's own, each time another.
TYPED_TEST(GroupContract, OpenReturnsTheId)
{
    EXPECT_EQ(this->a, this->open(this->a));
    void* first = this->open();
    void* second = this->open();
    EXPECT_NE(nullptr, first);
    EXPECT_NE(first, second);
    this->add("1");
    EXPECT_EQ(1, this->release(first));
    EXPECT_EQ(1u, this->listed()) << "the second group went with the first, a stayed";
}

// G1: null on no memory.
TYPED_TEST(GroupContract, OpenWithoutMemoryGivesNull)
{
    this->upstream.fail_from(0);
    EXPECT_EQ(nullptr, TypeParam::open_group(this->owner, nullptr));
    EXPECT_EQ(nullptr, TypeParam::open_group(this->owner, this->a));
    this->upstream.fail_no_more();
    EXPECT_EQ(0u, this->listed());
}

// G1: closing needs no memory.
TYPED_TEST(GroupContract, CloseNeedsNoMemory)
{
    this->open(this->a);
    this->add("1");
    this->upstream.fail_from(0);
    this->close(this->a);
    this->upstream.fail_no_more();
    this->add("2");
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
}

// G1: equal ids may coexist; the newest wins.
TYPED_TEST(GroupContract, TheNewestOfEqualIdsWins)
{
    this->open(this->a);
    this->add("1");
    this->close(this->a);
    this->open(this->a);
    this->add("2");
    this->close(this->a);
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
    EXPECT_EQ(0u, this->listed());
}

// G2: by id open and closed groups are found, by null the newest open one.
TYPED_TEST(GroupContract, NullFindsTheNewestOpenGroup)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->open(this->c);
    this->add("3");
    this->close(this->c);
    EXPECT_EQ(2, this->release(nullptr)) << "b, with c inside";
    EXPECT_THAT(this->log.take(), ElementsAre("3", "2"));
    EXPECT_EQ(1, this->release(nullptr)) << "a";
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
    EXPECT_EQ(0u, this->listed());
}

// G2
TYPED_TEST(GroupContract, NullClosesTheNewestOpenGroup)
{
    this->open(this->a);
    this->open(this->b);
    this->add("1");
    this->close(nullptr);
    this->add("2");
    this->close(nullptr);
    this->add("3");
    EXPECT_EQ(1, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
    EXPECT_THAT(this->end(), ElementsAre("3"));
}

// G2: with everything closed, null finds nothing.
TYPED_TEST(GroupContract, NullDoesNotFindClosedGroups)
{
    this->open(this->a);
    this->add("1");
    this->close(this->a);
    EXPECT_EQ(0, this->release(nullptr));
    this->expect_warn("release_group");
    this->remove(nullptr);
    this->expect_warn("remove_group");
    this->close(nullptr);
    this->expect_warn("close_group");
    EXPECT_EQ(3u, this->listed());
    EXPECT_EQ(1, this->release(this->a));
}

// G3: a missing group cannot be closed: WARN.
TYPED_TEST(GroupContract, ClosingAMissingGroupIsReported)
{
    this->close(this->a);
    this->expect_warn("close_group");
    this->open(this->b);
    this->add("1");
    this->close(this->a);
    this->expect_warn("close_group");
    EXPECT_EQ(2u, this->listed());
}

// G3: nor can a closed one (a BUG in Linux): WARN, no change.
TYPED_TEST(GroupContract, ClosingAClosedGroupIsReported)
{
    this->open(this->a);
    this->add("1");
    this->close(this->a);
    this->add("2");
    this->close(this->a);
    this->expect_warn("close_group");
    EXPECT_EQ(4u, this->listed());
    EXPECT_EQ(1, this->release(this->a)) << "it ends where it was closed first";
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
}

// G4: remove drops the markers of an open or a closed group, and only those.
TYPED_TEST(GroupContract, RemoveDropsTheMarkersOnly)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->b);
    this->remove(this->b);
    EXPECT_EQ(3u, this->listed());
    this->remove(this->a);
    EXPECT_EQ(2u, this->listed());
    EXPECT_THAT(this->log.take(), IsEmpty());
    EXPECT_THAT(this->end(), ElementsAre("2", "1"));
}

// G4: by null the newest open one.
TYPED_TEST(GroupContract, RemoveByNullDropsTheNewestOpenGroup)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->remove(nullptr);
    EXPECT_EQ(2, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
}

// G4: missing: WARN.
TYPED_TEST(GroupContract, RemovingAMissingGroupIsReported)
{
    this->remove(this->a);
    this->expect_warn("remove_group");
    this->add("1");
    this->remove(this->a);
    this->expect_warn("remove_group");
    EXPECT_EQ(1u, this->listed());
}

// G5: everything between the markers, newest first, and nothing else.
TYPED_TEST(GroupContract, ReleaseTakesWhatIsBetweenTheMarkers)
{
    this->add("before");
    this->open(this->a);
    this->add("1");
    this->add("2");
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 10));
    this->close(this->a);
    this->add("after");
    EXPECT_EQ(3, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    EXPECT_EQ(2u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("after", "before"));
}

// G5: to the list's end if the group is open.
TYPED_TEST(GroupContract, ReleaseOfAnOpenGroupGoesToTheEnd)
{
    this->add("before");
    this->open(this->a);
    this->add("1");
    this->add("2");
    EXPECT_EQ(2, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    EXPECT_EQ(1u, this->listed());
}

// G5: an empty group is released, too.
TYPED_TEST(GroupContract, ReleaseOfAnEmptyGroupDropsIt)
{
    this->open(this->a);
    this->close(this->a);
    this->add("1");
    EXPECT_EQ(0, this->release(this->a));
    EXPECT_EQ(1u, this->listed());
    this->open(this->b);
    EXPECT_EQ(0, this->release(this->b));
    EXPECT_EQ(1u, this->listed());
}

// G5: groups wholly inside go along.
TYPED_TEST(GroupContract, ReleaseTakesInnerGroupsAlong)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->open(this->c);
    this->add("3");
    this->close(this->c);
    this->close(this->b);
    this->add("4");
    this->close(this->a);
    EXPECT_EQ(4, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("4", "3", "2", "1"));
    EXPECT_EQ(0u, this->listed());
}

// G5: the outer group survives the release of the inner one.
TYPED_TEST(GroupContract, ReleaseOfAnInnerGroupLeavesTheOuter)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->b);
    this->add("3");
    this->close(this->a);
    EXPECT_EQ(1, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
    EXPECT_EQ(2, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("3", "1"));
}

// G5: a missing group: 0; silent if the head is empty, else a WARN.
TYPED_TEST(GroupContract, ReleasingAMissingGroupIsReportedUnlessEmpty)
{
    EXPECT_EQ(0, this->release(this->a));
    EXPECT_EQ(0, this->release(nullptr));
    EXPECT_THAT(this->warnings.take(), IsEmpty());
    this->add("1");
    EXPECT_EQ(0, this->release(this->a));
    this->expect_warn("release_group");
    EXPECT_EQ(0, this->release(nullptr));
    this->expect_warn("release_group");
    EXPECT_EQ(1u, this->listed());
}

// G5: a group that was removed is missing, its memory forgotten.
TYPED_TEST(GroupContract, ARemovedGroupIsMissing)
{
    void* id = this->open();
    this->add("1");
    this->remove(id);
    EXPECT_EQ(0, this->release(id));
    this->expect_warn("release_group");
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// G6: A( 1 B( 2 )A 3 )B: release A frees 2, 1 and keeps B with 3.
TYPED_TEST(GroupContract, ReleaseKeepsAnOverlappingGroupThatBeganInside)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->a);
    this->add("3");
    this->close(this->b);
    EXPECT_EQ(2, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    EXPECT_EQ(3u, this->listed());
    this->add("4");
    EXPECT_EQ(1, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("3"));
    EXPECT_THAT(this->end(), ElementsAre("4"));
}

// G6: the other way round: release B frees 3, 2 and keeps A with 1.
TYPED_TEST(GroupContract, ReleaseKeepsAnOverlappingGroupThatEndedInside)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->a);
    this->add("3");
    this->close(this->b);
    EXPECT_EQ(2, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("3", "2"));
    EXPECT_EQ(3u, this->listed());
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
}

// G5: a group that overlaps two others, one after the other, survives both.
TYPED_TEST(GroupContract, ReleaseKeepsAGroupThatOverlappedAnotherBefore)
{
    this->open(this->a);
    void* both = this->open();
    this->open(this->b);
    this->close(this->a);
    this->add("1");
    this->close(both);
    this->add("2");
    this->close(this->b);
    EXPECT_EQ(0, this->release(this->a));
    EXPECT_EQ(1, this->release(both));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
    EXPECT_EQ(1, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
}

// G6: a group closed around a still open inner group takes that along: its opening marker inside is enough.
TYPED_TEST(GroupContract, ReleaseTakesAStillOpenInnerGroupAlong)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->a);
    this->add("3");
    EXPECT_EQ(2, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    EXPECT_EQ(1u, this->listed());
    this->close(this->b);
    this->expect_warn("close_group");
    EXPECT_THAT(this->end(), ElementsAre("3"));
}

// G5: an open outer group reaches to the end, over everything that was closed since.
TYPED_TEST(GroupContract, ReleaseOfAnOpenGroupKeepsAGroupThatBeganBefore)
{
    this->open(this->a);
    this->add("1");
    this->open(this->b);
    this->add("2");
    this->close(this->a);
    this->add("3");
    EXPECT_EQ(2, this->release(this->b));
    EXPECT_THAT(this->log.take(), ElementsAre("3", "2"));
    EXPECT_EQ(3u, this->listed());
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("1"));
}

// G5, C11: what a group's callback adds stays; what it removes from outside the group goes.
TYPED_TEST(GroupContract, CallbacksOfAGroupMayUseTheHead)
{
    step* outside = this->add("outside");
    this->open(this->a);
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [this, outside] {
                  this->add("late");
                  EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, outside));
                  EXPECT_EQ(0, this->release(this->a)) << "this group is gone already";
                  this->expect_warn("release_group");
                  void* fresh = this->open(this->a);
                  this->add("fresh");
                  EXPECT_EQ(1, this->release(fresh));
              }));
    this->close(this->a);
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("fresh"));
    EXPECT_THAT(this->end(), ElementsAre("late"));
}

// G5: a resource removed from the middle of a group is not its resource any more.
TYPED_TEST(GroupContract, RemovedResourcesAreNotReleasedWithTheGroup)
{
    this->open(this->a);
    step* first = this->add("1");
    this->add("2");
    step* last = this->add("3");
    this->close(this->a);
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, first));
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, last));
    EXPECT_EQ(1, this->release(this->a));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
    EXPECT_EQ(0u, this->listed());
}

// A10: the scope rolls back unless it was committed.
TYPED_TEST(GroupContract, AScopeRollsBackUnlessCommitted)
{
    this->add("before");
    {
        devres_group_scope scope(this->owner);
        ASSERT_TRUE(scope);
        this->add("1");
        this->add("2");
    }
    EXPECT_THAT(this->log.take(), ElementsAre("2", "1"));
    {
        devres_group_scope scope(this->owner);
        ASSERT_TRUE(scope);
        this->add("3");
        scope.commit();
        scope.commit();
    }
    EXPECT_EQ(2u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("3", "before"));
}

} // namespace
