// SPDX-License-Identifier: MIT
//
// A head on its own: C1, C10, C12, and what an empty one costs.
#include "core/core_test.h"

#include <devres/managed.h>

#include "list/list.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

using DevresHeadTest = core_fixture;

// C1
TEST_F(DevresHeadTest, ReleasesInReverseOrderOfAdd)
{
    for (int i = 0; i < 5; ++i)
        add(i);
    EXPECT_EQ(5u, listed());
    EXPECT_EQ(5, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre("release 4", "release 3", "release 2", "release 1", "release 0"));
    EXPECT_EQ(0u, listed());
}

// C10
TEST_F(DevresHeadTest, ReleaseAllOfAnEmptyHeadIsZero)
{
    EXPECT_EQ(0, devres_release_all(head));
    ASSERT_TRUE(devres_open_group(head, nullptr));
    EXPECT_EQ(0, devres_release_all(head)) << "a marker is no resource";
    EXPECT_EQ(0u, listed());
}

int chain_left = 0;
void add_next(devres_head* head, void*)
{
    if (--chain_left > 0) {
        void* next = devres_alloc(&add_next, 1);
        ASSERT_TRUE(next);
        devres_add(head, next);
    }
}

// C12: draining repeats passes and counts everything.
TEST_F(DevresHeadTest, DrainReleasesWhatCallbacksAdd)
{
    chain_left = 7;
    add(1);
    void* first = devres_alloc(&add_next, 1);
    ASSERT_TRUE(first);
    devres_add(head, first);
    EXPECT_EQ(8, devres_drain(head));
    EXPECT_EQ(0u, listed());
    EXPECT_EQ(0, chain_left);
    add(2);
    EXPECT_EQ(1, devres_drain(head)) << "the head stays usable";
}

// C14: also the end itself goes on only if its head does.
TEST(DevresDrainTest, ACallbackDestroysTheOwner)
{
    struct owner {
        devres_head devres;
    };
    auto* first = new owner;
    ASSERT_EQ(0, managed::add_action(
                     first, [](owner* o) { delete o; }, first));
    EXPECT_EQ(1, devres_drain(&first->devres));

    // The newer callback ends what is older, which destroys the owner.
    auto* second = new owner;
    ASSERT_EQ(0, managed::add_action(
                     second, [](owner* o) { delete o; }, second));
    ASSERT_EQ(0, managed::add_action(
                     second, [](owner* o) { devres_drain(&o->devres); }, second));
    EXPECT_EQ(2, devres_release_all(&second->devres));
}

// C12: the number of passes is the documented one: a chain one shorter is released whole.
TEST_F(DevresHeadTest, DrainMakesTheDocumentedNumberOfPasses)
{
    chain_left = devres_max_passes - 1;
    void* first = devres_alloc(&add_next, 1, GFP_KERNEL, "chain");
    ASSERT_TRUE(first);
    devres_add(head, first);
    EXPECT_EQ(devres_max_passes - 1, devres_drain(head));
    EXPECT_EQ(0, chain_left);
}

// C12: drain gives the head's memory back.
TEST_F(DevresHeadTest, DrainGivesTheMemoryBack)
{
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(managed::kmalloc(&owner, 1000));
    EXPECT_LT(0u, upstream.live_blocks());
    EXPECT_EQ(100, devres_drain(head));
    EXPECT_EQ(0u, upstream.live_blocks());
    ASSERT_TRUE(managed::kmalloc(&owner, 1000));
}

// C12: a head that is destroyed with resources WARNs and releases them.
TEST_F(DevresHeadTest, ADestroyedHeadReportsAndReleasesWhatIsLeft)
{
    {
        devres_head careless(&bench_owner::ops);
        devres_add(&careless, make(1));
        devres_add(&careless, make(2));
    }
    EXPECT_THAT(warnings.take_one(), AllOf(HasSubstr("bench"), HasSubstr("item")));
    EXPECT_THAT(log.take(), ElementsAre("release 2", "release 1"));
}

// C12: once, however many rounds it takes.
TEST_F(DevresHeadTest, ADestroyedHeadReportsOnce)
{
    {
        devres_head careless(&bench_owner::ops);
        devres_add(&careless,
                   devres_alloc([](devres_head* h,
                                   void*) { devres_add(h, devres_alloc([](devres_head*, void*) {}, 1)); },
                                1));
    }
    EXPECT_EQ(1u, warnings.take().size());
}

// C12: an emptied one says nothing.
TEST_F(DevresHeadTest, AnEmptyHeadIsDestroyedSilently)
{
    {
        devres_head careful(&bench_owner::ops);
        devres_add(&careful, make(1));
        EXPECT_EQ(1, devres_release_all(&careful));
        devres_head untouched;
    }
    EXPECT_THAT(log.take(), ElementsAre("release 1"));
}

// A head costs nothing until it is used; and raw resources and nodes bring their own memory.
TEST_F(DevresHeadTest, AnUnusedHeadAllocatesNothing)
{
    node_item node(&log, "node");
    devres_node_add(head, &node);
    add(1);
    EXPECT_EQ(nullptr, devres_find(head, &item::release_other));
    EXPECT_EQ(2, devres_release_all(head));
    EXPECT_EQ(0u, upstream.calls());
}

