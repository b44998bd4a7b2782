// SPDX-License-Identifier: MIT

#include "memory/block.h"

namespace devres::detail {

void block::lay_out_large(std::uint32_t reserved) noexcept
{
    const std::uint32_t words = (limit + covered - 1) / covered;
    ::new (static_cast<void*>(large())) large_part{large_front(words) + reserved, 0};
    bump = first_slot();
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
