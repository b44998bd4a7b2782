// SPDX-License-Identifier: MIT
//
// Plain managed memory: A4, and the harmless half of A6. Pointers that are not ours:
// foreign_pointer_test.cpp.
#include <cstdint>
#include <cstring>
#include <set>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

namespace {

template <class Family>
class MemoryContract : public contract<Family> {
};
TYPED_TEST_SUITE(MemoryContract, families, family_names);

constexpr std::size_t sizes[] = {1,  7,   8,   16,  17,   31,   32,   33,    48,
                                 64, 100, 255, 256, 1000, 4096, 5000, 65536, 300000};

bool all_bytes_are(const void* p, unsigned char value, std::size_t size)
{
    const auto* bytes = static_cast<const unsigned char*>(p);
    for (std::size_t i = 0; i < size; ++i) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

// A4: any size, aligned for any fundamental type, all of it usable.
TYPED_TEST(MemoryContract, GivesAlignedMemoryOfAnySize)
{
    unsigned char value = 1;
    std::vector<void*> all;
    for (const std::size_t size : sizes) {
        void* p = TypeParam::kmalloc(this->owner, size);
        ASSERT_TRUE(p);
        EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(p) % alignof(std::max_align_t)) << size;
        std::memset(p, value++, size);
        all.push_back(p);
    }
    EXPECT_EQ(std::size(sizes), this->listed());
    value = 1;
    for (std::size_t i = 0; i < std::size(sizes); ++i)
        EXPECT_TRUE(all_bytes_are(all[i], value++, sizes[i])) << "blocks overlap: " << sizes[i];
}

// A4: kzalloc, kcalloc and __GFP_ZERO zero, also memory that was in use before.
TYPED_TEST(MemoryContract, ZeroesWhenAskedTo)
{
    for (int round = 0; round < 3; ++round) {
        for (const std::size_t size : sizes) {
            void* zeroed = TypeParam::kzalloc(this->owner, size);
            void* flagged = TypeParam::kmalloc(this->owner, size, GFP_KERNEL | __GFP_ZERO);
            void* array = TypeParam::kcalloc(this->owner, size, 2);
            void* flagged_array = TypeParam::kmalloc_array(this->owner, 2, size, GFP_KERNEL | __GFP_ZERO);
            ASSERT_TRUE(zeroed && flagged && array && flagged_array);
            EXPECT_TRUE(all_bytes_are(zeroed, 0, size));
            EXPECT_TRUE(all_bytes_are(flagged, 0, size));
            EXPECT_TRUE(all_bytes_are(array, 0, size * 2));
            EXPECT_TRUE(all_bytes_are(flagged_array, 0, size * 2));
            std::memset(zeroed, 0xff, size);
            std::memset(flagged, 0xff, size);
            std::memset(array, 0xff, size * 2);
            std::memset(flagged_array, 0xff, size * 2);
            TypeParam::kfree(this->owner, zeroed);
            TypeParam::kfree(this->owner, flagged);
            TypeParam::kfree(this->owner, array);
            TypeParam::kfree(this->owner, flagged_array);
        }
    }
    EXPECT_EQ(0u, this->listed());
}

// A4: size 0 gives ZERO_SIZE_PTR and lists nothing.
TYPED_TEST(MemoryContract, SizeZeroGivesZeroSizePtr)
{
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kmalloc(this->owner, 0));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kzalloc(this->owner, 0));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kmalloc_array(this->owner, 0, 8));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kmalloc_array(this->owner, 8, 0));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kcalloc(this->owner, 0, SIZE_MAX));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::kmemdup(this->owner, "x", 0));
    EXPECT_EQ(0u, this->listed());
    EXPECT_EQ(0u, this->upstream.calls());
}

