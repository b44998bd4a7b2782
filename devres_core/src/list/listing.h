// SPDX-License-Identifier: MIT
//
// What is on a list, for whoever shows it.
#pragma once

#include "env/env.h"

namespace devres::detail {

struct listed_resource {
    description what;
    unsigned depth = 0; // in how many groups it is
    bool is_marker = false;
};

// Describes what is on the list, oldest first, up to `most`.
// Returns: how many there are, markers of groups included.
// Locking: takes the head's lock.
std::size_t describe_all(devres_head* head, listed_resource* to, std::size_t most) noexcept;

} // namespace devres::detail
