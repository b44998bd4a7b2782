// SPDX-License-Identifier: MIT

#include "memory/block.h"

namespace devres::detail {

block* block::place(void* memory, std::uint32_t bytes, std::uint32_t reserved) noexcept
{
    auto* b = ::new (memory) block{nullptr, nullptr, 0, 0, sizeof(block), bytes};
    if (b->is_large()) {
        const std::uint32_t words = (bytes + covered - 1) / covered;
        ::new (static_cast<void*>(b->large())) large_part{large_front(words) + reserved, 0};
    }
    b->start_afresh();
    return b;
}

void block::start_afresh() noexcept
{
    bump = first_slot();
    poison(reinterpret_cast<char*>(this) + bump, limit - bump);
    if (is_large())
        large()->valid = 0;
}

bool block::is_slot_of_small(std::uint32_t offset) noexcept
{
    std::uint32_t slot = sizeof(block);
    while (slot < offset)
        slot += size_at(slot);
    return slot == offset;
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
