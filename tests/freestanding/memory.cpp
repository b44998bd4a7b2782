// SPDX-License-Identifier: MIT
#include "memory.h"

#include <cstdint>

namespace freestanding {

namespace {

constexpr std::size_t unit = 16;

// Stands in front of each block, taken or free; the blocks lie side by side and fill the array.
struct alignas(unit) block {
    std::size_t units; // with this header
    bool taken;
    unsigned generation; // in which it was taken
};
static_assert(sizeof(block) == unit);

constexpr std::size_t array_units = (1u << 20) / unit;
alignas(unit) constinit unsigned char array[array_units * unit] = {};
constinit bool laid_out = false;
constinit int live = 0;
constinit unsigned generation_now = 0;
constinit int calls_left = 0; // until there is no memory; 0: there is no such limit
constinit bool none_left = false;

block* first_block() noexcept
{
    // SAFETY: the array is made of blocks, the first of which begins it (see take_bytes).
    auto* first = reinterpret_cast<block*>(array);
    if (!laid_out) {
        laid_out = true;
        *first = {array_units, false, 0};
    }
    return first;
}

block* next_of(block* each) noexcept
{
    return each + each->units;
}

const block* array_end() noexcept
{
    return reinterpret_cast<const block*>(array + sizeof array);
}

void join_free_neighbours(block* each) noexcept
{
    for (const block* next = next_of(each); next != array_end() && !next->taken; next = next_of(each))
        each->units += next->units;
}

// Cuts `each` so that `units` of it remain, and a free block follows.
void cut(block* each, std::size_t units) noexcept
{
    if (each->units > units) {
        each[units] = {each->units - units, false, 0};
        each->units = units;
    }
}

} // namespace

void* take_bytes(std::size_t size, std::size_t alignment) noexcept
{
    if (calls_left != 0 && --calls_left == 0)
        none_left = true;
    if (none_left || size > sizeof array)
        return nullptr;

    const std::size_t units = 1 + (size + unit - 1) / unit;
    for (block* each = first_block(); each != array_end(); each = next_of(each)) {
        if (each->taken)
            continue;
        join_free_neighbours(each);
        std::size_t skipped = 0; // units in front, so that what follows the header is aligned
        while (reinterpret_cast<std::uintptr_t>(each + skipped + 1) % alignment != 0)
            skipped++;
        if (each->units < skipped + units)
            continue;
        if (skipped != 0) {
            cut(each, skipped);
            each = next_of(each);
        }
        cut(each, units);
        each->taken = true;
        each->generation = generation_now;
        live++;
        return each + 1;
    }
    return nullptr;
}

void give_bytes(void* memory) noexcept
{
    if (!memory)
        return;
    (static_cast<block*>(memory) - 1)->taken = false;
    live--;
}

unsigned new_generation() noexcept
{
    return ++generation_now;
}

void give_bytes_since(unsigned generation) noexcept
{
    for (block* each = first_block(); each != array_end(); each = next_of(each))
        if (each->taken && each->generation >= generation)
            give_bytes(each + 1);
}

int live_blocks() noexcept
{
    return live;
}

void no_memory_from(int n) noexcept
{
    calls_left = n;
    none_left = false;
}

} // namespace freestanding
