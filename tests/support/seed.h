// SPDX-License-Identifier: MIT
//
// The seed of tests that draw lots: another one in each run, printed, and repeated by DEVRES_TEST_SEED.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <random>

namespace devres::test {

// Returns: the same number during one run.
inline unsigned seed()
{
    static const unsigned chosen = [] {
        const char* wanted = std::getenv("DEVRES_TEST_SEED");
        const unsigned number =
            wanted ? static_cast<unsigned>(std::strtoul(wanted, nullptr, 0)) : std::random_device()();
        std::printf("DEVRES_TEST_SEED=%u\n", number);
        std::fflush(stdout);
        return number;
    }();
    return chosen;
}

} // namespace devres::test
