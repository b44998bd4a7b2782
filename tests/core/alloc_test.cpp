// SPDX-License-Identifier: MIT
//
// devres_alloc, devres_free, devres_add: C3, C4, C5.
#include <cstdint>
#include <cstring>
#include <set>

#include "core/core_test.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

using DevresAllocTest = core_fixture;
using DevresAllocDeathTest = core_fixture;

// C3: zeroed and aligned for any fundamental type.
TEST_F(DevresAllocTest, GivesZeroedAlignedMemory)
{
    for (int round = 0; round < 3; ++round) {
        for (const std::size_t size : {1u, 3u, 8u, 16u, 24u, 100u, 1000u, 5000u, 200000u}) {
            auto* res = static_cast<unsigned char*>(devres_alloc(&item::release, size));
            ASSERT_TRUE(res);
            EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(res) % alignof(std::max_align_t));
            for (std::size_t i = 0; i < size; ++i)
                ASSERT_EQ(0, res[i]) << "byte " << i << " of " << size;
            std::memset(res, 0xff, size);
            devres_free(res);
        }
    }
}

// C3: size 0 is legal: distinct, not null, and works like any other.
TEST_F(DevresAllocTest, SizeZeroIsDistinctAndNotNull)
{
    static int released = 0;
    const auto count = [](devres_head*, void*) { ++released; };
    std::set<void*> all;
    for (int i = 0; i < 10; ++i) {
        void* res = devres_alloc(count, 0);
        ASSERT_TRUE(res);
        EXPECT_NE(ZERO_SIZE_PTR, res);
        EXPECT_TRUE(all.insert(res).second);
        devres_add(head, res);
    }
    EXPECT_EQ(10, devres_release_all(head));
    EXPECT_EQ(10, released);
}

// C3: what overflows, or cannot be had, is null.
TEST_F(DevresAllocTest, TooMuchGivesNull)
{
    for (std::size_t less = 0; less < 300; ++less)
        EXPECT_EQ(nullptr, devres_alloc(&item::release, SIZE_MAX - less)) << less;
    EXPECT_EQ(nullptr, devres_alloc(&item::release, SIZE_MAX / 2 + 1));
}

// C4: null is fine, and release is never called.
TEST_F(DevresAllocTest, FreeNeverReleases)
{
    devres_free(nullptr);
    devres_free(make(1));
    EXPECT_THAT(log.take(), IsEmpty());
    EXPECT_EQ(0u, listed());
}

// C4: what was removed from a head may be freed, or added again.
TEST_F(DevresAllocTest, ARemovedResourceMayBeAddedAgain)
{
    add(1);
    item* i = add(2);
    ASSERT_EQ(i, devres_remove(head, &item::release));
    bench_owner other;
    devres_add(&other.devres, i);
    EXPECT_EQ(1, devres_release_all(&other.devres));
    EXPECT_EQ(1u, listed());
    EXPECT_THAT(log.take(), ElementsAre("release 2"));
}

// C4: freeing a listed resource is a BUG.
TEST_F(DevresAllocDeathTest, FreeingAListedResourceAborts)
{
    item* i = add(1);
    EXPECT_DEATH(devres_free(i), "devres_free: bench \"bench-1\": resource item");
    item* by_get = make(2);
    EXPECT_EQ(by_get, devres_get(head, by_get, &item::never, nullptr));
    EXPECT_DEATH(devres_free(by_get), "devres_free: bench \"bench-1\": resource item");
}

// C5: adding a listed resource is a BUG.
TEST_F(DevresAllocDeathTest, AddingAListedResourceAborts)
{
    item* i = add(1);
    EXPECT_DEATH(devres_add(head, i), "devres_add.*item");
}

// C7: nor may it be what devres_get is to add.
TEST_F(DevresAllocDeathTest, GettingWithAListedResourceAborts)
{
    item* i = add(1);
    EXPECT_DEATH(devres_get(head, i, &item::has_number), "devres_get.*item");
}

// C5: on another head as well.
TEST_F(DevresAllocDeathTest, AddingAResourceOfAnotherHeadAborts)
{
    item* i = add(1);
    bench_owner other;
    EXPECT_DEATH(devres_add(&other.devres, i), "devres_add");
}

void free_self(devres_head*, void* self)
{
    devres_free(self);
}

// C4: nor may a release callback free its own resource, which the library does after it.
TEST_F(DevresAllocDeathTest, FreeingAResourceUnderReleaseAborts)
{
    void* res = devres_alloc(&free_self, 8);
    ASSERT_TRUE(res);
    devres_add(head, res);
    EXPECT_DEATH(devres_release_all(head), "devres_free");
    EXPECT_EQ(0, devres_destroy(head, &free_self));
}

} // namespace