// C2: neither the upstream is called under the lock: it may use the head itself.
TEST_F(DevresHeadTest, TheUpstreamIsCalledWithoutTheLock)
{
    node_item node(&log, "node");
    int calls = 0;
    upstream.on_call = [&] {
        ++calls;
        devres_node_add(head, &node); // hangs if the lock is held
        EXPECT_TRUE(devres_node_remove(head, &node));
    };
    for (int i = 0; i < 300; ++i) {
        void* p = managed::kmalloc(&owner, 100);
        ASSERT_TRUE(p);
        if (i % 3 == 0)
            managed::kfree(&owner, p);
    }
    void* large = managed::kmalloc(&owner, 100000);
    large = managed::krealloc(&owner, large, 200000);
    ASSERT_TRUE(large);
    managed::kfree(&owner, large);
    ASSERT_EQ(0, managed::add_action(&owner, [] {}));
    EXPECT_LT(0, devres_drain(head));
    EXPECT_LT(5, calls);
    upstream.on_call = nullptr;
}

// Large and small memory alike comes from the upstream the user chose.
TEST(DevresUpstreamTest, MemoryComesFromTheChosenUpstream)
{
    class window : public std::pmr::memory_resource {
    public:
        bool holds(const void* p) const { return p >= bytes_ && p < bytes_ + sizeof(bytes_); }
        std::size_t live = 0;

    private:
        void* do_allocate(std::size_t size, std::size_t alignment) override
        {
            const std::size_t at = (used_ + alignment - 1) / alignment * alignment;
            if (at + size > sizeof(bytes_))
                return std::pmr::null_memory_resource()->allocate(size, alignment);
            used_ = at + size;
            ++live;
            return bytes_ + at;
        }
        void do_deallocate(void*, std::size_t, std::size_t) override { --live; }
        bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override
        {
            return this == &other;
        }

        alignas(4096) std::byte bytes_[std::size_t{1} << 20];
        std::size_t used_ = 0;
    };
    static window dma;
    {
        bench_owner owner(&dma);
        struct alignas(4096) descriptor_ring {
            char bytes[8192];
        };
        EXPECT_TRUE(dma.holds(managed::kmalloc(&owner, 10)));
        EXPECT_TRUE(dma.holds(managed::kmalloc(&owner, 50000)));
        auto* ring = managed::create<descriptor_ring>(&owner);
        EXPECT_TRUE(dma.holds(ring));
        EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(ring) % 4096);
        EXPECT_EQ(nullptr, managed::kmalloc(&owner, std::size_t{2} << 20));
    }
    EXPECT_EQ(0u, dma.live);
}

// C16: a pass holds a resource, and the caller another one that was released before, while the epochs of the
// head come round once. In none of them does either look listed.
TEST_F(DevresHeadTest, WhatIsNotOnTheListLooksListedInNoEpoch)
{
    struct silent_node : devres_node {
        silent_node() { devres_node_init(this, nullptr); }
    };
    struct comes_round {
        devres_head* head;
        silent_node idle;
        silent_node older;
        silent_node younger;
        int looked_listed = 0;

        static void release(comes_round* self)
        {
            constexpr unsigned epochs = 1u << 21;
            for (unsigned i = 0; i != epochs + 2; ++i) {
                devres_node_add(self->head, &self->younger);
                devres_release_all(self->head);
                self->looked_listed += devres_node_remove(self->head, &self->older) ? 1 : 0;
                self->looked_listed += devres_node_remove(self->head, &self->idle) ? 1 : 0;
            }
        }
    };
    for (const bool by_group : {false, true}) {
        comes_round all{head, {}, {}, {}};
        devres_node_add(head, &all.idle);
        devres_release_all(head);
        void* group = devres_open_group(head, nullptr);
        devres_node_add(head, &all.older);
        ASSERT_EQ(0, managed::add_action(&owner, &comes_round::release, &all));
        EXPECT_EQ(2, by_group ? devres_release_group(head, group) : devres_release_all(head));
        EXPECT_EQ(0, all.looked_listed) << by_group;
        EXPECT_EQ(0u, listed());
    }
}

// C16 as well: what was released while its constructor runs is in no pass, and its epoch comes round.
TEST_F(DevresHeadTest, AnAbandonedObjectLooksListedInNoEpoch)
{
    struct abandoned {
        abandoned(devres_head* head, int* looked_listed)
        {
            constexpr unsigned epochs = 1u << 21;
            devres_node younger;
            devres_node_init(&younger, nullptr);
            for (unsigned i = 0; i != epochs + 2; ++i) {
                devres_node_add(head, &younger);
                devres_release_all(head);
                const detail::guard held(head, "test");
                *looked_listed += detail::list_of(head).holds_locked(detail::resource::of(this)) ? 1 : 0;
            }
        }
    };
    int looked_listed = 0;
    EXPECT_EQ(nullptr, managed::create<abandoned>(&owner, head, &looked_listed));
    EXPECT_THAT(warnings.take_one(), HasSubstr("released while it is still being constructed"));
    EXPECT_EQ(0, looked_listed);
}

} // namespace
