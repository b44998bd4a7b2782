// SPDX-License-Identifier: MIT
//
// What the other tests here stand on: the array of bytes, the spinlock, warnings and BUGs.
#include "harness.h"
#include "memory.h"
#include <devres/env/spinlock.h>

#include <cstdint>

namespace {

FREESTANDING_TEST(MemoryIsAlignedAndDoesNotOverlap)
{
    void* taken[6];
    std::size_t alignment = 16;
    for (void*& each : taken) {
        each = freestanding::take_bytes(100, alignment);
        CHECK(each != nullptr);
        CHECK(reinterpret_cast<std::uintptr_t>(each) % alignment == 0);
        alignment *= 2;
    }
    for (void* each : taken) {
        for (void* other : taken) {
            const auto begin = reinterpret_cast<std::uintptr_t>(each);
            const auto other_begin = reinterpret_cast<std::uintptr_t>(other);
            CHECK(each == other || begin + 100 <= other_begin || other_begin + 100 <= begin);
        }
    }
    CHECK(freestanding::live_blocks() == 6);
    for (void* each : taken)
        freestanding::give_bytes(each);
    CHECK(freestanding::live_blocks() == 0);
}

FREESTANDING_TEST(WhatIsGivenBackCanBeTakenAsAWhole)
{
    constexpr std::size_t half = 500'000;
    void* first = freestanding::take_bytes(half, 16);
    void* second = freestanding::take_bytes(half, 16);
    CHECK(first && second);
    CHECK(freestanding::take_bytes(half, 16) == nullptr);
    freestanding::give_bytes(first);
    freestanding::give_bytes(second);
    void* both = freestanding::take_bytes(2 * half, 16);
    CHECK(both != nullptr);
    freestanding::give_bytes(both);
}

FREESTANDING_TEST(MemoryRunsOutWhereItIsToldTo)
{
    freestanding::no_memory_from(2);
    void* first = freestanding::take_bytes(1, 16);
    CHECK(first != nullptr);
    CHECK(freestanding::take_bytes(1, 16) == nullptr);
    CHECK(freestanding::take_bytes(1, 16) == nullptr);
    freestanding::no_memory_from(0);
    freestanding::give_bytes(first);
}

FREESTANDING_TEST(ASpinlockIsHeldOnce)
{
    freestanding::spinlock lock;
    lock.lock();
    CHECK(!lock.try_lock());
    lock.unlock();
    CHECK(lock.try_lock());
    lock.unlock();
}

FREESTANDING_TEST(AWarningIsCountedAndRemembered)
{
    CHECK(freestanding::warnings() == 0);
    freestanding::warn("devres: it is so");
    CHECK(freestanding::warnings() == 1);
    CHECK(freestanding::contains(freestanding::last_warning(), "it is"));
    CHECK(!freestanding::contains(freestanding::last_warning(), "it was"));
}

FREESTANDING_TEST(ABugEndsWhatRanAndTheTestGoesOn)
{
    CHECK_BUG("the end", freestanding::bug("this is the end of it"));
    CHECK_BUG("another", freestanding::bug("and another one"));
}

} // namespace
