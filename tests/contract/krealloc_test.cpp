// SPDX-License-Identifier: MIT
//
// Resizing: A5.
#include <cstdint>
#include <cstring>

#include <devres/env/sanitizer.h>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <class Family>
class KreallocContract : public contract<Family> {
public:
    // Writes a pattern that tells every byte from its neighbours.
    static void fill(void* p, std::size_t size)
    {
        for (std::size_t i = 0; i < size; ++i)
            static_cast<unsigned char*>(p)[i] = static_cast<unsigned char>(i * 7 + 3);
    }
    static bool is_filled(const void* p, std::size_t size)
    {
        for (std::size_t i = 0; i < size; ++i) {
            if (static_cast<const unsigned char*>(p)[i] != static_cast<unsigned char>(i * 7 + 3))
                return false;
        }
        return true;
    }
};
TYPED_TEST_SUITE(KreallocContract, families, family_names);

// A5: contents are kept to the smaller size, from any size to any other.
TYPED_TEST(KreallocContract, KeepsContentsToTheSmallerSize)
{
    const std::size_t sizes[] = {1, 16, 17, 40, 100, 1000, 4000, 5000, 70000};
    for (const std::size_t from : sizes) {
        for (const std::size_t to : sizes) {
            void* p = TypeParam::kmalloc(this->owner, from);
            ASSERT_TRUE(p);
            this->fill(p, from);
            void* q = TypeParam::krealloc(this->owner, p, to);
            ASSERT_TRUE(q);
            EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(q) % alignof(std::max_align_t));
            EXPECT_TRUE(this->is_filled(q, std::min(from, to))) << from << " to " << to;
            this->fill(q, to);
            EXPECT_EQ(1u, this->listed());
            TypeParam::kfree(this->owner, q);
            EXPECT_EQ(0u, this->listed());
        }
    }
}

// Growing by small steps does not move the block at every step, unless a tool watches the block's end.
TYPED_TEST(KreallocContract, GrowingStepByStepSeldomMoves)
{
    void* p = TypeParam::kmalloc(this->owner, 1);
    int moves = 0;
    for (std::size_t size = 64; size <= 65536; size += 64) {
        void* q = TypeParam::krealloc(this->owner, p, size);
        ASSERT_TRUE(q);
        moves += q != p ? 1 : 0;
        p = q;
    }
    EXPECT_GE(detail::checked_memory ? 1024 : 40, moves);
}

// A5: the room to grow is not worth failing for.
TYPED_TEST(KreallocContract, GrowsToTheVeryLastByte)
{
    void* p = TypeParam::kmalloc(this->owner, 3000);
    ASSERT_TRUE(p);
    this->fill(p, 3000);
    this->upstream.allow_up_to(9000);
    void* q = TypeParam::krealloc(this->owner, p, 8500);
    ASSERT_TRUE(q);
    EXPECT_TRUE(this->is_filled(q, 3000));
    EXPECT_FALSE(TypeParam::krealloc(this->owner, q, 9500));
    EXPECT_TRUE(this->is_filled(q, 3000));
}

// A5: also on an owner with many resources that has an index for removals.
TYPED_TEST(KreallocContract, KeepsContentsAmongManyIndexedResources)
{
    for (int i = 0; i < 200; ++i)
        this->add("1");
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, this->make("missing")));
    for (const std::size_t first : {std::size_t{40}, std::size_t{30000}}) {
        std::size_t size = first;
        void* p = TypeParam::kmalloc(this->owner, size);
        ASSERT_TRUE(p);
        this->fill(p, size);
        for (const std::size_t to : {200u, 600u, 2000u, 90000u, 300u, 1000u, 20u}) {
            p = TypeParam::krealloc(this->owner, p, to);
            ASSERT_TRUE(p);
            EXPECT_TRUE(this->is_filled(p, std::min<std::size_t>(size, to))) << size << " to " << to;
            this->fill(p, to);
            size = to;
        }
        TypeParam::kfree(this->owner, p);
    }
    EXPECT_EQ(200u, this->listed());
}

// A5: growing in many steps.
TYPED_TEST(KreallocContract, GrowsStepByStep)
{
    void* p = nullptr;
    std::size_t before = 0;
    for (std::size_t size = 1; size < 200000; size = size * 3 / 2 + 1) {
        p = TypeParam::krealloc(this->owner, p, size);
        ASSERT_TRUE(p);
        EXPECT_TRUE(this->is_filled(p, before)) << size;
        this->fill(p, size);
        before = size;
        EXPECT_EQ(1u, this->listed());
    }
}

