// SPDX-License-Identifier: MIT
//
// Revoke: taking one object away, nobody inside.
// RevokeBusy: the same while another thread reads another object without pause.
// Isolation: a reader of B sleeps 50 ms inside it; how long does revoking A take?
// Wall time; making the object is not timed.
#pragma once

#include "access/payload.h"
#include "workloads/register.h"
#include "workloads/stopwatch.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

namespace bench {

template <class Subject>
void revoke_quiet(benchmark::State& state)
{
    for (auto _ : state) {
        Subject subject;
        timed(state, [&] { subject.revoke(); });
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Subject>
void revoke_busy(benchmark::State& state)
{
    Subject other;
    std::atomic<bool> stop{false};
    std::atomic<bool> started{false};
    std::thread reading([&] {
        typename Subject::reader reader(other);
        std::uint64_t sum = 0;
        while (!stop.load(std::memory_order_relaxed)) {
            other.with(reader, [&](const payload& p) { sum += p.read(); });
            started.store(true, std::memory_order_relaxed);
        }
        benchmark::DoNotOptimize(sum);
    });
    while (!started)
        std::this_thread::yield();
    for (auto _ : state) {
        Subject subject;
        timed(state, [&] { subject.revoke(); });
    }
    stop = true;
    reading.join();
    state.SetItemsProcessed(state.iterations());
}

template <class Subject>
void isolation(benchmark::State& state)
{
    for (auto _ : state) {
        Subject a;
        Subject b;
        std::atomic<bool> inside{false};
        std::thread sleeper([&] {
            typename Subject::reader reader(b);
            b.with(reader, [&](const payload&) {
                inside = true;
                inside.notify_one();
                std::this_thread::sleep_for(std::chrono::milliseconds(50));
            });
        });
        inside.wait(false);
        timed(state, [&] { a.revoke(); });
        sleeper.join();
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Subject>
void add_isolation()
{
    add(Subject::name, "Isolation", isolation<Subject>)->Iterations(3)->UseManualTime()->Threads(1);
}

template <class Subject>
void add_revoke()
{
    add(Subject::name, "Revoke", revoke_quiet<Subject>)->Iterations(1000)->UseManualTime()->Threads(1);
    add(Subject::name, "RevokeBusy", revoke_busy<Subject>)->Iterations(200)->UseManualTime()->Threads(1);
    add_isolation<Subject>();
}

} // namespace bench
