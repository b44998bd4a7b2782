// SPDX-License-Identifier: MIT
//
// A model of how Linux 6.12 does drmm, the copy of devres inside DRM: its own list, newest first, with a
// header of the same 40 bytes; an action's function stands in the header, its data in the payload.
//
// Removal scans; release_action scans from the oldest, as the original does. Releasing everything walks the
// list without the lock: in the original nobody else can hold the device by then. Left out, in Linux's
// favour: interrupts off, debug prints, the copy of the name.
#pragma once

#include "comparators/linux_model/list.h"
#include "comparators/linux_model/spinlock.h"

#include <cstddef>

namespace linux_model {

struct drmm_head {
    spinlock lock;
    list_head resources; // newest first
};

using drmm_release = void (*)(drmm_head* head, void* data);

struct drmm_node {
    list_head entry;
    drmm_release release; // null: memory only
    const char* name;
    std::size_t size;
};
static_assert(sizeof(void*) != 8 || sizeof(drmm_node) == 40, "Linux 6.12's header has 40 bytes");

void drmm_init(drmm_head* head) noexcept;
int drmm_add_action(drmm_head* head, drmm_release action, void* data) noexcept;
int drmm_release_action(drmm_head* head, drmm_release action, void* data) noexcept;
void* drmm_kmalloc(drmm_head* head, std::size_t size) noexcept;
void* drmm_kzalloc(drmm_head* head, std::size_t size) noexcept;
int drmm_kfree(drmm_head* head, void* block) noexcept;
void drmm_release_all(drmm_head* head) noexcept;

} // namespace linux_model
