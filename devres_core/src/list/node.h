// SPDX-License-Identifier: MIT
//
// The way into a devres_node, whose members are private.
#pragma once

#include "list/list.h"

namespace devres::detail {

struct node_access {
    static resource* resource_of(devres_node* node) noexcept { return &node->res_; }
    // Requires: the kind of `res` is `node`.
    static devres_node* node_of(resource* res) noexcept { return container_of<&devres_node::res_>(res); }
    static void describe(const resource* res, const char** name, const void** code) noexcept;
    static void init(devres_node* node, void (*release)(devres_head*, devres_node*),
                     const char* name) noexcept;
    static devres_head* owner_of(const devres_node* node) noexcept
    {
        return node->head_.load(std::memory_order_relaxed);
    }
    static void set_owner(devres_node* node, devres_head* head) noexcept
    {
        node->head_.store(head, std::memory_order_relaxed);
    }
    static void release(devres_head* head, resource* res);
};

} // namespace devres::detail
