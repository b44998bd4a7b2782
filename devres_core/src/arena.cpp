// SPDX-License-Identifier: MIT

#include "arena.h"

#include <new>
#include <utility>

#include "upstream.h"

namespace devres::detail {

namespace {

// Small enough for malloc's fast path; with the arena itself, room for ten actions.
constexpr std::size_t first_block_bytes = 1024;

} // namespace

// --- Making one ----------------------------------------------------------------------------------------

arena* arena::create(devres_head* head, std::pmr::memory_resource* upstream) noexcept
{
    void* memory = upstream_allocate(upstream, first_block_bytes, unit);
    if (!memory)
        return nullptr;
    constexpr std::size_t own = round_up(sizeof(arena), unit);
    static_assert(own + sizeof(block) < first_block_bytes / 2);
    auto* made = ::new (memory) arena(head, upstream);
    made->blocks_ = block::place(static_cast<char*>(memory) + own, first_block_bytes - own, 0);
    made->sort_in(made->blocks_);
    return made;
}

block* arena::make_block(std::pmr::memory_resource* upstream, std::size_t bytes) noexcept
{
    void* memory = upstream_allocate(upstream, bytes, unit);
    return memory ? block::place(memory, bytes, bytes) : nullptr;
}

std::size_t arena::smallest_block_bytes(unsigned size_class) noexcept
{
    return round_up(sizeof(block) + 2 * unit + class_bytes(size_class) * 129 / 128 + unit, 64);
}

std::size_t arena::next_block_bytes_locked() const noexcept
{
    const std::size_t newest = blocks_->bytes;
    return newest == 0 ? 4096 : 2 * newest; // room for any slot
}

void arena::add_block_locked(block* fresh) noexcept
{
    fresh->older = blocks_;
    blocks_ = fresh;
    sort_in(fresh);
}

void arena::sort_in(block* b) noexcept
{
    if (sorted_count_ == most_sorted) { // the upstream gives small ones only
        unsorted_ = true;
        return;
    }
    std::uint32_t at = sorted_count_++;
    for (; at > 0 && reinterpret_cast<std::uintptr_t>(sorted_[at - 1]) > reinterpret_cast<std::uintptr_t>(b);
         --at)
        sorted_[at] = sorted_[at - 1];
    sorted_[at] = b;
}

void arena::free_blocks(std::pmr::memory_resource* upstream, block* blocks) noexcept
{
    while (blocks) {
        block* b = std::exchange(blocks, blocks->older);
        unpoison(b->first, static_cast<std::size_t>(b->end - b->first));
        upstream_free(upstream, b, b->bytes, unit);
    }
}

// --- Slots ---------------------------------------------------------------------------------------------

void arena::resize(resource* res, std::size_t size) noexcept
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

bool arena::give_all_locked(std::uint32_t n, block** garbage) noexcept
{
    if (live_ != n)
        return false;
    live_ = 0;
    *garbage = start_afresh_locked();
    return true;
}

void arena::give_batch_locked(slot_batch& batch) noexcept
{
    live_ -= batch.count;
    if constexpr (checked_memory)
        return;
    reusable_ = true;
    for (unsigned c = 0; c < classes; ++c) {
        auto& chain = batch.chains[c];
        if (!chain.first)
            continue;
        chain.last->next = free_[c];
        free_[c] = chain.first;
    }
}

void slot_batch::add(resource* res) noexcept
{
    set_life(res, life::free);
    chain& c = chains[state_word::of(res).size_class()];
    if (!c.first)
        c.last = res;
    res->next = c.first;
    c.first = res;
    ++count;
}

// Nothing lives here any more: all but the first block, and the newest if it is small, goes back.
block* arena::start_afresh_locked() noexcept
{
    if (std::exchange(reusable_, false))
        std::memset(free_, 0, sizeof(free_));
    block* garbage = nullptr;
    block* kept = nullptr;
    for (block* b = blocks_; b;) {
        block* older = b->older;
        const bool is_first = older == nullptr;
        if (is_first || (!checked_memory && !kept && b->bytes <= kept_bytes)) {
            if constexpr (!checked_memory) // else a stale pointer into it would soon look valid again
                b->forget_slots();
            b->older = nullptr;
            if (kept)
                kept->older = b;
            else
                kept = b;
        } else {
            b->older = garbage;
            garbage = b;
        }
        b = older;
    }
    blocks_ = kept;
    sorted_count_ = 0;
    unsorted_ = false;
    for (block* b = kept; b; b = b->older)
        sort_in(b);
    return garbage;
}

bool arena::find_slot_locked(const void* p, resource** res) noexcept
{
    // Everything that is not marked yet, not only what would do here: who frees one will free others.
    int batch = 1024;
    for (block* b = blocks_; b; b = b->older)
        for (; b->marked_to != b->bump; --batch) {
            if (batch == 0)
                return false;
            // SAFETY: invariant 2.
            b->mark(class_bytes(state_word::of(reinterpret_cast<resource*>(b->marked_to)).size_class()));
        }
    *res = marked_slot_at_locked(p);
    return true;
}

// --- Life ----------------------------------------------------------------------------------------------

void arena::put() noexcept
{
    // Who has the only reference needs no locked instruction to find out.
    if (references_.load(std::memory_order_acquire) != 1 &&
        references_.fetch_sub(1, std::memory_order_acq_rel) != 1)
        return;
    block* b = blocks_;
    while (b->older) {
        block* next = b->older;
        b->older = nullptr;
        free_blocks(upstream_, b);
        b = next;
    }
    unpoison(b->first, static_cast<std::size_t>(b->end - b->first));
    std::pmr::memory_resource* upstream = upstream_;
    this->~arena();
    upstream_free(upstream, this, first_block_bytes, unit);
}

} // namespace devres::detail
