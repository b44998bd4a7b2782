// SPDX-License-Identifier: MIT
//
// The rare paths of a head: finding by (action, data) or by the address of a large block, and fetching
// memory.

#include "core.h"

namespace devres::detail {

namespace {

// How long the lock may be held while the index fills.
constexpr int fill_batch = 256;

} // namespace

void core::index_new_locked(devres_head* head, resource* res) noexcept
{
    // While it is incomplete the resource will be met on the way; when it is full the next removal replaces
    // it.
    if (head->index_->usable() && is_indexed(res))
        head->index_->insert_locked(res);
}

void core::prepare_index(devres_head* head, std::size_t indexed, const char* function) noexcept
{
    std::size_t resources = 0;
    index* full = nullptr;
    {
        const guard held(head, function);
        if (head->index_ && head->index_->full())
            full = take_index_locked(head);
        if (!head->index_)
            resources = (head->arena_ ? head->arena_->live_locked() : 0) / index::worth_it * indexed +
                        index::worth_it;
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

void core::supply::ask_locked() noexcept
{
    wanted_ = head_->arena_ ? head_->arena_->next_block_bytes_locked() : 0;
}

bool core::supply::fetch() noexcept
{
    give_back(); // what somebody else was faster with
    if (wanted_ == 0) {
        arena_ = arena::create(head_, head_->upstream_);
    } else {
        block_ = arena::make_block(head_->upstream_, wanted_);
        if (!block_)
            block_ = arena::make_block(head_->upstream_, arena::smallest_block_bytes(size_class_));
    }
    return arena_ || block_;
}

void core::supply::hand_over_locked() noexcept
{
    if (!head_->arena_)
        head_->arena_ = std::exchange(arena_, nullptr);
    else if (block_ && !head_->arena_->has_room_locked(size_class_))
        head_->arena_->add_block_locked(std::exchange(block_, nullptr));
}

void core::supply::give_back() noexcept
{
    if (arena_)
        std::exchange(arena_, nullptr)->put();
    arena::free_blocks(head_->upstream_, std::exchange(block_, nullptr));
}

bool core::find_key_locked(devres_head* head, const index_key& key, std::size_t most, resource** found,
                           std::size_t* indexed) noexcept
{
    *found = nullptr;
    if (head->index_ && head->index_->usable()) {
        *found = head->index_->find_locked(key);
        return true;
    }
    for (links* at = head->list_.prev; at != &head->list_; at = at->prev) {
        if (most-- == 0)
            return false;
        auto* res = static_cast<resource*>(at);
        if (!is_indexed(res))
            continue;
        if (key_of_resource(res) == key) {
            *found = res;
            return true;
        }
        ++*indexed;
    }
    return true;
}

} // namespace devres::detail
