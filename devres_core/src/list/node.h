// SPDX-License-Identifier: MIT
//
// What others of this folder have to know of a devres_node, whose members are private.
#pragma once

#include "env/env.h"
#include "list/list.h"

namespace devres::detail {

struct node_access {
    // Requires of both: the kind of `res` is `node`.
    static void release(devres_head* head, resource* res);
    static void describe(const resource* res, description* what) noexcept;
};

} // namespace devres::detail
