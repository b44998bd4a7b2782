// SPDX-License-Identifier: MIT
//
// A model of how Linux 6.12 does devm: the same data layout and the same algorithm, written anew, in user
// space.
//
// It exists as the peer that design.md calls "Linux". One malloc per resource with a 40-byte header in front,
// a doubly linked list under a spinlock, removal by a scan from the newest, release by moving everything to
// a private list under the lock and calling back in reverse order without it. Compiled as a library of
// its own, so that nothing of it is inlined into a benchmark's loop.
//
// Left out, always in Linux's favour: interrupts off, tracing, the check for read-only strings.
// Thread safety: any thread, as in Linux.
#pragma once

#include "comparators/linux_model/list.h"
#include "comparators/linux_model/spinlock.h"

#include <cstddef>

namespace linux_model {

struct devm_head {
    spinlock lock;
    list_head resources; // oldest first
};

using devm_release = void (*)(devm_head* head, void* payload);
using devm_match = bool (*)(devm_head* head, void* payload, void* match_data);

struct devm_node {
    list_head entry;
    devm_release release;
    const char* name;
    std::size_t size;
};
static_assert(sizeof(void*) != 8 || sizeof(devm_node) == 40, "Linux 6.12's header has 40 bytes");

void devm_init(devm_head* head) noexcept;

int devm_add_action(devm_head* head, void (*action)(void*), void* data) noexcept;
int devm_remove_action(devm_head* head, void (*action)(void*), void* data) noexcept;
int devm_release_action(devm_head* head, void (*action)(void*), void* data) noexcept;

void* devm_kmalloc(devm_head* head, std::size_t size) noexcept;
void* devm_kzalloc(devm_head* head, std::size_t size) noexcept;
void* devm_krealloc(devm_head* head, void* block, std::size_t size) noexcept;
int devm_kfree(devm_head* head, void* block) noexcept;

void* devm_open_group(devm_head* head, void* id) noexcept;
void devm_close_group(devm_head* head, void* id) noexcept;

// Releases everything, newest first; returns how many resources that were.
int devm_release_all(devm_head* head) noexcept;

} // namespace linux_model
