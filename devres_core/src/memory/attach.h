// SPDX-License-Identifier: MIT
//
// Attaching in one step: memory and link in one critical section.
#pragma once

#include "list/pass.h"
#include "memory/look_up.h"
#include "memory/own_block.h"

namespace devres::detail {

// Without the lock, and therefore only a hint.
inline bool has_memory(const devres_head* head) noexcept
{
    return head->memory_ != nullptr;
}

// A resource about to be made, apart from its operations.
struct resource_shape {
    std::size_t size; // of the payload
    std::size_t align = alignof(std::max_align_t);
    life_state life = life_state::listed;
    bool is_action = false; // then the size in the header is a hint into the index instead
    bool is_alone = false;  // in a block of its own, however small it is

    // Of its slot; slot_classes if it needs a block of its own.
    unsigned size_class() const noexcept
    {
        return is_alone || align > alignof(std::max_align_t) ? slot_classes : class_for_payload(size);
    }
    // Of the header.
    std::uint32_t size_field() const noexcept { return is_action ? 0 : static_cast<std::uint32_t>(size); }
};

// Makes a resource of a slot that was just taken.
template <class Fill>
[[gnu::always_inline]] inline resource* make_in_slot_locked(devres_head* head, const resource_ops* ops,
                                                            const resource_shape& what, void* slot, Fill fill,
                                                            pass* presence, bool linked) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    unpoison(static_cast<char*>(slot) + sizeof(resource), what.size);
    const auto state = resource_state::make(what.life, storage_kind::slot, what.size_class())
                           .with_epoch(linked ? list_of(head).epoch_locked() : no_epoch);
    auto* res = ::new (slot) resource(ops, what.size_field(), state.bits());
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
[[gnu::noinline]] resource* attach_specially_locked(devres_head* head, const resource_ops* ops,
                                                    const resource_shape& what, Fill fill, pass* presence,
                                                    bool linked) noexcept DEVRES_REQUIRES(list_of(head))
{
    void* slot = take_slot_locked(head, what.size_class());
    if (!slot)
        return nullptr;
    if (!what.is_action)
        note_pointer_locked(head, slot);
    resource* res = make_in_slot_locked(head, ops, what, slot, fill, presence, linked);
    if (linked)
        note_linked_locked(head, res);
    return res;
}

// What attach() does if there is memory at hand; null if there is not.
template <class Fill>
[[gnu::always_inline]] inline resource* attach_at_hand_locked(devres_head* head, const resource_ops* ops,
                                                              const resource_shape& what, Fill fill,
                                                              pass* presence, bool linked) noexcept
    DEVRES_REQUIRES(list_of(head))
{
    block* memory = memory_of(head);
    if (!memory) [[unlikely]]
        return nullptr;
    if (memory->special) [[unlikely]]
        return attach_specially_locked(head, ops, what, fill, presence, linked);
    void* slot = memory->carve(class_bytes(what.size_class()));
    if (!slot) [[unlikely]]
        return nullptr;
    if (!what.is_action)
        memory->note_pointer(slot);
    ++memory->live;
    return make_in_slot_locked(head, ops, what, slot, fill, presence, linked);
}

template <class Fill>
[[gnu::noinline]] resource* attach_with_more_memory(devres_head* head, const resource_ops* ops,
                                                    const resource_shape& what, const char* function,
                                                    const allocation_request& request, block_request wanted,
                                                    Fill fill, pass* presence, bool linked) noexcept
{
    supply more;
    while (more.fetch(head, wanted, request)) {
        const guard held(head, function);
        more.hand_over_locked(head);
        if (resource* res = attach_at_hand_locked(head, ops, what, fill, presence, linked))
            return res;
        wanted = ask_locked(head, what.size_class());
    }
    return nullptr;
}

// Links a resource in a block of its own, which has been filled before. `presence` and `linked` as below.
void attach_own_block(devres_head* head, resource* res, life_state life, storage_kind storage,
                      const char* function, pass* presence = nullptr, bool linked = true) noexcept;

template <class Fill>
[[gnu::noinline]] resource* attach_in_own_block(devres_head* head, const resource_ops* ops,
                                                const resource_shape& what, const char* function,
                                                const allocation_request& request, Fill fill, pass* presence,
                                                bool linked) noexcept
{
    resource* res = make_own_block(upstream_of(head), ops, what.size, what.align, request);
    if (!res)
        return nullptr;
    fill(res->payload());
    attach_own_block(head, res, what.life, storage_kind::block, function, presence, linked);
    return res;
}

// Makes the resource and calls fill(payload): in a slot both under the lock, in a block of its own before.
// `presence`, if given, joins the head in the same section; then the resource is put on the list only if
// `linked` says so.
// Returns: null on no memory.
template <class Fill>
[[gnu::always_inline]] inline resource*
attach(devres_head* head, const resource_ops* ops, const resource_shape& what, const char* function,
       const allocation_request& request, Fill fill, pass* presence = nullptr, bool linked = true) noexcept
{
    block_request wanted;
    if (what.size_class() == slot_classes) [[unlikely]]
        return attach_in_own_block(head, ops, what, function, request, fill, presence, linked);
    if (!has_memory(head)) [[unlikely]] {
        wanted = first_block(what.size_class());
    } else {
        const guard held(head, function);
        if (resource* res = attach_at_hand_locked(head, ops, what, fill, presence, linked)) [[likely]]
            return res;
        wanted = ask_locked(head, what.size_class());
    }
    return attach_with_more_memory(head, ops, what, function, request, wanted, fill, presence, linked);
}

} // namespace devres::detail
