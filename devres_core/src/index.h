// SPDX-License-Identifier: MIT
//
// From (action, data), or from the address of a large block, to the resource: what makes removing one cost
// the same whatever the number.
//
// Made at the first removal on a head that has many, kept from then on. It is filled in short batches, oldest
// first, so that nobody waits for the lock while it grows; until it is complete look-ups scan. When it is
// full the next removal makes a larger one. Without memory for it a scan answers.
//
// A table, probed linearly, has one word for each key: the address of its newest resource and 16 bits of the
// key's hash, so that most strangers are told without looking at them. Resources with equal keys also have an
// entry each that links them by age; a resource knows its entry by a hint in its header, believed only if the
// entry knows it.
//
// Thread safety: all of it needs the head's lock, but for create and destroy.
// Cost: every operation O(1). 12 to 24 bytes for a key, 16 more for each of several resources with one key.
#pragma once

#include <cstdint>
#include <memory_resource>

#include <devres/devres.h>

#include "state.h"

namespace devres::detail {

struct index_key {
    std::uintptr_t first;
    std::uintptr_t second;
    bool operator==(const index_key&) const = default;
};

inline index_key key_of(action_payload action) noexcept
{
    return {reinterpret_cast<std::uintptr_t>(action.fn), reinterpret_cast<std::uintptr_t>(action.data)};
}
inline index_key key_of(const void* large_block) noexcept
{
    return {1, reinterpret_cast<std::uintptr_t>(large_block)}; // no function has the address 1
}
// True for the kinds that are found by key.
inline bool is_indexed(const resource* res) noexcept
{
    return res->ops->kind == resource_kind::action || state_word::of(res).memory() == place::large;
}
inline index_key key_of_resource(const resource* res) noexcept
{
    const void* payload = res + 1;
    if (res->ops->kind == resource_kind::action)
        return key_of(*static_cast<const action_payload*>(payload)); // SAFETY: an action's payload
    return key_of(payload);
}

class index {
public:
    static constexpr std::size_t worth_it = 32; // below this a scan is as fast

    // For `resources` now on `list` and some more. `full`, if not null, is the one that is to be replaced.
    // Returns: null on no memory.
    static index* create(std::pmr::memory_resource* upstream, links* list, std::size_t resources,
                         const index* full) noexcept;
    static void destroy(std::pmr::memory_resource* upstream, index* victim) noexcept;

    bool complete() const noexcept { return cursor_ == nullptr; }
    // Once a resource did not fit, look-ups would miss it.
    bool full() const noexcept { return full_; }
    void spoil() noexcept { full_ = true; }
    bool usable() const noexcept { return complete() && !full_; }

    // Takes up to `batch` more resources of `list`, oldest first.
    // Returns: false if it is full.
    bool fill_locked(const links* list, int batch) noexcept;

    // A resource that is on the list and not in the index. False: full.
    bool insert_locked(resource* res) noexcept;
    // A resource that is about to leave the list, in the index or not.
    void erase_locked(resource* res) noexcept;

    // The newest one of that key, or null. Requires: usable().
    resource* find_locked(const index_key& key) const noexcept
    {
        return address_of(*find_word(key, hash_of(key)));
    }

    // Finds and erases in one step if only one resource has that key; else null, and nothing is changed.
    // Requires: usable().
    resource* take_only_locked(const index_key& key) noexcept
    {
        word* at = find_word(key, hash_of(key));
        resource* res = address_of(*at);
        if (!res || twin_of(res) != 0)
            return nullptr;
        clear(at);
        return res;
    }

private:
    using word = std::uint64_t;
    static constexpr word empty = 0;
    static constexpr word gone = 1; // was in use: a probe goes on. No resource has that address
    static constexpr unsigned address_bits = 48;

    struct twin {
        resource* res;       // null: unused
        std::uint32_t older; // next older with an equal key
        std::uint32_t newer; // next newer; 0 for the one in the table. Unused: the next unused one
    };

    static std::uint64_t hash_of(const index_key& key) noexcept
    {
        std::uint64_t h = key.first * 0x9e3779b97f4a7c15ull;
        h = (h ^ (h >> 32)) + key.second;
        h *= 0xd6e8feb86659fd93ull;
        return h ^ (h >> 32);
    }
    static word pack(const resource* res, std::uint64_t hash) noexcept
    {
        return (hash >> address_bits << address_bits) | reinterpret_cast<std::uintptr_t>(res);
    }
    static resource* address_of(word w) noexcept
    {
        constexpr word mask = (word{1} << address_bits) - 1;
        return reinterpret_cast<resource*>(static_cast<std::uintptr_t>(w & mask));
    }

    // The word of that key, or the empty one at which its search ends.
    word* find_word(const index_key& key, std::uint64_t hash) const noexcept
    {
        for (std::size_t i = hash & mask_;; i = (i + 1) & mask_) {
            const word w = table_[i];
            if (w == empty)
                return &table_[i];
            if ((w ^ hash) >> address_bits == 0 && w != gone && key_of_resource(address_of(w)) == key)
                return &table_[i];
        }
    }
    word* first_free_word(std::uint64_t hash) const noexcept;
    // Empties a word that has no key any more; one at which no search ends stays in use.
    void clear(word* at) noexcept
    {
        std::size_t i = static_cast<std::size_t>(at - table_);
        if (table_[(i + 1) & mask_] != empty) {
            *at = gone;
            ++gone_words_;
            return;
        }
        table_[i] = empty;
        --used_words_;
        for (i = (i - 1) & mask_; table_[i] == gone; i = (i - 1) & mask_) {
            table_[i] = empty;
            --used_words_;
            --gone_words_;
        }
    }
    std::uint32_t twin_of(const resource* res) const noexcept
    {
        const std::uint32_t t = res->size;
        return t != 0 && t < used_twins_ && twins_[t].res == res ? t : 0;
    }
    std::uint32_t take_twin(resource* res) noexcept;
    void give_twin(std::uint32_t t) noexcept;

    std::size_t bytes_;
    word* table_;
    twin* twins_; // twin 0 stands for none
    std::size_t mask_;
    std::size_t used_words_ = 0; // words that are not empty
    std::size_t gone_words_ = 0; // of these, those that say gone
    std::uint32_t twins_capacity_;
    std::uint32_t used_twins_ = 1; // those below have been used
    std::uint32_t unused_twin_ = 0;
    bool full_ = false;
    bool wants_twins_ = false; // it is full because twins ran out
    links* cursor_;            // filled up to here; null when complete
};

} // namespace devres::detail
