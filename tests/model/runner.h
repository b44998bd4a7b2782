// SPDX-License-Identifier: MIT
//
// Runs scenarios under many schedules and compares with what is expected of them.
//
// A scenario that must hold has controls beside it: the same with one step left out, in which relacy must
// find the bug. A control that passes means that the scenario cannot see what it is there for.
#pragma once

#include "model_sync.h"

#include <cstdio>

#include "../support/effort.h"

namespace model {

// How many schedules a scenario that must hold is run under, and a control has to find its bug in.
inline const unsigned long enough = 50000ul * static_cast<unsigned long>(devres::test::effort());

enum class expect { holds, fails };

inline int failures = 0;

template <class Suite>
rl::test_result_e simulate(rl::test_params& params, rl::ostringstream& state, bool again)
{
    return rl::run_test<Suite, rl::random_scheduler<Suite::params::thread_count>>(params, state, again);
}

template <class Suite>
void run(const char* name, expect what, unsigned long schedules)
{
    rl::ostringstream output; // relacy's own kind: its allocator knows no model
    rl::ostringstream state;
    rl::test_params params;
    params.iteration_count = schedules;
    params.execution_depth_limit = 4000;
    params.output_stream = &output;
    params.progress_stream = &output;
    const rl::test_result_e result = simulate<Suite>(params, state, false);
    const bool held = result == rl::test_result_success;
    const bool as_expected = held == (what == expect::holds);
    std::printf("%-4s %-60s %s, schedule %lu\n", as_expected ? "ok" : "FAIL", name,
                rl::test_result_str(result), static_cast<unsigned long>(params.stop_iteration));
    if (!as_expected)
        ++failures;
    if (!as_expected && !held) { // the failing schedule once more, to print what every thread did
        params.initial_state = state.str();
        params.collect_history = true;
        rl::ostringstream unused;
        simulate<Suite>(params, unused, true);
        std::printf("%s\n", output.str().c_str());
    }
    std::fflush(stdout);
}

// The exit status.
inline int summary()
{
    std::printf("%s\n", failures ? "FAILED" : "all as expected");
    return failures ? 1 : 0;
}

} // namespace model
