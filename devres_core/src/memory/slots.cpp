// SPDX-License-Identifier: MIT

#include "memory/slots.h"

#include "env/env.h"
#include "memory/index.h"
#include "memory/own_block.h"

namespace devres::detail {

namespace {

// How many slots are taken back in one section.
constexpr std::uint32_t batch = 256;
// From so many bytes on a block has room for tables, and the next one is twice as large.
constexpr std::uint32_t grown = 4096;

void free_block(upstream* source, block* b) noexcept
{
    const std::uint32_t bytes = b->limit;
    unpoison(b, bytes);
    env_free(source, b, bytes, unit);
}

void free_blocks(upstream* source, block* newest) noexcept
{
    while (block* b = newest) {
        newest = b->older;
        free_block(source, b);
    }
}

void forget_free_slots(block* memory) noexcept
{
    if ((memory->special & block::any_free) && memory->more)
        for (links*& list : memory->more->free)
            list = nullptr;
    memory->special &= ~block::any_free;
}

// Nothing lives here any more. Two blocks are kept: the newest that is not large, and the one that holds the
// tables. None is kept if these have an index that has been overtaken, or is large itself; nor for a tool
// that watches memory, which shall recognise stale pointers for as long as it can.
unused_memory start_afresh_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
{
    block* const newest = memory_of(head);
    tables* const more = newest->more;
    const class index* known = more ? more->index : nullptr;
    if (checked_memory || (known && (!index_of_locked(head) || known->bytes() > kept_bytes))) {
        memory_of(head) = nullptr;
        return {newest, nullptr};
    }
    forget_free_slots(newest);
    const std::uint32_t special = newest->special;
    newest->more = nullptr;
    unused_memory unused;
    block* tables_in = nullptr;
    block* stays = nullptr;
    for (block* b = newest; b;) {
        block* older = b->older;
        if (!stays && b->limit <= kept_bytes) {
            stays = b;
        } else if (more && b->holds(more)) {
            tables_in = b;
        } else {
            b->older = unused.slot_blocks;
            unused.slot_blocks = b;
        }
        b = older;
    }
    block* memory = stays ? stays : tables_in;
    memory->older = memory == tables_in ? nullptr : tables_in;
    if (tables_in) {
        tables_in->older = nullptr;
        tables_in->start_afresh(); // its slots are not free, only nobody looks at them any more
    }
    memory->more = more;
    memory->live = 0;
    memory->special = special;
    memory->start_afresh();
    memory_of(head) = memory;
    return unused;
}

// Puts the free slots of a block on the lists, which came after they were freed.
void list_free_slots(block* from, const block* memory) noexcept
{
    if (!(memory->special & block::any_free))
        return;
    from->for_each_free_slot([memory](resource* res) {
        links*& list = memory->more->free[resource_state::of(res).size_class()];
        res->next = list;
        list = res;
    });
}

void make_free(block* memory, resource* res) noexcept
{
    const unsigned size_class = resource_state::of(res).size_class();
    set_life(res, life_state::free);
    if constexpr (checked_memory)
        return; // a slot is not used again before its block has gone back
    if (tables* more = memory->more) {
        res->next = more->free[size_class];
        more->free[size_class] = res;
    }
    memory->special |= block::free_of_class(size_class);
}

// The index that is valid now. One that is not will never be again: a pass comes here before it lets go of
// the epoch of what it has released (C16).
class index* index_or_retire_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
{
    class index* known = index_of_locked(head);
    block* memory = memory_of(head);
    if (!known && memory && memory->more && memory->more->index)
        memory->more->index->retire();
    return known;
}

void forget_indexed(class index* known, resource* res) noexcept
{
    if (known)
        known->erase(res);
}

} // namespace

// --- Blocks ------------------------------------------------------------------------------------------------

block_request ask_locked(devres_head* head, unsigned size_class) noexcept
{
    const std::uint32_t need = class_bytes(size_class);
    const block* memory = memory_of(head);
    if (!memory)
        return first_block(size_class);
    std::uint64_t total = 0;
    for (const block* b = memory; b; b = b->older)
        total += b->limit - b->first_slot();
    std::uint64_t slots = total / 2 + 2 * need; // bytes of them
    // A head that is emptied and filled again keeps one block: twice the newest one soon holds everything.
    if (total >= grown && slots < 2 * std::uint64_t{memory->limit})
        slots = 2 * std::uint64_t{memory->limit};
    const auto most =
        static_cast<std::uint32_t>(slots < block::most_bytes / 2 ? slots : block::most_bytes / 2);
    block_request wanted{block::bytes_for(most - most % need, 0), block::bytes_for(need, 0), 0};
    if (wanted.bytes >= grown && !memory->more) {
        wanted.reserved = sizeof(tables);
        wanted.bytes += wanted.reserved;
    }
    return wanted;
}

block_request ask_for_tables() noexcept
{
    constexpr std::uint32_t bytes = grown + sizeof(tables);
    return {bytes, bytes, sizeof(tables)};
}

bool supply::fetch(devres_head* head, const block_request& wanted, const allocation_request& request) noexcept
{
    source_ = upstream_of(head);
    if (block_)
        free_unneeded();
    reserved_ = wanted.reserved;
    if (void* memory = env_allocate(source_, wanted.bytes, unit, request)) {
        block_ = block::place(memory, wanted.bytes, reserved_);
        return true;
    }
    reserved_ = 0;
    if (wanted.at_least >= wanted.bytes)
        return false;
    if (void* memory = env_allocate(source_, wanted.at_least, unit, request))
        block_ = block::place(memory, wanted.at_least, reserved_);
    return block_ != nullptr;
}

// Another thread was faster with a block of its own.
void supply::free_unneeded() noexcept
{
    free_block(source_, block_);
    block_ = nullptr;
}

void supply::add_block_locked(devres_head* head) noexcept
{
    block* const before = memory_of(head);
    // Another thread, or what the upstream has called, has drained the head since it asked for a large block,
    // and taken the tables: without them such a block is of no use, and fetch() frees it.
    if (block_->limit >= grown && !reserved_ && !(before && before->more))
        return;
    block* newest = block_;
    block_ = nullptr;
    if (before) {
        newest->more = before->more;
        newest->live = before->live;
        newest->special = before->special;
        newest->older = before;
        before->more = nullptr;
    }
    memory_of(head) = newest;
    if (reserved_ && !newest->more) {
        newest->more = ::new (static_cast<char*>(newest->end_of_reserved()) - sizeof(tables)) tables{};
        for (block* b = newest->older; b; b = b->older)
            list_free_slots(b, newest);
    }
}

// --- Slots -------------------------------------------------------------------------------------------------

namespace {

// A free slot of that class, or null.
void* take_free_slot(block* memory, unsigned size_class) noexcept
{
    if (!(memory->special & block::free_of_class(size_class)))
        return nullptr;
    if (tables* more = memory->more) {
        if (links* slot = more->free[size_class]) {
            more->free[size_class] = slot->next;
            return slot;
        }
    } else {
        for (block* b = memory; b; b = b->older)
            if (resource* slot = b->free_slot(size_class))
                return slot;
    }
    memory->special &= ~block::free_of_class(size_class);
    return nullptr;
}

} // namespace

void* take_slot_locked(devres_head* head, unsigned size_class) noexcept
{
    block* memory = memory_of(head);
    void* slot = take_free_slot(memory, size_class);
    if (!slot)
        slot = memory->carve(class_bytes(size_class));
    if (slot)
        ++memory->live;
    return slot;
}

void note_pointer_locked(devres_head* head, const void* slot) noexcept
{
    block* b = memory_of(head);
    while (!b->holds(slot))
        b = b->older;
    b->note_pointer(slot);
}

void resize_slot(resource* res, std::size_t size) noexcept
{
    if constexpr (checked_memory) {
        const char* payload = static_cast<char*>(res->payload());
        if (size > res->size)
            unpoison(payload + res->size, size - res->size);
        else
            poison(payload + size, res->size - size);
    }
    res->size = static_cast<std::uint32_t>(size);
}

resource* slot_at_locked(devres_head* head, const void* p) noexcept
{
    for (block* b = memory_of(head); b; b = b->older)
        if (resource* res = b->slot_at(p))
            return res;
    return nullptr;
}

unused_memory give_back_locked(devres_head* head, resource* res) noexcept
{
    if (resource_state::of(res).storage() != storage_kind::slot) {
        res->next = nullptr;
        return {nullptr, res};
    }
    block* memory = memory_of(head);
    poison(res->payload(), class_bytes(resource_state::of(res).size_class()) - sizeof(resource));
    if (--memory->live == 0)
        return start_afresh_locked(head);
    make_free(memory, res);
    return {};
}

unused_memory take_back_locked(devres_head* head, released_memory& released, bool is_all) noexcept
{
    unused_memory unused;
    class index* known = index_or_retire_locked(head);
    for (std::uint32_t n = 0; n != batch && released.blocks; ++n) {
        resource* res = released.blocks;
        released.blocks = static_cast<resource*>(res->next);
        forget_indexed(known, res);
        res->next = unused.blocks;
        unused.blocks = res;
    }
    if (!released.slots || released.blocks)
        return unused;
    block* memory = memory_of(head);
    if (is_all && !known) {
        released.slots = nullptr;
        memory->live = 0;
    }
    for (std::uint32_t n = 0; n != batch && released.slots; ++n) {
        resource* res = released.slots;
        released.slots = static_cast<resource*>(res->next);
        forget_indexed(known, res);
        make_free(memory, res);
        --memory->live;
    }
    if (memory->live == 0)
        unused.slot_blocks = start_afresh_locked(head).slot_blocks;
    return unused;
}

void free_unused(upstream* source, const unused_memory& unused) noexcept
{
    if (const block* newest = unused.slot_blocks) {
        if (const tables* more = newest->more) // all that the head had
            index::destroy(source, more->index);
        free_blocks(source, unused.slot_blocks);
    }
    for (resource* res = unused.blocks; res;) {
        auto* next = static_cast<resource*>(res->next);
        free_own_block(source, res);
        res = next;
    }
}

} // namespace devres::detail
