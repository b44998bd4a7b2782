// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// When a wait has become so long that it is reported: after 10 seconds, then after twice that, and so on.
#pragma once

namespace devres::detail {

class wait_clock {
public:
    unsigned milliseconds_left() const noexcept { return next_ - waited_; }
    void expire() noexcept
    {
        waited_ = next_;
        next_ *= 2;
    }
    unsigned long milliseconds() const noexcept { return waited_; }

private:
    unsigned waited_ = 0;
    unsigned next_ = 10'000;
};

} // namespace devres::detail
