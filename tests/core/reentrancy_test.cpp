// SPDX-License-Identifier: MIT
//
// match and for_each callbacks run under the lock: calling back into the same head is reported, not a hang.
// C2.
#include "core/core_test.h"

using namespace devres;
using namespace devres::test;

namespace {

using DevresReentrancyTest = core_fixture;
using DevresReentrancyDeathTest = core_fixture;

bool match_that_finds(devres_head* head, void*, void*)
{
    return devres_find(head, &item::release) != nullptr;
}
bool match_that_removes(devres_head* head, void*, void*)
{
    return devres_destroy(head, &item::release) == 0;
}
void visit_that_releases(devres_head* head, void*, void*)
{
    devres_release_all(head);
}
void visit_that_opens_a_group(devres_head* head, void*, void*)
{
    (void)devres_open_group(head, nullptr);
}

// C2
TEST_F(DevresReentrancyDeathTest, CallingBackFromMatchAborts)
{
    add(1);
    EXPECT_DEATH(devres_find(head, &item::release, &match_that_finds), "bench");
    EXPECT_DEATH((void)devres_remove(head, &item::release, &match_that_removes), "bench");
}

// C2: also from the match of devres_get.
TEST_F(DevresReentrancyDeathTest, CallingBackFromTheMatchOfGetAborts)
{
    add(1);
    item* fresh = make(2);
    EXPECT_DEATH(devres_get(head, fresh, &match_that_finds), "bench");
    devres_free(fresh);
}

// C2
TEST_F(DevresReentrancyDeathTest, CallingBackFromForEachAborts)
{
    add(1);
    EXPECT_DEATH(devres_for_each_res(head, &item::release, nullptr, nullptr, &visit_that_releases, nullptr),
                 "bench");
    EXPECT_DEATH(
        devres_for_each_res(head, &item::release, nullptr, nullptr, &visit_that_opens_a_group, nullptr),
        "bench");
}

bool match_on_another_head(devres_head*, void*, void* other)
{
    return devres_find(static_cast<devres_head*>(other), &item::release) != nullptr;
}

// C2: another head is not the same head.
TEST_F(DevresReentrancyTest, AMatchMayUseAnotherHead)
{
    bench_owner other;
    devres_add(&other.devres, make(2));
    item* mine = add(1);
    EXPECT_EQ(mine, devres_find(head, &item::release, &match_on_another_head, &other.devres));
    EXPECT_EQ(mine, devres_find(head, &item::release)) << "and this head is usable afterwards";
    EXPECT_EQ(0, devres_release(head, &item::release, &match_on_another_head, &other.devres));
}

} // namespace
