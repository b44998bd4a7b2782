// SPDX-License-Identifier: MIT
//
// The memory of a head: a few blocks of slots, each about half as large as all that the head has, so that an
// owner with one resource pays for one and a head with 100,000 has some twenty blocks.
//
// Slots are carved off the newest block and used again by class. As long as all blocks are small, a free slot
// is found by walking them; the first block of 4 KiB or more has room for the lists that save the walk. When
// the last slot in use is freed, everything starts afresh.
//
// Thread safety: the functions ending in `_locked` require the list. None of them allocates or frees: blocks
//                come and go through `supply` and `unused_memory`, without the lock.
// Cost:          carving and giving back a few instructions. A pointer's slot is found in time that does not
//                depend on how many there are, if the upstream gives blocks of the size that was asked for.
#pragma once

#include "env/env.h"
#include "list/memory.h"
#include "memory/block.h"
#include "memory/index.h"

namespace devres::detail {

inline constexpr std::uint32_t kept_bytes = 64 * 1024; // the largest block that is kept when all is free

// --- Blocks ------------------------------------------------------------------------------------------------

// How large a block a head wants next.
struct block_request {
    std::uint32_t bytes;
    std::uint32_t at_least; // if there is no memory for so many
    std::uint32_t reserved; // of `bytes`, for tables
};

// What the first slot of a head takes.
inline block_request first_block(unsigned size_class) noexcept
{
    const std::uint32_t bytes = block::bytes_for(class_bytes(size_class), 0);
    return {bytes, bytes, 0};
}
// What it takes for a slot of that class.
block_request ask_locked(devres_head* head, unsigned size_class) noexcept DEVRES_REQUIRES(list_of(head));
// What it takes for tables.
block_request ask_for_tables() noexcept;

// A block on its way to a head: fetched without the lock, handed over under it, freed if another thread was
// faster.
class supply {
public:
    supply() noexcept = default;
    ~supply()
    {
        if (block_) [[unlikely]]
            free_unneeded();
    }
    supply(const supply&) = delete;
    supply& operator=(const supply&) = delete;

    // Returns: false on no memory.
    bool fetch(devres_head* head, const block_request& wanted, const allocation_request& request) noexcept;
    // Gives the head what was fetched, if anything was.
    void hand_over_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
    {
        if (block_)
            add_block_locked(head);
    }

private:
    void add_block_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));
    void free_unneeded() noexcept;

    upstream* source_ = nullptr;
    block* block_ = nullptr;
    std::uint32_t reserved_ = 0;
};

// --- Slots -------------------------------------------------------------------------------------------------

// A slot, free or carved, which the caller makes a resource of before it releases the lock; null if a block
// is missing.
void* take_slot_locked(devres_head* head, unsigned size_class) noexcept DEVRES_REQUIRES(list_of(head));

// Somebody knows the payload of that slot by its address: slot_at_locked() will find it.
void note_pointer_locked(devres_head* head, const void* slot) noexcept DEVRES_REQUIRES(list_of(head));

// The payload of a slot is `size` bytes from now on. Requires: they fit.
void resize_slot(resource* res, std::size_t size) noexcept;

// The resource that is, or was last, in the slot with its payload at `p`; null if there is no such slot. May
// not find an action, whose payload nobody knows.
// Follows nothing but its own bookkeeping.
resource* slot_at_locked(devres_head* head, const void* p) noexcept DEVRES_REQUIRES(list_of(head));

// Takes back what is neither listed nor indexed any more: a slot, or a block of its own.
// Returns: what has to be freed without the lock.
[[nodiscard]] unused_memory give_back_locked(devres_head* head, resource* res) noexcept
    DEVRES_REQUIRES(list_of(head));

// The index of a head, or null. One that has been overtaken by a release of everything counts as none.
inline class index* index_of_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
{
    const block* memory = memory_of(head);
    if (!memory || !(memory->special & block::has_index)) [[likely]]
        return nullptr;
    class index* known = memory->more->index;
    return known->has_epoch(list_of(head).epoch_locked()) ? known : nullptr;
}

} // namespace devres::detail