// A4: what overflows or cannot be had is null.
TYPED_TEST(MemoryContract, TooMuchGivesNull)
{
    constexpr std::size_t half = SIZE_MAX / 2;
    EXPECT_EQ(nullptr, TypeParam::kmalloc_array(this->owner, half, 3));
    EXPECT_EQ(nullptr, TypeParam::kmalloc_array(this->owner, SIZE_MAX, SIZE_MAX));
    EXPECT_EQ(nullptr, TypeParam::kcalloc(this->owner, half + 2, 2)) << "wraps around to 2";
    for (std::size_t less = 0; less < 200; ++less)
        EXPECT_EQ(nullptr, TypeParam::kmalloc(this->owner, SIZE_MAX - less)) << less;
    this->upstream.fail_from(0);
    EXPECT_EQ(nullptr, TypeParam::kmalloc(this->owner, 16));
    EXPECT_EQ(nullptr, TypeParam::kzalloc(this->owner, 100000));
    this->upstream.fail_no_more();
    EXPECT_EQ(0u, this->listed());
}

// A6: kfree gives it back at once; the rest stays.
TYPED_TEST(MemoryContract, KfreeFreesOne)
{
    this->add("1");
    std::vector<void*> all;
    for (const std::size_t size : sizes) {
        all.push_back(TypeParam::kmalloc(this->owner, size));
        ASSERT_TRUE(all.back());
        std::memset(all.back(), 0x5a, size);
    }
    for (std::size_t i = 0; i < std::size(sizes); i += 2)
        TypeParam::kfree(this->owner, all[i]);
    EXPECT_EQ(1 + std::size(sizes) / 2, this->listed());
    for (std::size_t i = 1; i < std::size(sizes); i += 2)
        EXPECT_TRUE(all_bytes_are(all[i], 0x5a, sizes[i]));
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A6: a large block goes back to the upstream.
TYPED_TEST(MemoryContract, KfreeGivesLargeBlocksBack)
{
    void* p = TypeParam::kmalloc(this->owner, 300000);
    ASSERT_TRUE(p);
    const std::size_t before = this->upstream.live_bytes();
    EXPECT_GE(before, 300000u);
    TypeParam::kfree(this->owner, p);
    EXPECT_LT(this->upstream.live_bytes(), before);
    EXPECT_LT(this->upstream.live_bytes(), 300000u);
}

// A6: null and ZERO_SIZE_PTR are no-ops; a const pointer may be freed.
TYPED_TEST(MemoryContract, KfreeIgnoresNullAndZeroSizePtr)
{
    TypeParam::kfree(this->owner, nullptr);
    TypeParam::kfree(this->owner, ZERO_SIZE_PTR);
    const char* s = TypeParam::kstrdup(this->owner, "constant");
    ASSERT_TRUE(s);
    TypeParam::kfree(this->owner, s);
    EXPECT_EQ(0u, this->listed());
}

// A4: live blocks are distinct, whatever was freed in between.
TYPED_TEST(MemoryContract, LiveBlocksNeverOverlap)
{
    std::vector<void*> live;
    for (std::size_t i = 0; i < 500; ++i) {
        auto* p =
            static_cast<std::size_t*>(TypeParam::kmalloc(this->owner, sizeof(std::size_t) * (1 + i % 9)));
        ASSERT_TRUE(p);
        *p = i;
        live.push_back(p);
        if (i % 3 == 2) {
            TypeParam::kfree(this->owner, live[live.size() / 2]);
            live.erase(live.begin() + static_cast<std::ptrdiff_t>(live.size() / 2));
        }
    }
    EXPECT_EQ(live.size(), std::set<void*>(live.begin(), live.end()).size());
    std::set<std::size_t> values;
    for (const void* p : live)
        values.insert(*static_cast<const std::size_t*>(p));
    EXPECT_EQ(live.size(), values.size()) << "somebody wrote into a neighbour";
    EXPECT_EQ(live.size(), this->listed());
}

// A4: memory of one owner lives as long as its own owner only.
TYPED_TEST(MemoryContract, OwnersDoNotShareMemory)
{
    auto* other = TypeParam::make(&this->upstream);
    void* mine = TypeParam::kmalloc(this->owner, 64);
    void* its = TypeParam::kmalloc(other, 64);
    ASSERT_TRUE(mine && its);
    std::memset(mine, 1, 64);
    std::memset(its, 2, 64);
    TypeParam::end(other);
    EXPECT_TRUE(all_bytes_are(mine, 1, 64));
    TypeParam::kfree(this->owner, mine);
}

} // namespace
