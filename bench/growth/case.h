// SPDX-License-Identifier: MIT
//
// A case of the growth table: an operation, a number that it could grow with, and the exponent that it may
// have.
//
// A case brings about a state in which that number is n, and counts the instructions of the operation alone,
// with callgrind's client requests; see main.cpp.
#pragma once

#include "subjects/cell.h"

#include <cstddef>
#include <functional>
#include <vector>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) static_cast<void>(name)
#endif

namespace bench::growth {

// Counts what `f` executes on the calling thread as `times` operations.
class counting {
public:
    template <class F>
    void operator()(std::size_t times, F&& f)
    {
        CALLGRIND_TOGGLE_COLLECT;
        f();
        CALLGRIND_TOGGLE_COLLECT;
        times_ += times;
    }

    std::size_t times() const noexcept { return times_; }

private:
    std::size_t times_ = 0;
};

// What an operation may do to a number. `each` and `through` are the same exponent with different reasons.
inline constexpr int constant = 0;
inline constexpr int each = 1;    // it releases that many, or calls back for each
inline constexpr int through = 1; // it looks through them, as its contract says
inline constexpr int skip = -1;   // not a case

struct growth_case {
    const char* group; // those of one group share a process
    const char* operation;
    const char* number;
    int allowed;
    std::vector<std::size_t> sizes;
    std::function<void(std::size_t n, counting& count)> run;
};

inline std::vector<growth_case>& all_cases()
{
    static std::vector<growth_case> cases;
    return cases;
}

inline void add_case(growth_case c)
{
    if (c.allowed != skip)
        all_cases().push_back(std::move(c));
}

inline constexpr std::size_t repeat = 50; // how often a cheap operation is counted

} // namespace bench::growth
