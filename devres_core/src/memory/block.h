// SPDX-License-Identifier: MIT
//
// A block of slots, as the upstream gave it.
//
//   small, up to 1,024 bytes   block | slots ...
//   large                      block | large_part | a bit for each 16 bytes | tables? | slots ...
//
// Slots follow one another without a gap, and the state of each says its class. So in a small block a pointer
// is checked, without being followed, by walking from the first slot. In a large one a bit says where a slot
// starts whose payload somebody knows by its address: an action's is known to nobody, and attaching one need
// not set it. Bits are cleared when the first one behind them is set.
//
// Thread safety: all of it under the lock of the head that owns the block.
//
// Invariants
// 1. `bump` and `limit` are offsets from the block, multiples of 16. Slots below `bump` have been carved;
//    `limit` is the block's size.
// 2. The block is large if and only if `limit` is above 1,024.
// 3. The slot of every resource that was attached by anything but an action has its bit set.
#pragma once

#include <cstdint>
#include <new>

#include "memory/size_class.h"

namespace devres::detail {

class index;

// What only heads with much memory have. It lies in one of their blocks.
struct alignas(unit) tables {
    links* free[slot_classes]; // slots
    class index* index;        // of actions and of blocks of their own, or null
};

struct block {
    static constexpr std::uint32_t most_of_small = 1024;
    static constexpr std::uint32_t most_bytes = 1u << 30;

    block* older;
    // Only in the newest block of a head, which stands for all of its memory:
    tables* more;          // null as long as all blocks are small
    std::uint32_t live;    // slots in use, in all blocks
    std::uint32_t special; // why taking a slot may be more than carving: the bits below
    // Of each block:
    std::uint32_t bump;
    std::uint32_t limit;

    // Bits of `special`: one for each class of which there may be free slots, and one for an index, which has
    // to be told of new resources.
    static constexpr std::uint32_t free_of_class(unsigned size_class) noexcept { return 1u << size_class; }
    static constexpr std::uint32_t has_index = 1;
    static constexpr std::uint32_t any_free = ~has_index;

    // How many bytes a block takes that has room for `slot_bytes` bytes of slots, and `reserved` bytes for
    // something else if it is large.
    static std::uint32_t bytes_for(std::uint32_t slot_bytes, std::uint32_t reserved) noexcept
    {
        const auto small = static_cast<std::uint32_t>(sizeof(block)) + slot_bytes;
        if (small <= most_of_small)
            return small;
        const std::uint32_t rest = slot_bytes + reserved;
        return large_front(rest / (covered - word_bytes) + 2) + rest; // the front is covered, too
    }
    // Lays out a block in `bytes` bytes of memory.
    static block* place(void* memory, std::uint32_t bytes, std::uint32_t reserved) noexcept
    {
        auto* b = ::new (memory) block{nullptr, nullptr, 0, 0, sizeof(block), bytes};
        if (b->is_large()) [[unlikely]]
            b->lay_out_large(reserved);
        poison(b->at(b->bump), bytes - b->bump);
        return b;
    }
    bool is_large() const noexcept { return limit > most_of_small; }
    // The end of what was reserved in a large block.
    void* end_of_reserved() noexcept { return at(first_slot()); }
    bool holds(const void* p) const noexcept
    {
        return reinterpret_cast<std::uintptr_t>(p) - reinterpret_cast<std::uintptr_t>(this) < limit;
    }
    std::uint32_t first_slot() const noexcept
    {
        return is_large() ? large()->first_slot : static_cast<std::uint32_t>(sizeof(block));
    }

    // The next `size` bytes; null if the block has no room for them.
    void* carve(std::uint32_t size) noexcept
    {
        if (bump + size > limit) [[unlikely]]
            return nullptr;
        char* slot = reinterpret_cast<char*>(this) + bump;
        bump += size;
        unpoison(slot, sizeof(resource));
        return slot;
    }
    // Forgets all slots.
    void start_afresh() noexcept;

    // From now on somebody knows the payload of that slot by its address.
    void note_pointer(const void* slot) noexcept
    {
        if (is_large())
            set_bit(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(slot) -
                                               reinterpret_cast<std::uintptr_t>(this)));
    }
    // The slot with its payload at `p`; null if there is none.
    resource* slot_at(const void* p) noexcept
    {
        // As numbers: `p` may be anything, and pointers may only be compared within one object.
        const std::uintptr_t offset =
            reinterpret_cast<std::uintptr_t>(p) - sizeof(resource) - reinterpret_cast<std::uintptr_t>(this);
        if (offset >= bump || offset < first_slot() || offset % unit != 0)
            return nullptr;
        return is_slot(static_cast<std::uint32_t>(offset)) ? at(static_cast<std::uint32_t>(offset)) : nullptr;
    }

    // A free slot of that class, found by walking; null if there is none.
    resource* free_slot(unsigned size_class) noexcept;
    template <class Work>
    void for_each_free_slot(Work work) noexcept
    {
        for (std::uint32_t slot = first_slot(); slot < bump; slot += size_at(slot))
            if (resource_state::of(at(slot)).life() == life_state::free)
                work(at(slot));
    }

    // Walks the slots: offsets from first_slot() on, below `bump`.
    resource* at(std::uint32_t offset) noexcept
    {
        // SAFETY: `offset` is that of a slot, and a slot starts with its header.
        return reinterpret_cast<resource*>(reinterpret_cast<char*>(this) + offset);
    }

private:
    struct large_part {
        std::uint32_t first_slot; // offset
        std::uint32_t valid;      // words of bits; in the others no bit has been set
    };
    static constexpr std::uint32_t word_bytes = 8;
    static constexpr std::uint32_t covered = 64 * unit; // bytes, by one word of bits

    large_part* large() noexcept { return reinterpret_cast<large_part*>(this + 1); }
    const large_part* large() const noexcept { return reinterpret_cast<const large_part*>(this + 1); }
    std::uint64_t* bits() noexcept { return reinterpret_cast<std::uint64_t*>(large() + 1); }
    static constexpr std::uint32_t large_front(std::uint32_t words) noexcept
    {
        return static_cast<std::uint32_t>(
            round_up(sizeof(block) + sizeof(large_part) + std::size_t{words} * word_bytes, unit));
    }

    void lay_out_large(std::uint32_t reserved) noexcept;
    std::uint32_t size_at(std::uint32_t offset) noexcept
    {
        return class_bytes(resource_state::of(at(offset)).size_class());
    }
    bool is_slot(std::uint32_t offset) noexcept
    {
        return is_large() ? has_bit(offset) : is_slot_of_small(offset);
    }
    bool is_slot_of_small(std::uint32_t offset) noexcept;
    bool has_bit(std::uint32_t offset) noexcept
    {
        const std::uint32_t n = (offset - large()->first_slot) / unit;
        return n / 64 < large()->valid && (bits()[n / 64] >> (n % 64) & 1u) != 0;
    }
    void set_bit(std::uint32_t offset) noexcept
    {
        const std::uint32_t n = (offset - large()->first_slot) / unit;
        while (large()->valid <= n / 64)
            bits()[large()->valid++] = 0;
        bits()[n / 64] |= std::uint64_t{1} << (n % 64);
    }
};

static_assert(sizeof(void*) != 8 || sizeof(block) == 32, "what an owner with one resource pays");

} // namespace devres::detail
