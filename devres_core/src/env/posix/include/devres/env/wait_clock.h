// SPDX-License-Identifier: MIT
//
// When a wait has become so long that it is reported (V11): after the time that devres_set_wait_warning()
// says, then after twice that, four times, and so on.
//
// How to use it, in a loop that sleeps until something happens:
//
//     wait_clock clock;
//     while (!happened())
//         if (sleep_for(clock.nanoseconds_left()); clock.is_due())
//             warn(..., clock.seconds());
//
// Thread safety: an object belongs to the thread that waits. Cost: nothing before the first call of
// nanoseconds_left().
#pragma once

#include <cstdint>

namespace devres::detail {

class wait_clock {
public:
    static constexpr std::uint64_t never = ~std::uint64_t{0};

    // Until the next report; at least one. `never`: nothing will be reported. The first call starts the
    // clock.
    std::uint64_t nanoseconds_left() noexcept;
    // True once for each report.
    bool is_due() noexcept;
    // How long it has been, for the report.
    unsigned long milliseconds() const noexcept;
    double seconds() const noexcept { return static_cast<double>(milliseconds()) / 1000; }

private:
    std::uint64_t since_ = 0; // 0: not started
    std::uint64_t wait_ = 0;  // from `since_` to the next report; 0: never
};

} // namespace devres::detail
