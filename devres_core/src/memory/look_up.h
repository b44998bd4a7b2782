// SPDX-License-Identifier: MIT
//
// Finding one resource: by (action, data), or by the pointer that the caller was given.
//
// Each look-up first answers, in one section together with what the caller does with the answer. If that
// took a long scan, improve_index() afterwards builds a part of the index, outside the caller's section.
#pragma once

#include "memory/index.h"
#include "memory/slots.h"

namespace devres::detail {

// What a look-up cost.
struct scan_effort {
    std::size_t passed = 0; // resources that were scanned
    std::size_t keyed = 0;  // of these, those that an index would know

    bool was_long() const noexcept { return passed >= index::worth_it; }
};

// The newest resource of that key on the list, or null.
resource* find_by_key_locked(devres_head* head, const index_key& key, scan_effort& effort) noexcept
    DEVRES_REQUIRES(list_of(head));

// The resource with its payload at `p`, on the list or not; null if there is none. Does not follow `p`.
resource* find_by_pointer_locked(devres_head* head, const void* p, scan_effort& effort) noexcept
    DEVRES_REQUIRES(list_of(head));

// Makes the index if there is none, and fills another part of it. Without memory, scans go on.
// Returns: false if the owner has ended meanwhile, which the upstream may do when it gets memory back.
bool improve_index(devres_head* head, const scan_effort& effort, const char* function) noexcept;
// The same, if the search was long.
inline bool improve_if_long(devres_head* head, const scan_effort& effort, const char* function) noexcept
{
    return !effort.was_long() || improve_index(head, effort, function);
}

// Takes a resource off the list, for `one` to release it.
void claim_known_locked(devres_head* head, resource* res, class pass& one) noexcept
    DEVRES_REQUIRES(list_of(head));
// Takes a resource off the list that nobody has to be told of, and takes its memory back.
// Returns: what has to be freed without the lock.
[[nodiscard]] unused_memory unlink_and_free_locked(devres_head* head, resource* res) noexcept
    DEVRES_REQUIRES(list_of(head));
// Tells the index of a resource that is about to be unlinked.
void note_unlinked_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head));
// Tells the index of a resource that has just been linked.
void note_linked_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(list_of(head));

} // namespace devres::detail
