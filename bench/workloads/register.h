// SPDX-License-Identifier: MIT
//
// One spelling for every benchmark: BM_<Subject>_<Workload>/<n>/threads:<t>.
//
// Each instance reports items_per_second, an item being one resource or one access; bench/run.py takes the
// cost per item from that, whether the clock was the processor's, the wall's or the workload's own. It also
// reports what happened around it: `preempted`, how often its threads lost their processor to somebody else;
// `stolen`, the seconds that the host took from this machine; `took`, how long the whole run was. measure.py
// judges by them whether a repetition was disturbed.
#pragma once

#include "rounds.h"

#include <benchmark/benchmark.h>

#include <chrono>
#include <fstream>
#include <string>

#include <unistd.h>

namespace bench {

// Seconds that the host has taken from the processors of this machine, from /proc/stat.
inline double stolen_seconds()
{
    std::ifstream in("/proc/stat");
    std::string cpu;
    double value = 0;
    in >> cpu;
    for (int field = 0; field < 8; ++field) // user nice system idle iowait irq softirq steal
        in >> value;
    return in ? value / static_cast<double>(sysconf(_SC_CLK_TCK)) : 0;
}

inline void run_and_observe(benchmark::State& state, void (*run)(benchmark::State&))
{
    const bool first = state.thread_index() == 0;
    const double stolen = first ? stolen_seconds() : 0;
    const auto begin = std::chrono::steady_clock::now();
    const long switched = preemptions();
    run(state);
    state.counters["preempted"] = static_cast<double>(preemptions() - switched);
    if (first) {
        const auto end = std::chrono::steady_clock::now();
        state.counters["took"] = std::chrono::duration<double>(end - begin).count();
        state.counters["stolen"] = stolen_seconds() - stolen;
    }
}

inline benchmark::internal::Benchmark* add(const char* subject, const char* workload,
                                           void (*run)(benchmark::State&))
{
    const std::string name = std::string("BM_") + subject + "_" + workload;
    return benchmark::RegisterBenchmark(name.c_str(),
                                        [run](benchmark::State& state) { run_and_observe(state, run); });
}

inline std::int64_t to_items(std::size_t n)
{
    return static_cast<std::int64_t>(n);
}

} // namespace bench
