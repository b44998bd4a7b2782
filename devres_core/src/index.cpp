// SPDX-License-Identifier: MIT

#include "index.h"

#include <bit>
#include <cstring>
#include <new>

#include "large_block.h"
#include "state.h"
#include "upstream.h"

namespace devres::detail {

namespace {

constexpr std::size_t most_entries = std::size_t{1} << 31;

std::uint64_t mix(const index_key& key) noexcept
{
    std::uint64_t h = key.first * 0x9e3779b97f4a7c15ull;
    h = (h ^ (h >> 32)) + key.second;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ (h >> 32);
}

} // namespace

index_key key_of(action_payload action) noexcept
{
    return {reinterpret_cast<std::uintptr_t>(action.fn), reinterpret_cast<std::uintptr_t>(action.data)};
}

index_key key_of(const void* large_block) noexcept
{
    return {1, reinterpret_cast<std::uintptr_t>(large_block)}; // no function has the address 1
}

bool is_indexed(const resource* res) noexcept
{
    return res->ops->kind == resource_kind::action || state_word::of(res).memory() == place::large;
}

index_key key_of_resource(const resource* res) noexcept
{
    const void* payload = res + 1;
    if (res->ops->kind == resource_kind::action)
        return key_of(*static_cast<const action_payload*>(payload)); // SAFETY: an action's payload
    return key_of(payload);
}

index* index::create(std::pmr::memory_resource* upstream, links* list, std::size_t resources) noexcept
{
    const std::size_t capacity = 2 * resources + 64;
    if (capacity > most_entries)
        return nullptr;
    const std::size_t buckets = std::bit_ceil(capacity);
    const std::size_t bytes = sizeof(index) + capacity * sizeof(entry) + buckets * sizeof(std::uint32_t);
    void* memory = upstream_allocate(upstream, bytes, alignof(std::max_align_t));
    if (!memory)
        return nullptr;
    auto* made = ::new (memory) index;
    made->bytes_ = bytes;
    made->entries_ = reinterpret_cast<entry*>(made + 1);
    made->buckets_ = reinterpret_cast<std::uint32_t*>(made->entries_ + capacity);
    made->mask_ = static_cast<std::uint32_t>(buckets - 1);
    made->capacity_ = static_cast<std::uint32_t>(capacity);
    made->cursor_ = list;
    std::memset(made->buckets_, 0, buckets * sizeof(std::uint32_t));
    return made;
}

void index::destroy(std::pmr::memory_resource* upstream, index* victim) noexcept
{
    if (victim)
        upstream_free(upstream, victim, victim->bytes_, alignof(std::max_align_t));
}

bool index::fill_locked(const links* list, int batch) noexcept
{
    if (complete())
        return true;
    links* at = cursor_->next;
    for (; at != list && batch > 0; at = at->next, --batch) {
        auto* res = static_cast<resource*>(at);
        if (is_indexed(res) && !insert_locked(res))
            return false;
        cursor_ = res;
    }
    if (at == list)
        cursor_ = nullptr;
    return true;
}

// The link that leads to the leader with that key, in its bucket or in another leader; it is 0 if there is none.
std::uint32_t& index::link_to_leader(const index_key& key, std::uint64_t hash) const noexcept
{
    std::uint32_t* link = &buckets_[hash & mask_];
    while (*link) {
        entry& e = entries_[*link];
        if (e.hash == static_cast<std::uint32_t>(hash >> 32) && key_of_resource(e.res) == key)
            break;
        link = &e.next;
    }
    return *link;
}

bool index::insert_locked(resource* res) noexcept
{
    if (has(res))
        return true;
    std::uint32_t e = unused_;
    if (e) {
        unused_ = entries_[e].next;
    } else if (used_ < capacity_) {
        e = used_++;
    } else {
        full_ = true;
        return false;
    }
    const index_key key = key_of_resource(res);
    const std::uint64_t hash = mix(key);
    std::uint32_t& link = link_to_leader(key, hash);
    const std::uint32_t older = link;
    entries_[e] = {res, older, 0, older ? entries_[older].next : 0, static_cast<std::uint32_t>(hash >> 32)};
    if (older)
        entries_[older].newer = e;
    link = e;
    res->size = e;
    return true;
}

void index::erase_locked(resource* res) noexcept
{
    if (cursor_ == res)
        cursor_ = res->prev; // may be the list itself: start again from its oldest
    if (!has(res))
        return;
    const std::uint32_t e = res->size;
    entry& gone = entries_[e];
    if (gone.newer) {
        entries_[gone.newer].older = gone.older;
        if (gone.older)
            entries_[gone.older].newer = gone.newer;
    } else {
        const index_key key = key_of_resource(res);
        std::uint32_t& link = link_to_leader(key, mix(key));
        if (gone.older) {
            entries_[gone.older].newer = 0;
            entries_[gone.older].next = gone.next;
            link = gone.older;
        } else {
            link = gone.next;
        }
    }
    gone.res = nullptr;
    gone.next = unused_;
    unused_ = e;
    res->size = 0;
}

resource* index::find_locked(const index_key& key) const noexcept
{
    const std::uint32_t e = link_to_leader(key, mix(key));
    return e ? entries_[e].res : nullptr;
}

} // namespace devres::detail
