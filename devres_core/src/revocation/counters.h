// SPDX-License-Identifier: MIT
//
// What revocation_stats() reports.
#pragma once

#include <atomic>
#include <cstddef>

namespace devres::detail {

inline std::atomic<std::size_t> heavy_barriers{0};
inline std::atomic<std::size_t> reader_waits{0};

} // namespace devres::detail
