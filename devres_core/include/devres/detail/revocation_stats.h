// SPDX-License-Identifier: MIT
//
// How often the library has waited for readers and issued its barrier: for tests and benchmarks, which count
// instead of measuring time. Only what waits or enters the kernel anyway is counted.
//
// Thread safety: any thread at any time.
#pragma once

#include <cstddef>

namespace devres::detail {

struct revocation_counts {
    std::size_t waits;
    std::size_t barriers;
};
revocation_counts revocation_stats() noexcept;

} // namespace devres::detail
