// SPDX-License-Identifier: MIT
//
// How long a wait has taken: the model decides at which waits a report is due, once for each.
#pragma once

namespace devres::detail {

class wait_clock {
public:
    unsigned long milliseconds() const noexcept { return 0; }
    bool has_reported = false;
};

} // namespace devres::detail
