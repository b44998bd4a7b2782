// SPDX-License-Identifier: MIT
//
// From (action, data), or from the address of a large block, to the resource: what makes removing one cost the
// same whatever the number.
//
// Made at the first removal on a head that has many, kept from then on. It is filled in short batches, oldest
// first, so that nobody waits for the lock while it grows; until it is complete look-ups scan. When it is full the
// next removal makes one twice as large. Without memory for it a scan answers.
//
// A table of buckets leads to the newest resource of each key; older equal ones hang below it. All links are entry
// numbers. A resource knows its entry by a hint in its header, believed only if the entry knows the resource.
//
// Thread safety: all of it needs the head's lock, but for create and destroy.
// Cost: every operation O(1). 24 bytes an entry and 4 to 8 for buckets.
#pragma once

#include <cstdint>
#include <memory_resource>

#include <devres/devres.h>

namespace devres::detail {

struct index_key {
    std::uintptr_t first;
    std::uintptr_t second;
    bool operator==(const index_key&) const = default;
};

index_key key_of(action_payload action) noexcept;
index_key key_of(const void* large_block) noexcept;
// True for the kinds that are found by key.
bool is_indexed(const resource* res) noexcept;
index_key key_of_resource(const resource* res) noexcept;

class index {
public:
    static constexpr std::size_t worth_it = 32; // below this a scan is as fast

    // For `resources` now on `list`, and as many again.
    static index* create(std::pmr::memory_resource* upstream, links* list, std::size_t resources) noexcept;
    static void destroy(std::pmr::memory_resource* upstream, index* victim) noexcept;

    bool complete() const noexcept { return cursor_ == nullptr; }
    // Once a resource did not fit, look-ups would miss it.
    bool full() const noexcept { return full_; }
    void spoil() noexcept { full_ = true; }
    bool usable() const noexcept { return complete() && !full_; }

    // Takes up to `batch` more resources of `list`, oldest first.
    // Returns: false if it is full.
    bool fill_locked(const links* list, int batch) noexcept;

    bool has(const resource* res) const noexcept
    {
        const std::uint32_t e = res->size;
        return is_indexed(res) && e != 0 && e < used_ && entries_[e].res == res;
    }

    // A resource that is on the list; one that is in it already stays. False: full.
    bool insert_locked(resource* res) noexcept;
    // A resource that is about to leave the list, in it or not.
    void erase_locked(resource* res) noexcept;

    // The newest one of that key, or null. Requires: usable().
    resource* find_locked(const index_key& key) const noexcept;

private:
    struct entry {
        resource* res;       // null: unused
        std::uint32_t older; // next older with an equal key
        std::uint32_t newer; // next newer; 0 for the leader of its key
        std::uint32_t next;  // leaders: next in the bucket. Unused entries: next unused
        std::uint32_t
            hash; // upper half of its key's, so that most strangers are told without looking at them
    };

    std::uint32_t& link_to_leader(const index_key& key, std::uint64_t hash) const noexcept;

    std::size_t bytes_;
    entry* entries_; // entry 0 stands for none
    std::uint32_t* buckets_;
    std::uint32_t mask_;
    std::uint32_t capacity_; // entries, the one for none included
    std::uint32_t used_ = 1; // entries below it have been used
    std::uint32_t unused_ = 0;
    bool full_ = false;
    links* cursor_; // filled up to here; null when complete
};

} // namespace devres::detail
