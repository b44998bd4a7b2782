// SPDX-License-Identifier: MIT

#include "memory/look_up.h"

#include "env/env.h"
#include "list/pass.h"

namespace devres::detail {

namespace {

// How many resources are put into the index in one section.
constexpr std::size_t batch = 256;

} // namespace

resource* find_by_key_locked(devres_head* head, const index_key& key, scan_effort& effort) noexcept
{
    resource* res = list_of(head).newest_locked();
    if (class index* known = index_of_locked(head); known && known->is_usable()) {
        if (resource* found = known->find_locked(head, key))
            return found;
        if (known->is_complete())
            return nullptr;
        res = known->first_unknown_locked(head);
    }
    for (; res; res = list_of(head).older_locked(res)) {
        ++effort.passed;
        if (!has_key(res))
            continue;
        if (key_of(res) == key)
            return res;
        ++effort.keyed;
    }
    return nullptr;
}

resource* find_by_pointer_locked(devres_head* head, const void* p, scan_effort& effort) noexcept
{
    if (resource* res = slot_at_locked(head, p))
        return res;
    return find_by_key_locked(head, key_of_block(p), effort);
}

namespace {

// How many keys those of `live` resources may have that were not passed, if they are as those that were.
std::size_t keys_beyond(const scan_effort& effort, std::size_t live) noexcept
{
    if (live <= effort.passed)
        return 0;
    return static_cast<std::size_t>(std::uint64_t{live - effort.passed} * effort.keyed / effort.passed);
}

// `presence` has joined.
void build_index(devres_head* head, const scan_effort& effort, const char* function,
                 const pass& presence) noexcept
{
    upstream* const source = upstream_of(head);
    const auto has_ended = [&presence] { return !presence.head(); };
    supply more;
    class index* before = nullptr; // to be replaced
    std::size_t keys = 0;          // of the one to be made; 0: there is one
    for (bool has_tables = false; !has_tables;) {
        {
            const guard held(head, function);
            more.hand_over_locked(head);
            block* memory = memory_of(head);
            has_tables = memory && memory->more;
            if (has_tables) {
                class index*& current = memory->more->index;
                if (!index_of_locked(head) || !current->is_usable()) {
                    before = current;
                    current = nullptr;
                    memory->special &= ~block::has_index;
                    keys = effort.keyed + keys_beyond(effort, memory->live) + index::worth_it;
                }
            }
        }
        if (!has_tables && (!more.fetch(head, ask_for_tables(), {}) || has_ended()))
            return;
    }
    if (keys != 0) {
        class index* fresh = index::create(source, keys, before);
        index::destroy(source, before);
        if (!fresh)
            return;
        if (!has_ended()) {
            const guard held(head, function);
            block* memory = memory_of(head);
            if (memory && memory->more && !memory->more->index) {
                fresh->begin_locked(head);
                memory->more->index = fresh;
                memory->special |= block::has_index;
                fresh = nullptr;
            }
        }
        index::destroy(source, fresh); // another thread was faster
        if (has_ended())
            return;
    }
    std::size_t left = 0;
    do {
        const guard held(head, function);
        class index* known = index_of_locked(head);
        if (!known || !known->is_usable() || known->is_complete())
            return;
        if (left == 0)
            left = known->next_quota();
        const std::size_t now = left < batch ? left : batch;
        known->fill_locked(head, now);
        left -= now;
    } while (left != 0);
}

} // namespace

bool improve_index(devres_head* head, const scan_effort& effort, const char* function) noexcept
{
    // An end on this thread, by the upstream, is seen by it; one on another thread waits for it.
    pass presence(pass::kind::searching);
    {
        const guard held(head, function);
        presence.join_locked(head);
    }
    build_index(head, effort, function, presence);
    const bool is_there = presence.head();
    presence.finish();
    return is_there;
}

void note_unlinked_locked(devres_head* head, resource* res) noexcept
{
    if (class index* known = index_of_locked(head))
        known->erase_locked(head, res);
}

void claim_known_locked(devres_head* head, resource* res, pass& one) noexcept
{
    note_unlinked_locked(head, res);
    one.claim_locked(head, res);
}

unused_memory unlink_and_free_locked(devres_head* head, resource* res) noexcept
{
    note_unlinked_locked(head, res);
    list_of(head).unlink_locked(res, life_state::free);
    return give_back_locked(head, res);
}

void note_linked_locked(devres_head* head, resource* res) noexcept
{
    class index* known = index_of_locked(head);
    if (known && known->is_usable() && has_key(res))
        known->insert_newest(res);
}

} // namespace devres::detail
