// SPDX-License-Identifier: MIT
//
// From (action, data), or from the address of a block of its own, to the resource: what makes removing one
// cost the same whatever the number.
//
// A table, probed linearly, has for each key its newest resource, and beside it a byte of its hash, so that
// resources with other keys are hardly ever looked at. Resources with equal keys have a twin each,
// in an array beside the table, that links them in a ring by age. The field `size` in the header of a
// resource with a key is the number of its twin, or 0; it is believed only if the twin knows the resource,
// since it may be left from an earlier index.
//
// The table is filled from the newest resource to the oldest, a part at each removal, so that no call takes
// long. `boundary` is the oldest resource that has been looked at: what is newer, and has a key, is in the
// table, and what is found there is therefore the newest of its key. What is not found may still be among the
// older ones, which have to be scanned.
//
// Thread safety: all of it under the lock of the head, but for create and destroy.
// Invariants
// 1. The table is valid for one epoch of the list: a release of everything leaves it behind as a whole.
// 2. A resource stays in the table until its memory is given back, so the table never refers to memory that
//    has been freed. Whoever looks something up has to see whether it is still listed.
// Cost: each operation O(1). 14 to 27 bytes for a key, 24 more for each of several resources with one key.
#pragma once

#include <cstdint>

#include "list/list.h"

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
inline index_key key_of_block(const void* payload) noexcept
{
    return {1, reinterpret_cast<std::uintptr_t>(payload)}; // no function has the address 1
}
// True for the kinds that are found by key.
inline bool has_key(const resource* res) noexcept
{
    return res->ops->kind == resource_kind::action ||
           resource_state::of(res).storage() == storage_kind::block;
}
inline index_key key_of(const resource* res) noexcept
{
    const void* payload = res + 1;
    if (res->ops->kind == resource_kind::action)
        return key_of(*static_cast<const action_payload*>(payload)); // SAFETY: an action's payload
    return key_of_block(payload);
}

class index {
public:
    static constexpr std::size_t worth_it = 32; // so many resources are scanned at no great cost

    // For `keys` keys and half as many again. `before` is the index that this one replaces, or null.
    // Returns: null on no memory.
    static index* create(upstream* source, std::size_t keys, const index* before) noexcept;
    static void destroy(upstream* source, index* victim) noexcept;

    // Valid from now on, and not filled yet.
    void begin_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
    {
        epoch_ = list_of(head).epoch_locked();
    }
    bool has_epoch(std::uint32_t epoch) const noexcept { return epoch_ == epoch; }
    std::size_t bytes() const noexcept { return bytes_; }
    // Not valid any more, even if its epoch comes round again (C16).
    void retire() noexcept { epoch_ = no_epoch; }
    // False once something did not fit, or the boundary was lost: the index has to be replaced.
    bool is_usable() const noexcept { return usable_; }
    bool is_complete() const noexcept { return complete_; }

    // Looks at `count` more resources with keys.
    void fill_locked(devres_head* head, std::size_t count) noexcept DEVRES_REQUIRES(list_of(head));
    // How many it should look at now: more each time.
    std::size_t next_quota() noexcept;
    // The newest resource that has not been looked at, or null. May find that the boundary is lost.
    resource* first_unknown_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head));

    // A resource that has just been linked, and is newer than all others of its key.
    void insert_newest(resource* res) noexcept { insert(res, age::newest); }
    // A resource that is about to be unlinked.
    void erase_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head));
    // A resource whose memory is about to be given back, in the table or not.
    void erase(resource* res) noexcept;

    // The newest resource of that key that is on the list, or null.
    resource* find_locked(devres_head* head, const index_key& key) noexcept DEVRES_REQUIRES(list_of(head));

private:
    enum class age : bool { newest, oldest };

    struct twin {
        resource* res;       // null: unused
        std::uint32_t older; // of the oldest one: the newest
        std::uint32_t newer; // of the newest one: the oldest. Unused: the next unused twin
    };
    // What `size` says of a resource that is known not to be in the table.
    static constexpr std::uint32_t not_here = ~std::uint32_t{0};

    static std::uint64_t hash_of(const index_key& key) noexcept
    {
        std::uint64_t h = key.first * 0x9e3779b97f4a7c15ull;
        h = (h ^ (h >> 32)) + key.second;
        h *= 0xd6e8feb86659fd93ull;
        return h ^ (h >> 32);
    }
    // What is known of a cell without looking at its resource. Behind one that was erased, probes go on.
    static constexpr std::uint8_t empty = 0;
    static constexpr std::uint8_t erased = 1;
    static std::uint8_t tag_of(std::uint64_t hash) noexcept
    {
        return static_cast<std::uint8_t>(0x80u | hash >> 57);
    }
    std::size_t next(std::size_t cell) const noexcept { return (cell + 1) & mask_; }
    // The cell of that key, or the empty one at which its search ends.
    std::size_t cell_of(const index_key& key) const noexcept
    {
        const std::uint64_t hash = hash_of(key);
        std::size_t cell = hash & mask_;
        while (tags_[cell] != empty && (tags_[cell] != tag_of(hash) || key_of(cells_[cell]) != key))
            cell = next(cell);
        return cell;
    }
    bool put_in_new_cell(resource* res, std::uint64_t hash) noexcept;
    void insert(resource* res, age how) noexcept;
    void clear(std::size_t cell) noexcept;
    std::uint32_t twin_of(const resource* res) const noexcept
    {
        const std::uint32_t t = res->size;
        return t != 0 && t < used_twins_ && twins_[t].res == res ? t : 0;
    }
    // The boundary has left the list with a group. Its memory may go at any time, so it is forgotten.
    void lose_boundary() noexcept
    {
        usable_ = false;
        boundary_ = nullptr;
    }
    std::uint32_t take_twin(resource* res) noexcept;
    void give_twin(std::uint32_t t) noexcept;

    std::size_t bytes_;
    resource** cells_;
    std::uint8_t* tags_; // one for each cell
    twin* twins_;        // number 0 stands for none
    std::size_t mask_;
    std::size_t used_ = 0;  // cells that are not empty
    std::size_t gone_ = 0;  // of these, those of erased keys
    std::size_t found_ = 0; // the cell of the last find, which the next erase is mostly about
    std::size_t quota_;
    std::uint32_t twins_capacity_;
    std::uint32_t used_twins_ = 1; // those below have been used
    std::uint32_t unused_twin_ = 0;
    std::uint32_t epoch_ = no_epoch;
    resource* boundary_ = nullptr; // null: nothing has been looked at, or everything
    bool complete_ = false;
    bool usable_ = true;
    bool wants_twins_ = false; // it is not usable because there were too few of them
};

} // namespace devres::detail
