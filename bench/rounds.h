// SPDX-License-Identifier: MIT
//
// Figures of programs that measure in rounds of their own: the lower quartile, and how many rounds were
// disturbed.
//
// A round counts as disturbed if another thread took its processor away more than 20 times a second, or if it
// took more than one and a half times the lower quartile of all rounds. bench/report/measure.py judges the
// repetitions of the other programs by the same two thresholds.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

#include <sys/resource.h>

namespace bench {

// How often another thread was given the calling thread's processor.
inline long preemptions() noexcept
{
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

class rounds {
public:
    // Runs `f` once and notes how long it took, divided by `items`.
    template <class F>
    void measure(double items, F&& f)
    {
        const long switched = preemptions();
        const auto begin = std::chrono::steady_clock::now();
        f();
        const auto end = std::chrono::steady_clock::now();
        note(std::chrono::duration<double>(end - begin).count() * 1e9, items, preemptions() - switched);
    }

    // Notes a round that was timed elsewhere, such as on another thread.
    void note(double took_ns, double items, long switched)
    {
        ns_.push_back(took_ns / items);
        preempted_.push_back(switched > 1 && static_cast<double>(switched) * 1e9 > 20 * took_ns);
    }

    double lower_quartile() const
    {
        std::vector<double> sorted(ns_);
        std::sort(sorted.begin(), sorted.end());
        return sorted.empty() ? 0 : sorted[(sorted.size() - 1) / 4];
    }

    std::size_t count() const noexcept { return ns_.size(); }

    std::size_t disturbed() const
    {
        const double limit = 1.5 * lower_quartile();
        std::size_t found = 0;
        for (std::size_t i = 0; i < ns_.size(); ++i)
            found += preempted_[i] || ns_[i] > limit;
        return found;
    }

private:
    std::vector<double> ns_;
    std::vector<bool> preempted_;
};

} // namespace bench
