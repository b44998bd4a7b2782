// SPDX-License-Identifier: MIT
//
// How long a wait has taken, without a clock: no wait is ever reported as a long one.
#pragma once

namespace devres::detail {

class wait_clock {
public:
    unsigned long milliseconds() const noexcept { return 0; }
};

} // namespace devres::detail
