// SPDX-License-Identifier: MIT
//
// How long tests go on that could go on for ever: stress, litmus, models. `./dev test` runs them briefly; CI
// sets the environment variable DEVRES_TEST_EFFORT to a factor by which they run longer.
#pragma once

#include <cstdlib>

namespace devres::test {

// Returns the factor; 1 if nothing sensible is set.
inline int effort() noexcept
{
    const char* factor = std::getenv("DEVRES_TEST_EFFORT");
    const int value = factor ? std::atoi(factor) : 1;
    return value > 0 ? value : 1;
}

} // namespace devres::test
