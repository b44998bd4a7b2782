// SPDX-License-Identifier: MIT
//
// A block of an arena, and the size classes of the slots that are carved off it.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>

#include "sanitizer.h"

namespace devres::detail {

inline constexpr std::size_t unit = 16; // slots are made of these
inline constexpr std::size_t largest_slot = 1024;
inline constexpr unsigned slot_classes = 25;
constexpr std::size_t round_up(std::size_t n, std::size_t to) noexcept
{
    return (n + to - 1) / to * to;
}

// Classes 2 to 16 are multiples of 16 bytes up to 256; from there four to each doubling, up to 1,024.
constexpr std::size_t class_bytes(unsigned size_class) noexcept
{
    if (size_class <= 16)
        return size_class * unit;
    const unsigned step = size_class - 17;
    return (std::size_t{5} + step % 4) << (6 + step / 4);
}

static_assert(class_bytes(16) == 256 && class_bytes(17) == 320 && class_bytes(20) == 512);
static_assert(class_bytes(slot_classes - 1) == largest_slot);

constexpr unsigned class_of_bytes(std::size_t bytes) noexcept
{
    if (bytes <= 256)
        return static_cast<unsigned>((bytes + unit - 1) / unit);
    const auto doubling =
        static_cast<unsigned>(std::bit_width(bytes - 1)) - 9; // 0: up to 512, 1: up to 1,024
    const std::size_t quarter = std::size_t{64} << doubling;
    return 17 + doubling * 4 + static_cast<unsigned>((bytes - 1) / quarter - 4);
}

static_assert(class_of_bytes(257) == 17 && class_of_bytes(320) == 17 && class_of_bytes(321) == 18);
static_assert(class_of_bytes(512) == 20 && class_of_bytes(513) == 21 && class_of_bytes(1024) == 24);

// What the upstream gave: this header, one bit for each unit of the slots, the slots.
//
// The bits say where slots start, and are set only when somebody asks: slots say their size themselves, so
// they can be walked from the first one up to `bump`. An owner that never frees one by its pointer pays
// nothing for them.
struct alignas(16) block {
    block* older;
    std::size_t bytes;
    char* bump; // slots below it have been used
    char* first;
    char* end;
    char* marked_to; // slots below it have their bit; the word of this place is initialised

    std::uint64_t* starts() noexcept { return reinterpret_cast<std::uint64_t*>(this + 1); }
    const std::uint64_t* starts() const noexcept { return reinterpret_cast<const std::uint64_t*>(this + 1); }

    // Lays a block out in `bytes` bytes at `memory`.
    static block* place(void* memory, std::size_t bytes, std::size_t whole) noexcept
    {
        // One bit for each 16 bytes: of 129 parts, 128 are slots. There is always a word for the place behind
        // the last.
        const std::size_t room = bytes - sizeof(block);
        const std::size_t bitmap = round_up(room / 129 + 1, unit);
        auto* b = ::new (memory) block;
        b->bytes = whole;
        b->older = nullptr;
        b->first = static_cast<char*>(memory) + sizeof(block) + bitmap;
        b->end = b->first + (room - bitmap) / unit * unit;
        b->bump = b->first;
        b->marked_to = b->first;
        b->starts()[0] = 0;
        poison(b->first, static_cast<std::size_t>(b->end - b->first));
        return b;
    }

    std::size_t room() const noexcept { return static_cast<std::size_t>(end - bump); }

    // The next `size` bytes; null if there is no room.
    char* carve(std::size_t size) noexcept
    {
        char* slot = bump;
        if (room() < size) [[unlikely]]
            return nullptr;
        bump = slot + size;
        unpoison(slot, 32); // the header
        return slot;
    }

    // Marks the slot at `marked_to`, which is `size` bytes.
    void mark(std::size_t size) noexcept
    {
        const std::size_t n = units_to(marked_to);
        starts()[n / 64] |= std::uint64_t{1} << (n % 64);
        marked_to += size;
        if (const std::size_t word = units_to(marked_to) / 64; word != n / 64)
            starts()[word] = 0;
    }
    // Requires: slot < marked_to.
    bool marked(const char* slot) const noexcept
    {
        const std::size_t n = units_to(slot);
        return (starts()[n / 64] >> (n % 64) & 1u) != 0;
    }

    void forget_slots() noexcept
    {
        poison(first, static_cast<std::size_t>(bump - first));
        bump = first;
        marked_to = first;
        starts()[0] = 0;
    }

private:
    std::size_t units_to(const char* at) const noexcept
    {
        return static_cast<std::size_t>(at - first) / unit;
    }
};

static_assert(sizeof(block) % unit == 0);

} // namespace devres::detail
