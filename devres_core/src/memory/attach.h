// SPDX-License-Identifier: MIT
//
// Attaching in one step: memory and link in one critical section.
#pragma once

#include "list/pass.h"
#include "memory/look_up.h"
#include "memory/own_block.h"

namespace devres::detail {

// A resource about to be made in a slot.
struct slot_request {
    const resource_ops* ops;
    unsigned size_class;
    std::size_t payload_bytes;
    std::uint32_t size_field; // of the header
    life_state life = life_state::listed;
};

// Makes the resource in a slot and calls fill(payload), both under the lock.
// `presence`, if given, joins the head in the same section; then the resource is put on the list only if
// `linked` says so.
// Returns: null on no memory.
template <class Fill>
[[gnu::always_inline]] inline resource* attach_in_slot(devres_head* head, const slot_request& what,
                                                       const char* function,
                                                       const allocation_request& request, Fill fill,
                                                       pass* presence = nullptr, bool linked = true) noexcept
{
    supply more;
    do {
        const guard held(head, function);
        more.hand_over_locked(head);
        if (void* slot = take_slot_locked(head, what.size_class, what.payload_bytes)) [[likely]] {
            const resource_state state = resource_state::make(what.life, storage_kind::slot, what.size_class);
            auto* res = ::new (slot) resource{{nullptr, nullptr}, what.ops, what.size_field, 0};
            fill(res->payload());
            if (linked) [[likely]] {
                attach_locked(head, res, state);
                if (memory_of(head)->more) [[unlikely]]
                    note_linked_locked(head, res);
            } else {
                state.store(res);
            }
            if (presence)
                presence->join_locked(head);
            return res;
        }
        more.ask_locked(head, what.size_class);
    } while (more.fetch(head, request));
    return nullptr;
}

// Links a resource in a block of its own, which has been filled before. The rest as above.
void attach_own_block(devres_head* head, resource* res, life_state life, storage_kind storage,
                      const char* function, pass* presence = nullptr, bool linked = true) noexcept;

} // namespace devres::detail
