// SPDX-License-Identifier: MIT
//
// Times a part of an iteration for workloads that must prepare between measurements (UseManualTime). The two
// clock readings cost some 50 ns, so what is timed must be a batch, or long.
#pragma once

#include <benchmark/benchmark.h>

#include <chrono>

namespace bench {

template <class F>
void timed(benchmark::State& state, F&& f)
{
    const auto begin = std::chrono::steady_clock::now();
    f();
    const auto end = std::chrono::steady_clock::now();
    state.SetIterationTime(std::chrono::duration<double>(end - begin).count());
}

} // namespace bench
