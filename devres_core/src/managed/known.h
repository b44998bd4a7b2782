// SPDX-License-Identifier: MIT
//
// What the family says of a pointer or a pair that a caller gives back.
#pragma once

#include "memory/attach.h"

namespace devres::detail {

// The resource that a caller means, or what is wrong with what the caller says.
struct looked_up {
    resource* res = nullptr;
    const char* wrong = nullptr;
    description what; // if there is a resource, but another one than the caller thinks
    scan_effort effort;
};

// What stands at `p`, which the caller says is a managed `ops` of this head.
looked_up look_up_locked(devres_head* head, const void* p, const resource_ops* ops) noexcept
    DEVRES_REQUIRES(list_of(head));
// WARNs of a look-up that found something wrong.
void report(const char* function, devres_head* head, const void* p, const looked_up& found) noexcept;

// True if both say the same kind of resource. The operations of a type are a constant in each module that
// uses it, so their addresses may differ (V12).
bool are_same_kind(const resource_ops* a, const resource_ops* b) noexcept;

extern const resource_ops memory_ops;

// krealloc (A6). What has to move is requested by `request`, and gets a block of its own if `is_alone`.
void* resize_memory(devres_head* head, void* p, std::size_t size, const allocation_request& request,
                    bool is_alone) noexcept;

} // namespace devres::detail