// A5: the place in the release order is kept, whether or not the block moves. The block is seen in the list
// by what releasing a group takes along, since memory has no release of its own.
TYPED_TEST(KreallocContract, KeepsItsPlaceInTheReleaseOrder)
{
    for (const std::size_t from : {std::size_t{16}, std::size_t{50000}}) {
        for (const std::size_t to : {std::size_t{8}, std::size_t{3000}, std::size_t{200000}}) {
            void* group = TypeParam::open_group(this->owner, nullptr);
            ASSERT_TRUE(group);
            this->add("older");
            void* p = TypeParam::kmalloc(this->owner, from);
            ASSERT_TRUE(p);
            this->add("newer");
            TypeParam::close_group(this->owner, group);
            this->add("outside");
            p = TypeParam::krealloc(this->owner, p, to);
            ASSERT_TRUE(p);
            EXPECT_EQ(3, TypeParam::release_group(this->owner, group)) << from << " to " << to;
            EXPECT_THAT(this->log.take(), ElementsAre("newer", "older"));
            EXPECT_EQ(1u, this->listed()) << "the block left its group";
            EXPECT_EQ(1, devres_release_all(this->head()));
            this->log.take();
        }
    }
}

// A5: the log hook, which is told of memory as well, sees it go between its neighbours.
TYPED_TEST(KreallocContract, IsReleasedBetweenItsNeighbours)
{
    static std::vector<std::size_t> sizes;
    sizes.clear();
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 101));
    void* block = TypeParam::kmalloc(this->owner, 102);
    ASSERT_TRUE(block);
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 103));
    block = TypeParam::krealloc(this->owner, block, 90000);
    ASSERT_TRUE(block);
    const devres_log_fn before =
        devres_set_log([](const char* op, devres_head*, const char*, const char*, std::size_t size) {
            if (std::strcmp(op, "REL") == 0)
                sizes.push_back(size);
        });
    EXPECT_EQ(3, devres_release_all(this->head()));
    devres_set_log(before);
    EXPECT_THAT(sizes, ElementsAre(103, 90000, 101));
}

// A5: what a block shrinks by goes back to the upstream if it is more than half of it.
TYPED_TEST(KreallocContract, ShrinkingGivesMemoryBack)
{
    void* p = TypeParam::kmalloc(this->owner, 100000);
    ASSERT_TRUE(p);
    p = TypeParam::krealloc(this->owner, p, 10000);
    ASSERT_TRUE(p);
    EXPECT_LT(this->upstream.live_bytes(), 20000u);
}

// A5: a block that was made smaller where it is has its new size, from which it grows again.
TYPED_TEST(KreallocContract, GrowingAgainWhereItIsZeroesWhatIsAdded)
{
    auto* p = static_cast<unsigned char*>(TypeParam::kmalloc(this->owner, 60000));
    ASSERT_TRUE(p);
    std::memset(p, 0xee, 60000);
    auto* smaller = static_cast<unsigned char*>(TypeParam::krealloc(this->owner, p, 50000));
    ASSERT_TRUE(smaller);
    EXPECT_TRUE(detail::checked_memory || p == smaller) << "else this shows nothing";
    p = static_cast<unsigned char*>(
        TypeParam::krealloc(this->owner, smaller, 53000, GFP_KERNEL | __GFP_ZERO));
    ASSERT_TRUE(p);
    EXPECT_EQ(0xee, p[49999]);
    for (std::size_t i = 50000; i < 53000; ++i)
        ASSERT_EQ(0, p[i]) << i;
}

// A5: null or ZERO_SIZE_PTR in: a plain allocation.
TYPED_TEST(KreallocContract, NullAndZeroSizePtrAllocate)
{
    void* p = TypeParam::krealloc(this->owner, nullptr, 10);
    void* q = TypeParam::krealloc(this->owner, ZERO_SIZE_PTR, 20);
    EXPECT_TRUE(p);
    EXPECT_TRUE(q);
    EXPECT_NE(ZERO_SIZE_PTR, q);
    EXPECT_EQ(2u, this->listed());
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::krealloc(this->owner, nullptr, 0));
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::krealloc(this->owner, ZERO_SIZE_PTR, 0));
    EXPECT_EQ(2u, this->listed());
}

// A5: size 0 frees.
TYPED_TEST(KreallocContract, SizeZeroFrees)
{
    void* p = TypeParam::kmalloc(this->owner, 10);
    ASSERT_TRUE(p);
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::krealloc(this->owner, p, 0));
    EXPECT_EQ(0u, this->listed());
    void* large = TypeParam::kmalloc(this->owner, 100000);
    ASSERT_TRUE(large);
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::krealloc_array(this->owner, large, 0, 8));
    EXPECT_EQ(0u, this->listed());
    EXPECT_LT(this->upstream.live_bytes(), 100000u);
}

// A5: with __GFP_ZERO what is added is zero.
TYPED_TEST(KreallocContract, ZeroesWhatIsAdded)
{
    for (const std::size_t to : {std::size_t{24}, std::size_t{64}, std::size_t{2000}, std::size_t{90000}}) {
        void* dirty = TypeParam::kmalloc(this->owner, to);
        ASSERT_TRUE(dirty);
        std::memset(dirty, 0xff, to);
        TypeParam::kfree(this->owner, dirty);
        void* p = TypeParam::kzalloc(this->owner, 20);
        ASSERT_TRUE(p);
        std::memset(p, 0xee, 20);
        auto* q =
            static_cast<unsigned char*>(TypeParam::krealloc(this->owner, p, to, GFP_KERNEL | __GFP_ZERO));
        ASSERT_TRUE(q);
        for (std::size_t i = 0; i < to; ++i)
            ASSERT_EQ(i < 20 ? 0xee : 0, q[i]) << "byte " << i << " of " << to;
        TypeParam::kfree(this->owner, q);
    }
}

