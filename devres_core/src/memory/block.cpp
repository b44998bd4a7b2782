// SPDX-License-Identifier: MIT

#include "memory/block.h"

namespace devres::detail {

block* block::place(void* memory, std::uint32_t bytes, std::uint32_t reserved) noexcept
{
    auto* b = ::new (memory) block{nullptr, nullptr, 0, 0, sizeof(block), bytes};
    if (bytes > most_of_small) {
        // As many pages as there would be if the front took no room: at most one too many.
        const std::uint32_t pages = (bytes + page_bytes - 1) / page_bytes;
        const std::uint32_t first_slot = large_front(pages) + reserved;
        ::new (static_cast<void*>(b->table())) page_table{bytes, first_slot, pages, 0, first_slot, 0};
    }
    b->start_afresh();
    return b;
}

void block::start_afresh() noexcept
{
    const std::uint32_t from = first_slot();
    poison(reinterpret_cast<char*>(this) + from, bytes() - from);
    bump = from;
    if (is_large()) {
        table()->page = 0;
        table()->walked_to = from;
        begin_page(0, from);
    }
}

void block::begin_page(std::uint32_t page, std::uint32_t first_slot_in_it) noexcept
{
    first()[page] = static_cast<std::uint8_t>((first_slot_in_it - page_start(page)) / unit);
    limit = page_end(page);
}

// A slot may lie across the end of its page: the next page then begins behind it.
void* block::carve_from_next_page(std::uint32_t size) noexcept
{
    if (!is_large() || table()->bytes - bump < size)
        return nullptr;
    if (bump == limit) {
        begin_page(page_of(bump), bump);
        if (bump + size <= limit)
            return carve_here(size);
    }
    void* slot = carve_here(size);
    begin_page(page_of(bump - unit), bump);
    return slot;
}

bool block::is_slot_of_small(std::uint32_t offset) noexcept
{
    std::uint32_t slot = sizeof(block);
    while (slot < offset)
        slot += size_at(slot);
    return slot == offset;
}

// Sets the bits of a page. The page in which slots are still carved is taken up where it was left.
void block::walk(std::uint32_t page) noexcept
{
    page_table& known = *table();
    std::uint32_t slot = known.walked_to;
    if (known.page != page || slot == page_start(page) || slot < page_start(page)) {
        for (int i = 0; i < 4; ++i)
            starts(page)[i] = 0;
        slot = page_start(page) + first()[page] * unit;
    }
    const std::uint32_t end = page_end(page);
    while (slot < bump && slot < end) {
        const std::uint32_t n = (slot - page_start(page)) / unit;
        starts(page)[n / 64] |= std::uint64_t{1} << (n % 64);
        slot += size_at(slot);
    }
    if (slot >= end) {
        first()[page] |= walked;
    } else {
        known.page = page;
        known.walked_to = slot;
    }
}

resource* block::free_slot(unsigned size_class) noexcept
{
    for (std::uint32_t slot = first_slot(); slot < bump; slot += size_at(slot)) {
        const resource_state state = resource_state::of(at(slot));
        if (state.life() == life_state::free && state.size_class() == size_class)
            return at(slot);
    }
    return nullptr;
}

} // namespace devres::detail
