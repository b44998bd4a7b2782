// SPDX-License-Identifier: MIT

#include "index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "upstream.h"

namespace devres::detail {

namespace {

constexpr std::size_t most_resources = std::size_t{1} << 31;
constexpr std::size_t first_twins = 64;

} // namespace

index* index::create(std::pmr::memory_resource* upstream, links* list, std::size_t resources,
                     const index* full) noexcept
{
    if (full) // what else it had besides slots, which is all that the caller counts
        resources = std::max(resources, 2 * (full->used_words_ - full->gone_words_));
    if (resources > most_resources)
        return nullptr;
    const std::size_t words = std::bit_ceil(resources + resources / 2 + 32);
    std::size_t twins = first_twins;
    if (full) // four times as many if there were too few, but never more than one for each resource
        twins = std::min<std::size_t>(full->wants_twins_ ? 4 * std::size_t{full->twins_capacity_}
                                                         : full->twins_capacity_,
                                      std::max(2 * resources, first_twins));
    const std::size_t bytes = sizeof(index) + twins * sizeof(twin) + words * sizeof(word);
    void* memory = upstream_allocate(upstream, bytes, alignof(std::max_align_t));
    if (!memory)
        return nullptr;
    auto* made = ::new (memory) index;
    made->bytes_ = bytes;
    made->twins_ = reinterpret_cast<twin*>(made + 1);
    made->table_ = reinterpret_cast<word*>(made->twins_ + twins);
    made->mask_ = words - 1;
    made->twins_capacity_ = static_cast<std::uint32_t>(twins);
    made->cursor_ = list;
    std::memset(made->table_, 0, words * sizeof(word));
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

std::uint32_t index::take_twin(resource* res) noexcept
{
    std::uint32_t t = unused_twin_;
    if (t) {
        unused_twin_ = twins_[t].newer;
    } else if (used_twins_ < twins_capacity_) {
        t = used_twins_++;
    } else {
        full_ = wants_twins_ = true;
        return 0;
    }
    twins_[t] = {res, 0, 0};
    res->size = t;
    return t;
}

void index::give_twin(std::uint32_t t) noexcept
{
    twins_[t].res->size = 0;
    twins_[t] = {nullptr, 0, unused_twin_};
    unused_twin_ = t;
}

bool index::insert_locked(resource* res) noexcept
{
    const index_key key = key_of_resource(res);
    const std::uint64_t hash = hash_of(key);
    const word mine = pack(res, hash);
    word* at = find_word(key, hash);
    res->size = 0;
    if (*at != empty) { // an older one of that key
        resource* older = address_of(*at);
        std::uint32_t its_twin = twin_of(older);
        if (!its_twin && (its_twin = take_twin(older)) == 0)
            return false;
        const std::uint32_t t = take_twin(res);
        if (!t)
            return false;
        twins_[t].older = its_twin;
        twins_[its_twin].newer = t;
    } else if (address_of(mine) != res || used_words_ >= mask_ / 4 * 3) {
        full_ = true; // (no such address is given to user space unless it asks for one)
        return false;
    } else {
        at = first_free_word(hash);
        if (*at == empty)
            ++used_words_;
        else
            --gone_words_;
    }
    *at = mine;
    return true;
}

index::word* index::first_free_word(std::uint64_t hash) const noexcept
{
    std::size_t i = hash & mask_;
    while (table_[i] != empty && table_[i] != gone)
        i = (i + 1) & mask_;
    return &table_[i];
}

void index::erase_locked(resource* res) noexcept
{
    if (cursor_ == res)
        cursor_ = res->prev; // may be the list itself: start again from its oldest
    if (!is_indexed(res))
        return;
    resource* successor = nullptr; // in the table
    if (const std::uint32_t t = twin_of(res)) {
        const twin mine = twins_[t];
        give_twin(t);
        if (mine.older)
            twins_[mine.older].newer = mine.newer;
        if (mine.newer) {
            twins_[mine.newer].older = mine.older;
            return;
        }
        if (mine.older)
            successor = twins_[mine.older].res;
    }
    const std::uint64_t hash = hash_of(key_of_resource(res));
    const word mine = pack(res, hash);
    for (std::size_t i = hash & mask_; table_[i] != empty; i = (i + 1) & mask_) {
        if (table_[i] != mine)
            continue;
        if (successor)
            table_[i] = pack(successor, hash);
        else
            clear(&table_[i]);
        return;
    }
}

} // namespace devres::detail
