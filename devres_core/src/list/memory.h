// SPDX-License-Identifier: MIT
//
// What the list asks of the memory that one-step resources live in. The list knows neither slots nor blocks:
// a head has one pointer to its memory, and a pass hands back what it has released.
//
// src/memory answers; so do, each for its own kind of memory, tests/freestanding and linux/.
#pragma once

#include "list/list.h"

namespace devres::detail {

// Released resources on their way back, by storage, linked through `next`.
struct released_memory {
    resource* slots = nullptr;
    resource* blocks = nullptr;

    bool empty() const noexcept { return !slots && !blocks; }
};

// What has left the head's memory and has to be freed once the lock is released.
struct unused_memory {
    block* slot_blocks = nullptr; // some, or all that the head had
    resource* blocks = nullptr;

    explicit operator bool() const noexcept { return slot_blocks || blocks; }
};

inline memory_pointer& memory_of(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
{
    return head->memory_;
}

inline upstream* upstream_of(const devres_head* head) noexcept
{
    return head->upstream_;
}

// Takes back a bounded part of `released`, so that the lock is not held for long. `is_all`: `released` is all
// that lives in the head's memory; then its slots need not be looked at, unless an index knows them.
// Returns: what has to be freed without the lock.
unused_memory take_back_locked(devres_head* head, released_memory& released, bool is_all) noexcept
    DEVRES_REQUIRES(list_of(head));

void free_unused(upstream* source, const unused_memory& unused) noexcept;

// The list is about to release a resource of storage `shared`: from now on its handle finds nothing. The head
// that the handle would ask may end in the callback.
void hide_from_handle(resource* res) noexcept;
// The list lets go of a resource of storage `shared`, which is freed unless a handle still refers to it. Any
// handle has been hidden from.
void let_go_of_shared(resource* res) noexcept;

} // namespace devres::detail