// A5: no memory: null, and the old block is untouched.
TYPED_TEST(KreallocContract, WithoutMemoryTheOldBlockIsUntouched)
{
    for (const std::size_t from : {std::size_t{30}, std::size_t{60000}}) {
        void* p = TypeParam::kmalloc(this->owner, from);
        ASSERT_TRUE(p);
        this->fill(p, from);
        this->upstream.fail_from(0);
        EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, p, 1000000));
        EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, p, SIZE_MAX));
        EXPECT_EQ(nullptr, TypeParam::krealloc_array(this->owner, p, SIZE_MAX / 4, 5));
        this->upstream.fail_no_more();
        EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, p, SIZE_MAX / 5 * 4 + 800))
            << "a quarter more is little";
        EXPECT_TRUE(this->is_filled(p, from));
        EXPECT_EQ(1u, this->listed());
        p = TypeParam::krealloc(this->owner, p, 1000000);
        ASSERT_TRUE(p);
        EXPECT_TRUE(this->is_filled(p, from));
        TypeParam::kfree(this->owner, p);
    }
}

// A5
TYPED_TEST(KreallocContract, ResizesArrays)
{
    auto* p = static_cast<int*>(TypeParam::kmalloc_array(this->owner, 4, sizeof(int)));
    ASSERT_TRUE(p);
    for (int i = 0; i < 4; ++i)
        p[i] = i;
    p = static_cast<int*>(TypeParam::krealloc_array(this->owner, p, 1000, sizeof(int)));
    ASSERT_TRUE(p);
    for (int i = 0; i < 4; ++i)
        EXPECT_EQ(i, p[i]);
    p[999] = 1;
    EXPECT_EQ(1u, this->listed());
}

// A5: a pointer of another owner: WARN and null, both owners unchanged.
TYPED_TEST(KreallocContract, APointerOfAnotherOwnerIsReported)
{
    auto* other = TypeParam::make(&this->upstream);
    for (const std::size_t size : {std::size_t{64}, std::size_t{100000}}) {
        void* p = TypeParam::kmalloc(other, size);
        ASSERT_TRUE(p);
        this->fill(p, size);
        EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, p, 128));
        EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("krealloc"), HasSubstr(TypeParam::kind)));
        EXPECT_TRUE(this->is_filled(p, size));
        EXPECT_EQ(0u, this->listed());
    }
    EXPECT_EQ(2u, checked_count(other->devres));
    TypeParam::end(other);
}

// A5: also when it is to be freed by size 0.
TYPED_TEST(KreallocContract, SizeZeroOfAPointerOfAnotherOwnerIsReported)
{
    auto* other = TypeParam::make(&this->upstream);
    void* p = TypeParam::kmalloc(other, 64);
    ASSERT_TRUE(p);
    EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, p, 0));
    EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("krealloc"), HasSubstr(TypeParam::kind)));
    EXPECT_EQ(1u, checked_count(other->devres));
    TypeParam::end(other);
}

// A5: the pointer from before a move is stale.
TYPED_TEST(KreallocContract, TheOldPointerIsStaleAfterAMove)
{
    void* p = TypeParam::kmalloc(this->owner, 32);
    ASSERT_TRUE(p);
    void* q = TypeParam::krealloc(this->owner, p, 100000);
    ASSERT_TRUE(q);
    ASSERT_NE(p, q);
    TypeParam::kfree(this->owner, p);
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("kfree"));
    EXPECT_EQ(1u, this->listed());
    TypeParam::kfree(this->owner, q);
    EXPECT_EQ(0u, this->listed());
}

// A5, C13: groups that the block is not in may be released at any moment of its move. The upstream, which
// is called without the lock, stands for the other thread.
TYPED_TEST(KreallocContract, MovesWhileGroupsThatItIsNotInAreReleased)
{
    auto* p = static_cast<char*>(TypeParam::kmalloc(this->owner, 20000));
    ASSERT_TRUE(p);
    p[0] = 'p';
    EXPECT_EQ(-ENOENT, TypeParam::remove_action_nowarn(this->owner, &record, this->make("missing")));
    bool inside = false;
    const auto meddle = [&] {
        if (!std::exchange(inside, true)) {
            EXPECT_EQ(0, TypeParam::release_group(this->owner, nullptr));
            inside = false;
        }
    };
    for (std::size_t i = 0; i < 300; ++i) {
        SCOPED_TRACE(i);
        this->add("1"); // so that tables fill up at some time or other
        for (int group = 0; group < 8; ++group)
            ASSERT_TRUE(TypeParam::open_group(this->owner, nullptr));
        this->upstream.on_call = meddle;
        auto* q = static_cast<char*>(TypeParam::krealloc(this->owner, p, i % 2 ? 20000 : 60000));
        this->upstream.on_call = nullptr;
        ASSERT_TRUE(q);
        ASSERT_EQ('p', q[0]);
        p = q;
        while (this->listed() > i + 2)
            TypeParam::release_group(this->owner, nullptr);
    }
}

} // namespace
