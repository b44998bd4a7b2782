// SPDX-License-Identifier: MIT
//
// Counts of rare events, for tests and benchmarks.
#pragma once

#include <atomic>
#include <cstddef>

namespace devres::detail {

inline std::atomic<std::size_t> heavy_barriers{0};
inline std::atomic<std::size_t> reader_waits{0};

} // namespace devres::detail
