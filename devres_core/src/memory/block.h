// SPDX-License-Identifier: MIT
//
// A block of slots, as the upstream gave it.
//
//   small, up to 1,024 bytes   block | slots ...
//   large                      block | page_table | first[pages] | starts[4 * pages] | tables? | slots ...
//
// Slots follow one another without a gap, and the state of each says its class, so a block can be walked from
// any slot whose place is known. That is how a pointer is checked without being followed: in a small block
// from its first slot; in a large one from the first slot of the 4 KiB page that the pointer is in. Which
// slot that is, is noted when the page is begun. A page that has been walked is remembered as one bit for
// each 16 bytes, set where a slot starts; so an owner that frees nothing by pointer pays nothing for it.
//
// Thread safety: all of it under the lock of the head that owns the block.
//
// Invariants
// 1. `bump` and `limit` are offsets from the block, multiples of 16. Slots below `bump` have been carved;
//    below `limit` they can be without further work.
// 2. The block is large if and only if `limit` is above 1,024.
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
    static constexpr std::uint32_t page_bytes = 4096;
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
        return large_front((slot_bytes + page_bytes - 1) / page_bytes) + reserved + slot_bytes;
    }
    // Lays out a block in `bytes` bytes of memory.
    static block* place(void* memory, std::uint32_t bytes, std::uint32_t reserved) noexcept;
    bool is_large() const noexcept { return limit > most_of_small; }
    // The end of what was reserved in a large block.
    void* end_of_reserved() noexcept { return at(first_slot()); }
    bool holds(const void* p) const noexcept
    {
        return reinterpret_cast<std::uintptr_t>(p) - reinterpret_cast<std::uintptr_t>(this) < bytes();
    }

    std::uint32_t bytes() const noexcept { return is_large() ? table()->bytes : limit; }
    std::uint32_t first_slot() const noexcept
    {
        return is_large() ? table()->first_slot : static_cast<std::uint32_t>(sizeof(block));
    }

    // The next `size` bytes; null if the block has no room for them.
    void* carve(std::uint32_t size) noexcept
    {
        if (bump + size > limit) [[unlikely]]
            return carve_from_next_page(size);
        return carve_here(size);
    }
    // Forgets all slots.
    void start_afresh() noexcept;

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
    struct page_table {
        std::uint32_t bytes;      // of the block
        std::uint32_t first_slot; // offset
        std::uint32_t pages;      // how many there are
        std::uint32_t page;       // that has been walked as far as `walked_to`, and not to its end
        std::uint32_t walked_to;  // offset of the first slot there that has no bit yet
        std::uint32_t unused;
    };
    // What `first` says of a page: where its first slot starts, in units, and whether it has been walked.
    static constexpr std::uint8_t walked = 0x80;

    page_table* table() noexcept { return reinterpret_cast<page_table*>(this + 1); }
    const page_table* table() const noexcept { return reinterpret_cast<const page_table*>(this + 1); }
    std::uint8_t* first() noexcept { return reinterpret_cast<std::uint8_t*>(table() + 1); }
    std::uint64_t* starts(std::uint32_t page) noexcept
    {
        return reinterpret_cast<std::uint64_t*>(first() + round_up(table()->pages, 8)) + 4 * page;
    }
    std::uint32_t page_of(std::uint32_t offset) const noexcept
    {
        return (offset - table()->first_slot) / page_bytes;
    }
    std::uint32_t page_start(std::uint32_t page) const noexcept
    {
        return table()->first_slot + page * page_bytes;
    }
    std::uint32_t page_end(std::uint32_t page) const noexcept
    {
        const std::uint32_t end = page_start(page + 1);
        return end < table()->bytes ? end : table()->bytes;
    }
    static constexpr std::uint32_t large_front(std::uint32_t pages) noexcept
    {
        return static_cast<std::uint32_t>(round_up(
            sizeof(block) + sizeof(page_table) + round_up(pages, 8) + 32 * std::size_t{pages}, unit));
    }

    void* carve_here(std::uint32_t size) noexcept
    {
        char* slot = reinterpret_cast<char*>(this) + bump;
        bump += size;
        unpoison(slot, sizeof(resource));
        return slot;
    }
    void* carve_from_next_page(std::uint32_t size) noexcept;
    void begin_page(std::uint32_t page, std::uint32_t first_slot_in_it) noexcept;
    std::uint32_t size_at(std::uint32_t offset) noexcept
    {
        return class_bytes(resource_state::of(at(offset)).size_class());
    }
    bool is_slot(std::uint32_t offset) noexcept
    {
        return is_large() ? is_slot_of_large(offset) : is_slot_of_small(offset);
    }
    bool is_slot_of_small(std::uint32_t offset) noexcept;
    bool is_slot_of_large(std::uint32_t offset) noexcept
    {
        const std::uint32_t page = page_of(offset);
        const page_table& known = *table();
        if (!(first()[page] & walked) && (known.page != page || known.walked_to <= offset)) [[unlikely]]
            walk(page);
        const std::uint32_t n = (offset - page_start(page)) / unit;
        return (starts(page)[n / 64] >> (n % 64) & 1u) != 0;
    }
    void walk(std::uint32_t page) noexcept;
};

static_assert(sizeof(void*) != 8 || sizeof(block) == 32, "what an owner with one resource pays");

} // namespace devres::detail
