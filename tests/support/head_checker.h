// SPDX-License-Identifier: MIT
//
// Walks the list of a head in both directions.
#pragma once

#include <cstddef>

#include <devres/devres.h>

#include "../../devres_core/src/core.h"

namespace devres::test {

// Returns: how many resources and group markers are listed; aborts if a link is wrong.
inline std::size_t checked_count(const devres_head& head)
{
    return detail::core::check(&head);
}

} // namespace devres::test
