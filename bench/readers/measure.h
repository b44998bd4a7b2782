// SPDX-License-Identifier: MIT
//
// The measurements of devres_bench_readers; see main.cpp. Each runs in a process of its own, whose threads
// are counted with the main thread, unless said otherwise.
#pragma once

#include "access/payload.h"
#include "readers/crowd.h"
#include "rounds.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

namespace bench {

struct readers_result {
    rounds measured;
    std::size_t threads; // as many as the machine allowed
};

struct readers_case {
    const char* subject;
    const char* workload;
    readers_result (*run)(std::size_t threads);
    readers_case* next;
};

inline readers_case* readers_cases = nullptr;

inline bool add_readers_case(const char* subject, const char* workload, readers_result (*run)(std::size_t))
{
    static std::vector<std::unique_ptr<readers_case>> all;
    all.push_back(std::make_unique<readers_case>(readers_case{subject, workload, run, readers_cases}));
    readers_cases = all.back().get();
    return true;
}

template <class Subject>
void read_once(Subject& subject)
{
    typename Subject::reader reader(subject);
    require(subject.with(reader, [](const payload& p) { require(p.read() == 1); }));
}

// Taking one object away that nobody is inside of, while `threads` others sleep that have read another one.
template <class Subject>
readers_result revoke_among(std::size_t threads)
{
    Subject other;
    crowd sleeping(threads, [&] { read_once(other); });
    rounds measured;
    for (int r = 0; r < 200; ++r) {
        Subject subject;
        measured.measure(1, [&] { subject.revoke(); });
    }
    return {std::move(measured), sleeping.size()};
}

// `enter_and_leave` takes two guards of the main thread, and ends them. The main thread reads before the
// others do.
template <class Subject, class F>
readers_result guards_among(std::size_t threads, F enter_and_leave)
{
    constexpr int batch = 200;
    Subject subject;
    read_once(subject);
    crowd sleeping(threads - 1, [&] { read_once(subject); });
    rounds measured;
    for (int r = 0; r < 50; ++r)
        measured.measure(2 * batch, [&] {
            for (int i = 0; i < batch; ++i)
                enter_and_leave(subject);
        });
    return {std::move(measured), sleeping.size() + 1};
}

// The first guards of new threads, with as many others that have read. The new ones stay, too, so that none
// takes over what another one left. The time of a guard includes one reading of the clock.
template <class Subject>
readers_result first_guard(std::size_t threads)
{
    constexpr int batch = 32;
    Subject subject;
    crowd sleeping(threads, [&] { read_once(subject); });
    rounds measured;
    for (int r = 0; r < 8; ++r) {
        std::atomic<std::int64_t> sum{0};
        std::atomic<long> switched{0};
        // They sleep until the process ends, so what they refer to must stay as long.
        auto* more = new crowd(batch, [&subject, &sum, &switched] {
            const long before = preemptions();
            const auto begin = std::chrono::steady_clock::now();
            read_once(subject);
            const auto end = std::chrono::steady_clock::now();
            sum += std::chrono::duration_cast<std::chrono::nanoseconds>(end - begin).count();
            switched += preemptions() - before;
        });
        if (more->size() == 0)
            break;
        measured.note(static_cast<double>(sum), static_cast<double>(more->size()), switched);
    }
    return {std::move(measured), sleeping.size()};
}

} // namespace bench
