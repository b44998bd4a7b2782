// SPDX-License-Identifier: MIT
//
// Where a head gets its memory from, unless that is malloc: the user's std::pmr::memory_resource.
#pragma once

#include <memory_resource>

namespace devres::detail {

using upstream = std::pmr::memory_resource;

} // namespace devres::detail
