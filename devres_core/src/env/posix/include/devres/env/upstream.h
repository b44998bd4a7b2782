// SPDX-License-Identifier: MIT
//
// Where a head gets its memory from, unless that is malloc: the user's std::pmr::memory_resource.
//
// Declared only, where it is known how: <memory_resource> is a quarter of what a user's file would have to
// read, and who passes one has included it.
#pragma once

#include <cstddef>

#if defined(_GLIBCXX_BEGIN_NAMESPACE_VERSION) // libstdc++
// clang-format off
namespace std _GLIBCXX_VISIBILITY(default) {
_GLIBCXX_BEGIN_NAMESPACE_VERSION
namespace pmr { class memory_resource; } // NOLINT(cert-dcl58-cpp): as the library itself declares it
_GLIBCXX_END_NAMESPACE_VERSION
}
// clang-format on
#else
#include <memory_resource>
#endif

namespace devres::detail {

using upstream = std::pmr::memory_resource;

} // namespace devres::detail
