// SPDX-License-Identifier: MIT
//
// Raw resources in two steps: C3 to C9, and what must not be done with them.
#include <cstdint>

#include <devres/env/errors.h>

#include "memory.h"
#include "owner.h"

using namespace devres;
using freestanding::item;
using freestanding::node_item;
using freestanding::owner;
using freestanding::trace;

namespace {

FREESTANDING_TEST(AllocGivesZeroedAlignedMemory) // C3
{
    constexpr std::size_t size = 100;
    auto* bytes = static_cast<unsigned char*>(devres_alloc(&item::release, size));
    CHECK(bytes != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(bytes) % alignof(std::max_align_t) == 0);
    for (std::size_t i = 0; i < size; ++i)
        CHECK(bytes[i] == 0);
    __builtin_memset(bytes, 0xff, size);
    devres_free(bytes);
    auto* again = static_cast<unsigned char*>(devres_alloc(&item::release, size)); // the same memory, used
    for (std::size_t i = 0; i < size; ++i)
        CHECK(again[i] == 0);
    devres_free(again);
    CHECK(trace::is());
}

FREESTANDING_TEST(AllocOfNothingIsDistinct) // C3
{
    void* first = devres_alloc(&item::release, 0);
    void* second = devres_alloc(&item::release, 0);
    CHECK(first && second && first != second);
    devres_free(first);
    devres_free(second);
}

FREESTANDING_TEST(AllocOfTooMuchIsNull) // C3
{
    CHECK(devres_alloc(&item::release, SIZE_MAX) == nullptr);
    CHECK(devres_alloc(&item::release, SIZE_MAX / 2) == nullptr);
    freestanding::no_memory_from(1);
    CHECK(devres_alloc(&item::release, 1) == nullptr);
    freestanding::no_memory_from(0);
}

FREESTANDING_TEST(FreeOfNullDoesNothing) // C4
{
    devres_free(nullptr);
}

FREESTANDING_TEST(FindsTheNewestWithThatRelease) // C6
{
    owner o;
    CHECK(devres_find(&o.devres, &item::release) == nullptr);
    o.add(1);
    item* newest = o.add(2);
    item* other = o.add(3, &item::release_other);
    CHECK(devres_find(&o.devres, &item::release) == newest);
    CHECK(devres_find(&o.devres, &item::release_other) == other);
    CHECK(o.listed() == 3);
    devres_release_all(&o.devres);
    CHECK(trace::is(103, 2, 1));
}

FREESTANDING_TEST(FindsTheNewestThatMatches) // C6
{
    owner o;
    o.add(1);
    item* newer = o.add(1);
    o.add(2);
    int wanted = 1;
    CHECK(devres_find(&o.devres, &item::release, &item::has_number, &wanted) == newer);
    wanted = 9;
    CHECK(devres_find(&o.devres, &item::release, &item::has_number, &wanted) == nullptr);
    CHECK(devres_find(&o.devres, &item::release, &item::never) == nullptr);
    devres_release_all(&o.devres);
    CHECK(trace::is(2, 1, 1));
}

// Says no to everything, and leaves the number of what it was asked about. `data` is the head.
bool witness(devres_head* head, void* res, void* data)
{
    CHECK(head == data);
    trace::add(static_cast<item*>(res)->number);
    return false;
}

FREESTANDING_TEST(MatchSeesOnlyResourcesOfThatRelease) // C6
{
    owner o;
    o.add(1);
    o.add(2, &item::release_other);
    o.add(3);
    node_item node(4);
    devres_node_add(&o.devres, &node);
    CHECK(devres_open_group(&o.devres, nullptr) != nullptr);
    CHECK(devres_find(&o.devres, &item::release, &witness, &o.devres) == nullptr);
    CHECK(trace::is(3, 1));
    CHECK(devres_release_all(&o.devres) == 4);
    CHECK(trace::is(4, 3, 102, 1));
}

FREESTANDING_TEST(GetReturnsWhatIsThere) // C7: the new one is freed, its release not called
{
    owner o;
    item* there = o.add(1);
    int wanted = 1;
    const int blocks = freestanding::live_blocks();
    CHECK(devres_get(&o.devres, owner::make(2), &item::has_number, &wanted) == there);
    CHECK(devres_get(&o.devres, owner::make(3)) == there);
    CHECK(freestanding::live_blocks() == blocks);
    CHECK(o.listed() == 1);
    CHECK(trace::is());
    devres_release_all(&o.devres);
    CHECK(trace::is(1));
}

FREESTANDING_TEST(GetAddsWhatIsNotThere) // C7
{
    owner o;
    o.add(1);
    int wanted = 2;
    item* fresh = owner::make(2);
    CHECK(devres_get(&o.devres, fresh, &item::has_number, &wanted) == fresh);
    CHECK(o.listed() == 2);
    CHECK(devres_release_all(&o.devres) == 2);
    CHECK(trace::is(2, 1));
}

FREESTANDING_TEST(GetLooksForTheSameRelease) // C7
{
    owner o;
    o.add(1);
    item* fresh = owner::make(1, &item::release_other);
    int wanted = 1;
    CHECK(devres_get(&o.devres, fresh, &item::has_number, &wanted) == fresh);
    CHECK(o.listed() == 2);
    devres_release_all(&o.devres);
    CHECK(trace::is(101, 1));
}

FREESTANDING_TEST(RemoveHandsOutTheNewestMatch) // C8
{
    owner o;
    o.add(1);
    item* second = o.add(2);
    item* third = o.add(3);
    CHECK(devres_remove(&o.devres, &item::release) == third);
    int wanted = 1;
    auto* first = static_cast<item*>(devres_remove(&o.devres, &item::release, &item::has_number, &wanted));
    CHECK(first && first->number == 1);
    CHECK(devres_remove(&o.devres, &item::release, &item::has_number, &wanted) == nullptr);
    CHECK(devres_remove(&o.devres, &item::release_other) == nullptr);
    CHECK(devres_find(&o.devres, &item::release) == second);
    CHECK(o.listed() == 1);
    CHECK(trace::is());
    devres_free(first);
    devres_add(&o.devres, third); // what was handed out may be added again
    devres_release_all(&o.devres);
    CHECK(trace::is(3, 2));
}

FREESTANDING_TEST(AHandedOutResourceOutlivesTheHead) // C8
{
    item* handed_out = nullptr;
    {
        owner shortlived;
        shortlived.add(5);
        handed_out = static_cast<item*>(devres_remove(&shortlived.devres, &item::release));
    }
    CHECK(handed_out && handed_out->number == 5);
    devres_free(handed_out);
    CHECK(trace::is());
}

FREESTANDING_TEST(DestroyFreesWithoutRelease) // C8
{
    owner o;
    o.add(1);
    o.add(2);
    int wanted = 1;
    CHECK(devres_destroy(&o.devres, &item::release, &item::has_number, &wanted) == 0);
    CHECK(devres_destroy(&o.devres, &item::release, &item::has_number, &wanted) == -ENOENT);
    CHECK(devres_destroy(&o.devres, &item::release) == 0);
    CHECK(devres_destroy(&o.devres, &item::release) == -ENOENT);
    CHECK(o.listed() == 0);
    CHECK(trace::is());
}

FREESTANDING_TEST(ReleaseReleasesTheNewestMatch) // C8
{
    owner o;
    o.add(1);
    o.add(2);
    o.add(3);
    int wanted = 2;
    CHECK(devres_release(&o.devres, &item::release, &item::has_number, &wanted) == 0);
    CHECK(devres_release(&o.devres, &item::release, &item::has_number, &wanted) == -ENOENT);
    CHECK(devres_release(&o.devres, &item::release) == 0);
    CHECK(devres_release(&o.devres, &item::release_other) == -ENOENT);
    CHECK(trace::is(2, 3));
    CHECK(o.listed() == 1);
    devres_release_all(&o.devres);
    CHECK(trace::is(1));
}

void use_head(devres_head* head, void*)
{
    CHECK(devres_find(head, &use_head) == nullptr); // it is off the list already
    void* group = devres_open_group(head, nullptr);
    CHECK(group != nullptr);
    CHECK(devres_release_group(head, group) == 0);
}

FREESTANDING_TEST(ReleaseOfOneRunsUnlocked) // C2, C8
{
    owner o;
    devres_add(&o.devres, devres_alloc(&use_head, 1));
    CHECK(devres_release(&o.devres, &use_head) == 0);
    CHECK(o.listed() == 0);
}

void note_number(devres_head*, void* res, void*)
{
    trace::add(static_cast<item*>(res)->number);
}

FREESTANDING_TEST(ForEachVisitsNewestFirst) // C9
{
    owner o;
    o.add(1);
    o.add(2, &item::release_other);
    o.add(3);
    o.add(1);
    devres_for_each_res(&o.devres, &item::release, nullptr, nullptr, &note_number, nullptr);
    CHECK(trace::is(1, 3, 1));
    int wanted = 1;
    devres_for_each_res(&o.devres, &item::release, &item::has_number, &wanted, &note_number, nullptr);
    CHECK(trace::is(1, 1));
    devres_for_each_res(&o.devres, &item::release, &item::never, nullptr, &note_number, nullptr);
    CHECK(trace::is());
    devres_for_each_res(&o.devres, &item::release, &witness, &o.devres, nullptr, nullptr);
    CHECK(trace::is()); // a null function asks nobody
    devres_release_all(&o.devres);
    CHECK(trace::is(1, 3, 102, 1));
}

FREESTANDING_TEST(FreeingAListedResourceIsABug) // C4
{
    CHECK_BUG("devres_free: bench \"bench-1\": resource item: already listed", owner o;
              devres_free(o.add(1)));
}

FREESTANDING_TEST(AddingAListedResourceIsABug) // C5
{
    CHECK_BUG("devres_add: bench \"bench-1\": resource item: already listed", owner o;
              devres_add(&o.devres, o.add(1)));
}

FREESTANDING_TEST(GettingWithAListedResourceIsABug) // C7
{
    CHECK_BUG("devres_get: bench \"bench-1\": resource item: already listed", owner o;
              devres_get(&o.devres, o.add(1)));
}

bool open_a_group(devres_head* head, void*, void*)
{
    return devres_open_group(head, nullptr) != nullptr;
}

void release_everything(devres_head* head, void*, void*)
{
    devres_release_all(head);
}

FREESTANDING_TEST(AMatchThatComesBackIsABug) // C2
{
    CHECK_BUG("devres_open_group: bench \"bench-1\": called from a match", owner o; o.add(1);
              devres_find(&o.devres, &item::release, &open_a_group));
}

FREESTANDING_TEST(AForEachThatComesBackIsABug) // C2
{
    CHECK_BUG("devres_release_all: bench \"bench-1\": called from a match", owner o; o.add(1);
              devres_for_each_res(&o.devres, &item::release, nullptr, nullptr, &release_everything, nullptr));
}

} // namespace
