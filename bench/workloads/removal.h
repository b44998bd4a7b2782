// SPDX-License-Identifier: MIT
//
// Removal of one among n, at random. <Kind> is Free (memory by its address), Remove (an action, not called)
// or Release (an action, called).
//
// <Kind>One:   a head gets n resources in order, and sixteen are removed, which may bring an index up to
//              date (what that costs is in Worst and All); then a tenth of them (for subjects that scan: at
//              most 64) go one by one, at random, timed.
// <Kind>First: a new head with n resources, its first removal.
// <Kind>Worst: the slowest call among the first 64 removals on such a head, and as many attaches in between.
// <Kind>All:   n attached in order and removed one by one in random order, everything timed.
// <Kind>Churn: removing one at random and attaching one again, both timed, on a head that has done it 2n
//              times before.
#pragma once

#include "subjects/cell.h"
#include "workloads/register.h"
#include "workloads/stopwatch.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace bench {

inline std::vector<std::size_t> shuffled(std::size_t n)
{
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::shuffle(order.begin(), order.end(), std::mt19937_64(n)); // NOLINT: the same order in every run
    return order;
}

template <class Subject>
struct population {
    explicit population(std::size_t n) : cells(std::make_unique<cell[]>(n)), keys(n) { head.reserve(n); }
    ~population() { head.release_all(); }

    void add(std::size_t i) { keys[i] = head.add(&cells[i], i); }
    void fill()
    {
        for (std::size_t i = 0; i < keys.size(); ++i)
            add(i);
    }

    std::unique_ptr<cell[]> cells; // outlives the head, whose callbacks use it
    std::vector<typename Subject::key> keys;
    Subject head;
};

template <class Subject>
void remove_one(benchmark::State& state)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    const std::size_t batch = std::min(n / 10, Subject::scans ? std::size_t{64} : n);
    const auto order = shuffled(n);
    constexpr std::size_t warm_up = 16;
    std::vector<typename Subject::key> victims(batch);
    population<Subject> live(n);

    std::size_t at = 0;
    for (auto _ : state) {
        live.fill();
        for (std::size_t i = n - warm_up; i != n; ++i)
            live.head.remove(live.keys[order[i]]); // not timed; the last that a batch would take
        for (auto& victim : victims) {
            victim = live.keys[order[at]];
            at = at + 1 == n - warm_up ? 0 : at + 1;
        }
        timed(state, [&] {
            for (auto victim : victims)
                live.head.remove(victim);
        });
        live.head.release_all();
    }
    state.SetItemsProcessed(state.iterations() * to_items(batch));
}

template <class Subject>
void first_removal(benchmark::State& state)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    for (auto _ : state) {
        population<Subject> live(n);
        live.fill();
        timed(state, [&] { live.head.remove(live.keys[n / 2]); });
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Subject>
void worst_of_first(benchmark::State& state)
{
    constexpr std::size_t calls = 64;
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto order = shuffled(n);
    for (auto _ : state) {
        population<Subject> live(n);
        live.fill();
        double worst = 0;
        const auto time = [&worst](auto&& f) {
            const auto begin = std::chrono::steady_clock::now();
            f();
            const auto end = std::chrono::steady_clock::now();
            worst = std::max(worst, std::chrono::duration<double>(end - begin).count());
        };
        for (std::size_t i = 0; i < calls; ++i) {
            time([&] { live.head.remove(live.keys[order[i]]); });
            time([&] { live.add(order[i]); });
        }
        state.SetIterationTime(worst);
    }
    state.SetItemsProcessed(state.iterations());
}

template <class Subject>
void remove_all(benchmark::State& state)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto order = shuffled(n);
    population<Subject> live(n);
    for (auto _ : state) {
        live.fill();
        for (std::size_t i : order)
            live.head.remove(live.keys[i]);
    }
    state.SetItemsProcessed(state.iterations() * to_items(n));
}

template <class Subject>
void churn(benchmark::State& state)
{
    const auto n = static_cast<std::size_t>(state.range(0));
    const auto order = shuffled(n);
    population<Subject> live(n);
    live.fill();
    const auto replace = [&](std::size_t i) {
        live.head.remove(live.keys[i]);
        live.add(i);
    };
    if (!Subject::scans)
        for (int round = 0; round < 2; ++round)
            for (std::size_t i : order)
                replace(i);

    std::size_t at = 0;
    for (auto _ : state) {
        replace(order[at]);
        at = at + 1 == n ? 0 : at + 1;
    }
    state.SetItemsProcessed(state.iterations());
}

// All workloads of one kind. Fixed counts: with a clock of its own a benchmark would not stop for the time
// that filling takes.
template <class Subject>
void add_removal(const std::string& kind, const char* subject)
{
    const auto with_clock = [&](const char* which, void (*run)(benchmark::State&), std::int64_t n,
                                std::int64_t iterations) {
        add(subject, (kind + which).c_str(), run)
            ->Arg(n)
            ->Iterations(iterations)
            ->UseManualTime()
            ->Threads(1);
    };
    with_clock("One", remove_one<Subject>, 1000, 300);
    with_clock("One", remove_one<Subject>, 10000, 30);
    with_clock("One", remove_one<Subject>, 100000, 6);
    with_clock("First", first_removal<Subject>, 10, 1000);
    with_clock("First", first_removal<Subject>, 1000, 100);
    with_clock("First", first_removal<Subject>, 100000, 3);
    with_clock("Worst", worst_of_first<Subject>, 100000, 1);
    auto* all = add(subject, (kind + "All").c_str(), remove_all<Subject>)->Arg(1000)->Threads(1);
    auto* aged = add(subject, (kind + "Churn").c_str(), churn<Subject>)->Arg(1000)->Threads(1);
    if (!Subject::scans) {
        all->Arg(100000);
        aged->Arg(100000);
    }
}

} // namespace bench
