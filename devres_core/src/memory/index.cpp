// SPDX-License-Identifier: MIT

#include "memory/index.h"

#include <algorithm>
#include <bit>
#include <new>

#include "env/env.h"

namespace devres::detail {

namespace {

constexpr std::size_t most_keys = std::size_t{1} << 31;
constexpr std::size_t first_twins = 64;
// How many resources one removal puts into the index: so many that the first ones do not take long although
// they meet new pages, and that a hundred thousand are done after a few.
constexpr std::size_t first_quota = 4 * 1024;
constexpr std::size_t most_quota = 32 * 1024;

} // namespace

index* index::create(upstream* source, std::size_t keys, const index* before) noexcept
{
    if (before)
        keys = std::max(keys, 2 * (before->used_ - before->gone_));
    if (keys > most_keys)
        return nullptr;
    const std::size_t cells = std::bit_ceil(keys + keys / 2 + worth_it);
    std::size_t twins = first_twins;
    if (before) // one for each resource, once there were too few
        twins = before->wants_twins_ ? std::max(keys + keys / 2, first_twins) : before->twins_capacity_;
    const std::size_t bytes = sizeof(index) + twins * sizeof(twin) + cells * (sizeof(resource*) + 1);
    void* memory = env_allocate(source, bytes, alignof(std::max_align_t), {__GFP_ZERO, -1, nullptr});
    if (!memory)
        return nullptr;
    auto* made = ::new (memory) index;
    made->bytes_ = bytes;
    made->twins_ = reinterpret_cast<twin*>(made + 1);
    made->cells_ = reinterpret_cast<resource**>(made->twins_ + twins);
    made->tags_ = reinterpret_cast<std::uint8_t*>(made->cells_ + cells);
    made->mask_ = cells - 1;
    made->quota_ = first_quota;
    made->twins_capacity_ = static_cast<std::uint32_t>(twins);
    return made;
}

void index::destroy(upstream* source, index* victim) noexcept
{
    if (victim)
        env_free(source, victim, victim->bytes_, alignof(std::max_align_t));
}

// --- Filling -----------------------------------------------------------------------------------------------

std::size_t index::next_quota() noexcept
{
    const std::size_t now = quota_;
    quota_ = std::min(2 * quota_, most_quota);
    return now;
}

resource* index::first_unknown_locked(devres_head* head) noexcept
{
    if (!boundary_)
        return list_of(head).newest_locked();
    if (!list_of(head).holds_locked(boundary_)) {
        lose_boundary(); // released with a group; nobody knows any more what lay beside it
        return list_of(head).newest_locked();
    }
    return list_of(head).older_locked(boundary_);
}

void index::fill_locked(devres_head* head, std::size_t count) noexcept
{
    resource* res = first_unknown_locked(head);
    for (; res && count != 0 && usable_; res = list_of(head).older_locked(res)) {
        if (!has_key(res))
            continue;
        insert(res, age::oldest);
        boundary_ = res;
        --count;
    }
    if (!res && usable_) {
        complete_ = true;
        boundary_ = nullptr;
    }
}

// --- Twins -------------------------------------------------------------------------------------------------

std::uint32_t index::take_twin(resource* res) noexcept
{
    std::uint32_t t = unused_twin_;
    if (t) {
        unused_twin_ = twins_[t].newer;
    } else if (used_twins_ < twins_capacity_) {
        t = used_twins_++;
    } else {
        usable_ = false;
        wants_twins_ = true;
        return 0;
    }
    twins_[t] = {res, t, t};
    res->size = t;
    return t;
}

void index::give_twin(std::uint32_t t) noexcept
{
    twins_[t] = {nullptr, 0, unused_twin_};
    unused_twin_ = t;
}

// --- Resources ---------------------------------------------------------------------------------------------

// Returns: false if the table is too full.
bool index::put_in_new_cell(resource* res, std::uint64_t hash) noexcept
{
    std::size_t cell = hash & mask_;
    while (tags_[cell] != empty && tags_[cell] != erased)
        cell = next(cell);
    if (tags_[cell] == erased)
        --gone_;
    else if (used_ >= mask_ / 4 * 3)
        return false;
    else
        ++used_;
    cells_[cell] = res;
    tags_[cell] = tag_of(hash);
    return true;
}

void index::insert(resource* res, age how) noexcept
{
    res->size = 0;
    const index_key key = key_of(res);
    const std::size_t cell = cell_of(key);
    if (tags_[cell] == empty) {
        usable_ = put_in_new_cell(res, hash_of(key));
        return;
    }
    if (cells_[cell] == res)
        return; // it took another one's place among those that had not been looked at
    std::uint32_t newest = twin_of(cells_[cell]);
    if (!newest)
        newest = take_twin(cells_[cell]);
    const std::uint32_t t = newest ? take_twin(res) : 0;
    if (!t)
        return;
    const std::uint32_t oldest = twins_[newest].newer;
    twins_[t].older = newest;
    twins_[t].newer = oldest;
    twins_[newest].newer = t;
    twins_[oldest].older = t;
    if (how == age::newest)
        cells_[cell] = res;
}

// Empties a cell; one behind which a search may go on stays in use.
void index::clear(std::size_t cell) noexcept
{
    if (tags_[next(cell)] != empty) {
        tags_[cell] = erased;
        ++gone_;
        return;
    }
    tags_[cell] = empty;
    --used_;
    for (cell = (cell - 1) & mask_; tags_[cell] == erased; cell = (cell - 1) & mask_) {
        tags_[cell] = empty;
        --used_;
        --gone_;
    }
}

void index::erase_locked(devres_head* head, resource* res) noexcept
{
    while (boundary_ == res || (boundary_ && !has_key(boundary_)))
        boundary_ = list_of(head).newer_locked(boundary_);
    erase(res);
}

void index::erase(resource* res) noexcept
{
    if (!has_key(res) || res->size == not_here)
        return;
    if (boundary_ == res)
        lose_boundary();
    const std::uint32_t t = twin_of(res);
    const bool just_found = cells_[found_] == res && tags_[found_] > erased;
    const std::size_t cell = just_found ? found_ : cell_of(key_of(res));
    if (tags_[cell] != empty && cells_[cell] == res) {
        if (t && twins_[t].older != t)
            cells_[cell] = twins_[twins_[t].older].res;
        else
            clear(cell);
    }
    if (t) {
        twins_[twins_[t].older].newer = twins_[t].newer;
        twins_[twins_[t].newer].older = twins_[t].older;
        give_twin(t);
    }
    res->size = not_here;
}

resource* index::find_locked(devres_head* head, const index_key& key) noexcept
{
    const std::size_t cell = cell_of(key);
    found_ = cell;
    resource* res = tags_[cell] != empty ? cells_[cell] : nullptr;
    const std::uint32_t newest = res ? twin_of(res) : 0;
    for (std::uint32_t t = newest; res;) {
        if (list_of(head).holds_locked(res))
            return res;
        // In a pass. An older one of the same key may still be on the list.
        t = t ? twins_[t].older : newest;
        res = t != newest ? twins_[t].res : nullptr;
    }
    return nullptr;
}

} // namespace devres::detail
