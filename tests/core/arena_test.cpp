// SPDX-License-Identifier: MIT
//
// The memory of a head when its upstream is stingy, generous or particular: A4, A6, C1.
#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/core_test.h"

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
