// SPDX-License-Identifier: MIT
//
// The memory of a head when its upstream is stingy, generous or particular: A4, A6, C1.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <sys/mman.h>

#include "core/core_test.h"

#include <devres/env/sanitizer.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;

namespace {

// A6: a head of very many blocks still knows what is its own.
TEST(ArenaTest, ManySmallBlocks)
{
    test_upstream upstream;
    upstream.allow_up_to(2100);
    warn_capture warnings;
    bench_owner owner(&upstream);
    std::vector<char*> live;
    for (int i = 0; i < 2000; ++i) {
        auto* p = static_cast<char*>(managed::kmalloc(&owner, 100));
        ASSERT_TRUE(p) << i;
        p[0] = p[99] = static_cast<char>(i);
        live.push_back(p);
    }
    EXPECT_LT(50u, upstream.live_blocks());
    std::shuffle(live.begin(), live.end(), std::mt19937(1));
    for (std::size_t i = 0; i < live.size(); ++i) {
        EXPECT_EQ(live[i][0], live[i][99]);
        if (i % 2 == 0)
            managed::kfree(&owner, live[i]);
    }
    EXPECT_EQ(1000u, checked_count(owner.devres));
    EXPECT_EQ(0u, warnings.take().size());
    managed::kfree(&owner, live[0]);
    managed::kfree(&owner, live[1] + 16);
    EXPECT_EQ(2u, warnings.take().size());
    EXPECT_EQ(1000u, checked_count(owner.devres));
}

// Slots of one size that were freed serve the next ones, in a head of a few and in one of many.
TEST(ArenaTest, FreedSlotsAreUsedAgain)
{
    if (detail::checked_memory)
        GTEST_SKIP() << "with AddressSanitizer no slot is used again";
    for (const std::size_t count : {std::size_t{6}, std::size_t{1000}}) {
        SCOPED_TRACE(count);
        test_upstream upstream;
        bench_owner owner(&upstream);
        std::vector<void*> live;
        for (std::size_t i = 0; i != count; ++i)
            live.push_back(managed::kmalloc(&owner, 100));
        const std::size_t calls = upstream.calls();
        for (int round = 0; round != 10; ++round) {
            for (std::size_t i = 0; i != count / 2; ++i)
                managed::kfree(&owner, live[i]);
            for (std::size_t i = 0; i != count / 2; ++i)
                live[i] = managed::kmalloc(&owner, 100);
        }
        EXPECT_EQ(calls, upstream.calls());
        // The same when they went in a pass.
        void* group = devres_open_group(&owner.devres, nullptr);
        for (std::size_t i = 0; i != count; ++i)
            ASSERT_TRUE(managed::kmalloc(&owner, 100));
        EXPECT_EQ(static_cast<int>(count), devres_release_group(&owner.devres, group));
        const std::size_t calls_with_twice_as_many = upstream.calls();
        for (std::size_t i = 0; i != count; ++i)
            ASSERT_TRUE(managed::kmalloc(&owner, 100));
        EXPECT_EQ(calls_with_twice_as_many, upstream.calls());
    }
}

// Also those that were freed before the head had tables to list them in.
TEST(ArenaTest, SlotsFreedBeforeTheTablesCameAreUsedAgain)
{
    if (detail::checked_memory)
        GTEST_SKIP() << "with AddressSanitizer no slot is used again";
    bench_owner owner;
    std::vector<void*> live;
    for (int i = 0; i != 4; ++i)
        live.push_back(managed::kmalloc(&owner, 40));
    std::vector<void*> freed(live.begin(), live.begin() + 2);
    for (void* p : freed)
        managed::kfree(&owner, p);
    for (int i = 0; i != 100; ++i)
        ASSERT_TRUE(managed::kmalloc(&owner, 500));
    std::vector<void*> again;
    for (std::size_t i = 0; i != freed.size(); ++i)
        again.push_back(managed::kmalloc(&owner, 40));
    EXPECT_THAT(again, ::testing::UnorderedElementsAreArray(freed));
}

// A large block relies on the tables of the head. One that was drained while it was fetched does not take it.
TEST(ArenaTest, ALargeBlockThatComesToADrainedHeadIsNotItsOnlyOne)
{
    test_upstream upstream;
    bench_owner owner(&upstream);
    bool drained = false;
    upstream.on_call = [&] {
        if (upstream.live_bytes() < 200'000 || std::exchange(drained, true))
            return;
        devres_drain(&owner.devres);
    };
    while (!drained)
        ASSERT_TRUE(managed::kmalloc(&owner, 500));
    EXPECT_EQ(1u, checked_count(owner.devres));
    EXPECT_GT(4096u, upstream.live_bytes());
    EXPECT_EQ(1, devres_release_all(&owner.devres));
}

// A slot is used again only for what fits.
TEST(ArenaTest, AFreedSlotDoesNotServeSomethingLarger)
{
    bench_owner owner;
    auto* small = static_cast<char*>(managed::kmalloc(&owner, 16));
    auto* next = static_cast<char*>(managed::kmalloc(&owner, 16));
    auto* large = static_cast<char*>(managed::kmalloc(&owner, 200));
    ASSERT_TRUE(small && next && large);
    next[0] = 'n';
    managed::kfree(&owner, small);
    managed::kfree(&owner, large);
    auto* middle = static_cast<char*>(managed::kmalloc(&owner, 100));
    ASSERT_TRUE(middle);
    EXPECT_NE(small, middle);
    std::memset(middle, 'm', 100);
    EXPECT_EQ('n', next[0]);
    EXPECT_EQ(2u, checked_count(owner.devres));
}

// Nor does a smaller one that is met first.
TEST(ArenaTest, AmongFreedSlotsOneOfTheRightSizeIsFound)
{
    if (detail::checked_memory)
        GTEST_SKIP() << "with AddressSanitizer no slot is used again";
    bench_owner owner;
    void* wanted = managed::kmalloc(&owner, 100);
    void* others = managed::kmalloc(&owner, 100); // in another block
    void* small = managed::kmalloc(&owner, 16);
    ASSERT_TRUE(wanted && others && small);
    managed::kfree(&owner, small);
    managed::kfree(&owner, wanted);
    EXPECT_EQ(wanted, managed::kmalloc(&owner, 100));
}

// A6: when the last slot is freed there are none any more, whichever block is kept; and what is kept is
// little.
TEST(ArenaTest, WhenAllIsFreedTheHeadStartsAfresh)
{
    test_upstream upstream;
    warn_capture warnings;
    bench_owner owner(&upstream);
    for (int round = 0; round != 3; ++round) {
        for (int i = 0; i != 5000; ++i) // the newest block is larger than one that is kept
            ASSERT_TRUE(managed::kmalloc(&owner, 100));
        EXPECT_EQ(5000, devres_release_all(&owner.devres));
        EXPECT_GE(2u, upstream.live_blocks());
        EXPECT_GE(150'000u, upstream.live_bytes());
        void* p = managed::kmalloc(&owner, 100);
        managed::kfree(&owner, p);
        managed::kfree(&owner, p);
        EXPECT_THAT(warnings.take_one(), ::testing::HasSubstr("not managed by this owner"));
    }
}

// A6: a block that starts afresh has other slots at other places.
TEST(ArenaTest, PlacesOfFormerSlotsAreForgotten)
{
    test_upstream upstream;
    warn_capture warnings;
    bench_owner owner(&upstream);
    std::vector<char*> former;
    for (int i = 0; i != 100; ++i)
        former.push_back(static_cast<char*>(managed::kmalloc(&owner, 40)));
    EXPECT_EQ(100, devres_release_all(&owner.devres));
    std::vector<char*> live;
    for (int i = 0; i != 10; ++i) {
        live.push_back(static_cast<char*>(managed::kmalloc(&owner, 900)));
        ASSERT_TRUE(live.back());
        std::memset(live.back(), 0, 900);
    }
    for (char* p : former) {
        if (std::find(live.begin(), live.end(), p) == live.end()) {
            managed::kfree(&owner, p);
            EXPECT_THAT(warnings.take_one(), ::testing::HasSubstr("not managed by this owner"));
        }
    }
    EXPECT_EQ(10u, checked_count(owner.devres));
}

// C13: what a pass gives back is taken back a part at a time; what is outside its group stays whole.
TEST(ArenaTest, ReleasingAGroupLeavesTheSlotsOutsideAlone)
{
    for (const int outside : {1, 255, 256, 257, 512}) {
        SCOPED_TRACE(outside);
        test_upstream upstream;
        bench_owner owner(&upstream);
        std::vector<int*> live;
        for (int i = 0; i != outside; ++i)
            live.push_back(managed::create<int>(&owner, i));
        void* group = devres_open_group(&owner.devres, nullptr);
        for (int i = 0; i != 600; ++i)
            ASSERT_TRUE(managed::kmalloc(&owner, 8));
        EXPECT_EQ(600, devres_release_group(&owner.devres, group));
        for (int i = 0; i != 1200; ++i)
            ASSERT_TRUE(managed::kzalloc(&owner, 8));
        for (int i = 0; i != outside; ++i)
            EXPECT_EQ(i, *live[static_cast<std::size_t>(i)]);
        EXPECT_EQ(static_cast<std::size_t>(outside + 1200), checked_count(owner.devres));
    }
}

// A4: an upstream is not asked for what no object can be as large as.
TEST(ArenaTest, WhatIsTooLargeForAnyObjectIsNotAskedFor)
{
    test_upstream upstream;
    bench_owner owner(&upstream);
    EXPECT_FALSE(managed::kmalloc(&owner, static_cast<std::size_t>(PTRDIFF_MAX)));
    EXPECT_FALSE(managed::kmalloc(&owner, SIZE_MAX));
    EXPECT_EQ(0u, upstream.calls());
}

// An upstream whose blocks end where a page that cannot be read begins.
class fenced_upstream : public std::pmr::memory_resource {
    static constexpr std::size_t page = 4096;
    static std::size_t mapped(std::size_t size) { return (size + page - 1) / page * page; }

    void* do_allocate(std::size_t size, std::size_t alignment) override
    {
        const std::size_t room = (size + alignment - 1) / alignment * alignment;
        void* map =
            ::mmap(nullptr, mapped(room) + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED)
            return std::pmr::null_memory_resource()->allocate(size, alignment);
        char* fence = static_cast<char*>(map) + mapped(room);
        ::mprotect(fence, page, PROT_NONE);
        return fence - room;
    }
    void do_deallocate(void* p, std::size_t size, std::size_t alignment) override
    {
        const std::size_t room = (size + alignment - 1) / alignment * alignment;
        ::munmap(static_cast<char*>(p) + room - mapped(room), mapped(room) + page);
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override
    {
        return this == &other;
    }
};

// A5: growing copies what there is, not what there will be.
TEST(ArenaTest, GrowingReadsNothingBehindTheOldBlock)
{
    fenced_upstream upstream;
    bench_owner owner(&upstream);
    auto* p = static_cast<char*>(managed::kmalloc(&owner, 8000));
    ASSERT_TRUE(p);
    p[7999] = 'p';
    p = static_cast<char*>(managed::krealloc(&owner, p, 200'000));
    ASSERT_TRUE(p);
    EXPECT_EQ('p', p[7999]);
}

// "DMA" memory: one region, whole cache lines, as a driver hands it to a device.
class dma_region : public std::pmr::memory_resource {
public:
    static constexpr std::size_t line = 64;
    static constexpr std::size_t bytes = std::size_t{4} << 20;

    dma_region() : memory_(static_cast<char*>(::operator new(bytes, std::align_val_t(4096)))) {}
    ~dma_region() override
    {
        EXPECT_EQ(0u, live_);
        ::operator delete(memory_, std::align_val_t(4096));
    }
    dma_region(const dma_region&) = delete;
    dma_region& operator=(const dma_region&) = delete;

    bool has(const void* p, std::size_t size) const
    {
        const std::uintptr_t offset =
            reinterpret_cast<std::uintptr_t>(p) - reinterpret_cast<std::uintptr_t>(memory_);
        return offset < bytes && size <= bytes - offset;
    }

private:
    void* do_allocate(std::size_t size, std::size_t alignment) override
    {
        const std::size_t to = std::max(alignment, line);
        const std::size_t at = (used_ + to - 1) / to * to;
        if (at + size > bytes)
            return std::pmr::null_memory_resource()->allocate(size, alignment);
        used_ = at + size;
        ++live_;
        return memory_ + at;
    }
    void do_deallocate(void* p, std::size_t size, std::size_t) override
    {
        EXPECT_TRUE(has(p, size));
        --live_;
    }
    bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override
    {
        return this == &other;
    }

    char* memory_;
    std::size_t used_ = 0;
    int live_ = 0;
};

struct alignas(4096) descriptor_ring {
    unsigned char descriptors[8192] = {};
};

// A4, A5, A8: everything that is managed lies in the region, and as strictly aligned as asked for.
TEST(ArenaTest, DmaMemory)
{
    dma_region region;
    bench_owner owner(&region);
    std::vector<void*> blocks;
    for (const std::size_t size : {std::size_t{1}, std::size_t{64}, std::size_t{900}, std::size_t{5000}}) {
        void* p = managed::kzalloc(&owner, size);
        ASSERT_TRUE(p);
        EXPECT_TRUE(region.has(p, size)) << size;
        p = managed::krealloc(&owner, p, 3 * size);
        ASSERT_TRUE(p);
        EXPECT_TRUE(region.has(p, 3 * size)) << size;
        blocks.push_back(p);
    }
    auto* ring = managed::create<descriptor_ring>(&owner);
    ASSERT_TRUE(ring);
    EXPECT_TRUE(region.has(ring, sizeof(*ring)));
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(ring) % 4096);
    ASSERT_EQ(0, managed::add_action(
                     &owner, [](int*) {}, nullptr));
    EXPECT_FALSE(managed::kmalloc(&owner, dma_region::bytes));
    for (void* p : blocks)
        managed::kfree(&owner, p);
    EXPECT_EQ(2, devres_release_all(&owner.devres));
}

} // namespace
