// SPDX-License-Identifier: MIT
//
// One spelling for every benchmark: BM_<Subject>_<Workload>/<n>/threads:<t>.
//
// Each instance reports items_per_second, an item being one resource or one access; bench/run.py takes the
// cost per item from that, whether the clock was the processor's, the wall's or the workload's own.
#pragma once

#include <benchmark/benchmark.h>

#include <string>

namespace bench {

inline benchmark::internal::Benchmark* add(const char* subject, const char* workload,
                                           void (*run)(benchmark::State&))
{
    const std::string name = std::string("BM_") + subject + "_" + workload;
    return benchmark::RegisterBenchmark(name.c_str(), run);
}

inline std::int64_t to_items(std::size_t n)
{
    return static_cast<std::int64_t>(n);
}

} // namespace bench
