// SPDX-License-Identifier: MIT
//
// The rare paths of a head: finding by (action, data) or by the address of a large block, and fetching memory.

#include "core.h"

namespace devres::detail {

namespace {

// How long the lock may be held while the index fills.
constexpr int fill_batch = 256;

} // namespace

void core::index_new_locked(devres_head* head, resource* res) noexcept
{
    // While it is incomplete the resource will be met on the way; when it is full the next removal replaces it.
    if (head->index_->usable() && is_indexed(res))
        head->index_->insert_locked(res);
}

void core::prepare_index(devres_head* head, const char* function) noexcept
{
    std::size_t resources = 0;
    index* full = nullptr;
    {
        const guard held(head, function);
        if (head->index_ && head->index_->full())
            full = take_index_locked(head);
        if (!head->index_)
            resources = index::worth_it + (head->arena_ ? head->arena_->live_locked() : 0);
    }
    if (resources != 0) {
        index* fresh = index::create(head->upstream_, &head->list_, resources, full);
        if (fresh) { // else a scan will do
            const guard held(head, function);
            if (!head->index_)
                head->index_ = std::exchange(fresh, nullptr);
        }
        index::destroy(head->upstream_, fresh); // somebody was faster
        index::destroy(head->upstream_, full);
    }
    for (bool more = true; more;) {
        const guard held(head, function);
        more =
            head->index_ && !head->index_->complete() && head->index_->fill_locked(&head->list_, fill_batch);
    }
}

bool core::fetch_memory(devres_head* head, unsigned size_class, const char* function) noexcept
{
    std::size_t wanted = 0; // bytes of a block; 0: an arena
    {
        const guard held(head, function);
        if (head->arena_ && head->arena_->has_room_locked(size_class))
            return true;
        if (head->arena_)
            wanted = head->arena_->next_block_bytes_locked();
    }
    arena* fresh_arena = nullptr;
    block* fresh_block = nullptr;
    if (wanted == 0) {
        fresh_arena = arena::create(head, head->upstream_);
    } else {
        fresh_block = arena::make_block(head->upstream_, wanted);
        if (!fresh_block)
            fresh_block = arena::make_block(head->upstream_, arena::smallest_block_bytes(size_class));
    }
    if (!fresh_arena && !fresh_block)
        return false;
    {
        const guard held(head, function);
        if (!head->arena_)
            head->arena_ = std::exchange(fresh_arena, nullptr);
        else if (fresh_block && !head->arena_->has_room_locked(size_class))
            head->arena_->add_block_locked(std::exchange(fresh_block, nullptr));
    }
    // Somebody else was faster.
    if (fresh_arena)
        fresh_arena->put();
    arena::free_blocks(head->upstream_, fresh_block);
    return true;
}

bool core::find_key_locked(devres_head* head, const index_key& key, std::size_t most,
                           resource** found) noexcept
{
    *found = nullptr;
    if (head->index_ && head->index_->usable()) {
        *found = head->index_->find_locked(key);
        return true;
    }
    for (links* at = head->list_.prev; at != &head->list_; at = at->prev) {
        auto* res = static_cast<resource*>(at);
        if (is_indexed(res) && key_of_resource(res) == key) {
            *found = res;
            return true;
        }
        if (most-- == 0)
            return false;
    }
    return true;
}

} // namespace devres::detail
