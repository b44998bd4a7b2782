// SPDX-License-Identifier: MIT
//
// Looking up, getting and removing raw resources: C6, C7, C8, C9.
#include "core/core_test.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

using DevresFindTest = core_fixture;

// C6: the newest with that release function, else null.
TEST_F(DevresFindTest, FindsTheNewestWithThatRelease)
{
    EXPECT_EQ(nullptr, devres_find(head, &item::release));
    add(1);
    item* newest = add(2);
    item* other = add(3, &item::release_other);
    EXPECT_EQ(newest, devres_find(head, &item::release));
    EXPECT_EQ(other, devres_find(head, &item::release_other));
    EXPECT_EQ(3u, listed());
}

// C6: the newest that the match accepts; null accepts any.
TEST_F(DevresFindTest, FindsTheNewestThatMatches)
{
    add(1);
    item* newer = add(1);
    add(2);
    int wanted = 1;
    EXPECT_EQ(newer, devres_find(head, &item::release, &item::has_number, &wanted));
    wanted = 9;
    EXPECT_EQ(nullptr, devres_find(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(nullptr, devres_find(head, &item::release, &item::never));
}

// C6: match is asked about that release function's resources only, and gets head and data.
TEST_F(DevresFindTest, MatchSeesOnlyResourcesOfThatRelease)
{
    struct witness {
        devres_head* head;
        std::vector<int> seen;
    };
    add(1);
    add(2, &item::release_other);
    add(3);
    node_item node(&log, "node");
    devres_node_add(head, &node);
    ASSERT_TRUE(devres_open_group(head, nullptr));
    witness w{head, {}};
    EXPECT_EQ(nullptr, devres_find(
                           head, &item::release,
                           [](devres_head* h, void* res, void* data) {
                               auto* mine = static_cast<witness*>(data);
                               EXPECT_EQ(mine->head, h);
                               mine->seen.push_back(static_cast<item*>(res)->number);
                               return false;
                           },
                           &w));
    EXPECT_THAT(w.seen, ElementsAre(3, 1));
    EXPECT_TRUE(devres_node_remove(head, &node));
}

// C7: found: the new one is freed without its release; the found one comes back.
TEST_F(DevresFindTest, GetReturnsWhatIsThere)
{
    item* there = add(1);
    int wanted = 1;
    EXPECT_EQ(there, devres_get(head, make(2), &item::has_number, &wanted));
    EXPECT_EQ(there, devres_get(head, make(3)));
    EXPECT_EQ(1u, listed());
    EXPECT_THAT(log.take(), IsEmpty());
}

// C7: not found: the new one is added as the newest.
TEST_F(DevresFindTest, GetAddsWhatIsNotThere)
{
    add(1);
    int wanted = 2;
    item* fresh = make(2);
    EXPECT_EQ(fresh, devres_get(head, fresh, &item::has_number, &wanted));
    EXPECT_EQ(2u, listed());
    EXPECT_EQ(2, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre("release 2", "release 1"));
}

// C7: keyed by the new resource's own release function.
TEST_F(DevresFindTest, GetLooksForTheSameRelease)
{
    add(1);
    item* fresh = make(1, &item::release_other);
    int wanted = 1;
    EXPECT_EQ(fresh, devres_get(head, fresh, &item::has_number, &wanted));
    EXPECT_EQ(2u, listed());
}

// C8: remove hands the newest match to the caller, and does not release.
TEST_F(DevresFindTest, RemoveHandsOutTheNewestMatch)
{
    add(1);
    item* second = add(2);
    item* third = add(3);
    EXPECT_EQ(third, devres_remove(head, &item::release));
    int wanted = 1;
    void* first = devres_remove(head, &item::release, &item::has_number, &wanted);
    ASSERT_TRUE(first);
    EXPECT_EQ(1, static_cast<item*>(first)->number);
    EXPECT_EQ(nullptr, devres_remove(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(nullptr, devres_remove(head, &item::release_other));
    EXPECT_EQ(second, devres_find(head, &item::release));
    EXPECT_EQ(1u, listed());
    EXPECT_THAT(log.take(), IsEmpty());
    devres_free(first);
    devres_free(third);
}

// C8: a handed-out resource may outlive the head.
TEST_F(DevresFindTest, AHandedOutResourceOutlivesTheHead)
{
    void* handed_out = nullptr;
    {
        bench_owner shortlived;
        devres_add(&shortlived.devres, make(5));
        handed_out = devres_remove(&shortlived.devres, &item::release);
    }
    ASSERT_TRUE(handed_out);
    EXPECT_EQ(5, static_cast<item*>(handed_out)->number);
    devres_free(handed_out);
    EXPECT_THAT(log.take(), IsEmpty());
}

// C8: destroy frees without release.
TEST_F(DevresFindTest, DestroyFreesWithoutRelease)
{
    add(1);
    add(2);
    int wanted = 1;
    EXPECT_EQ(0, devres_destroy(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(-ENOENT, devres_destroy(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(0, devres_destroy(head, &item::release));
    EXPECT_EQ(-ENOENT, devres_destroy(head, &item::release));
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), IsEmpty());
}

// C8: release removes the newest match, releases and frees it.
TEST_F(DevresFindTest, ReleaseReleasesTheNewestMatch)
{
    add(1);
    add(2);
    add(3);
    int wanted = 2;
    EXPECT_EQ(0, devres_release(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(-ENOENT, devres_release(head, &item::release, &item::has_number, &wanted));
    EXPECT_EQ(0, devres_release(head, &item::release));
    EXPECT_EQ(-ENOENT, devres_release(head, &item::release_other));
    EXPECT_THAT(log.take(), ElementsAre("release 2", "release 3"));
    EXPECT_EQ(1u, listed());
}

void use_head(devres_head* head, void*)
{
    EXPECT_EQ(nullptr, devres_find(head, &use_head)) << "it is off the list already";
    void* group = devres_open_group(head, nullptr);
    EXPECT_TRUE(group);
    EXPECT_EQ(0, devres_release_group(head, group));
}

// C8, C2: the release of one runs without the lock.
TEST_F(DevresFindTest, ReleaseRunsUnlocked)
{
    void* res = devres_alloc(&use_head, 1);
    ASSERT_TRUE(res);
    devres_add(head, res);
    EXPECT_EQ(0, devres_release(head, &use_head));
}

void note_number(devres_head*, void* res, void* data)
{
    static_cast<std::vector<int>*>(data)->push_back(static_cast<item*>(res)->number);
}

// C9: for_each visits newest first what matches.
TEST_F(DevresFindTest, ForEachVisitsNewestFirst)
{
    add(1);
    add(2, &item::release_other);
    add(3);
    add(1);
    std::vector<int> seen;
    devres_for_each_res(head, &item::release, nullptr, nullptr, &note_number, &seen);
    EXPECT_THAT(seen, ElementsAre(1, 3, 1));
    seen.clear();
    int wanted = 1;
    devres_for_each_res(head, &item::release, &item::has_number, &wanted, &note_number, &seen);
    EXPECT_THAT(seen, ElementsAre(1, 1));
    seen.clear();
    devres_for_each_res(head, &item::release, &item::never, nullptr, &note_number, &seen);
    EXPECT_THAT(seen, IsEmpty());
}

bool must_not_be_asked(devres_head*, void*, void*)
{
    ADD_FAILURE() << "a null function asks nobody";
    return true;
}

// C9: a null function is a no-op.
TEST_F(DevresFindTest, ForEachWithoutFunctionDoesNothing)
{
    add(1);
    devres_for_each_res(head, &item::release, &must_not_be_asked, nullptr, nullptr, nullptr);
    EXPECT_EQ(1u, listed());
}

using DevresFindDeathTest = core_fixture;

// C5, C7: what is to be added must not be on a list.
TEST_F(DevresFindDeathTest, GettingWithAListedResourceAborts)
{
    item* listed_already = add(1);
    EXPECT_DEATH((void)devres_get(head, listed_already, &item::never), "devres_get.*item");
}

} // namespace
