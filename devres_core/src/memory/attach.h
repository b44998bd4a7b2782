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

// Makes a resource of a slot that was just taken.
template <class Fill>
[[gnu::always_inline]] inline resource* make_in_slot_locked(devres_head* head, const slot_request& what,
                                                            void* slot, Fill fill, pass* presence,
                                                            bool linked) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    unpoison(static_cast<char*>(slot) + sizeof(resource), what.payload_bytes);
    const auto state = resource_state::make(what.life, storage_kind::slot, what.size_class)
                           .with_epoch(list_of(head).epoch_locked());
    auto* res = ::new (slot) resource(what.ops, what.size_field, state.bits());
    fill(res->payload());
    if (linked) [[likely]] {
        list_of(head).link_new_locked(res);
        if (passes_of(head)) [[unlikely]]
            pass::note_attach_locked(head);
    }
    if (presence)
        presence->join_locked(head);
    return res;
}

// Where there are free slots, or an index to be told.
template <class Fill>
[[gnu::noinline]] resource* attach_specially_locked(devres_head* head, slot_request what, Fill fill,
                                                    pass* presence, bool linked) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    void* slot = take_slot_locked(head, what.size_class);
    if (!slot)
        return nullptr;
    resource* res = make_in_slot_locked(head, what, slot, fill, presence, linked);
    if (linked)
        note_linked_locked(head, res);
    return res;
}

// What attach_in_slot() does if there is memory at hand; null if there is not.
template <class Fill>
[[gnu::always_inline]] inline resource* attach_at_hand_locked(devres_head* head, const slot_request& what,
                                                              Fill fill, pass* presence, bool linked) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    block* memory = memory_of(head);
    if (!memory) [[unlikely]]
        return nullptr;
    if (memory->special) [[unlikely]]
        return attach_specially_locked(head, what, fill, presence, linked);
    void* slot = memory->carve(class_bytes(what.size_class));
    if (!slot) [[unlikely]]
        return nullptr;
    ++memory->live;
    return make_in_slot_locked(head, what, slot, fill, presence, linked);
}

// By value, so that the compiler need not have its arguments in memory where there is memory at hand.
template <class Fill>
[[gnu::noinline]] resource* attach_with_more_memory(devres_head* head, slot_request what,
                                                    const char* function, const allocation_request& request,
                                                    block_request wanted, Fill fill, pass* presence,
                                                    bool linked) noexcept
{
    supply more;
    while (more.fetch(head, wanted, request)) {
        const guard held(head, function);
        more.hand_over_locked(head);
        if (resource* res = attach_at_hand_locked(head, what, fill, presence, linked))
            return res;
        wanted = ask_locked(head, what.size_class);
    }
    return nullptr;
}

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
    block_request wanted;
    if (!has_memory(head)) [[unlikely]] {
        wanted = first_block(what.size_class);
    } else {
        const guard held(head, function);
        if (resource* res = attach_at_hand_locked(head, what, fill, presence, linked)) [[likely]]
            return res;
        wanted = ask_locked(head, what.size_class);
    }
    return attach_with_more_memory(head, what, function, request, wanted, fill, presence, linked);
}

// Links a resource in a block of its own, which has been filled before. The rest as above.
void attach_own_block(devres_head* head, resource* res, life_state life, storage_kind storage,
                      const char* function, pass* presence = nullptr, bool linked = true) noexcept;

} // namespace devres::detail
