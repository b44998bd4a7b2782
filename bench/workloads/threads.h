// SPDX-License-Identifier: MIT
//
// TwoHeads: each thread attaches 1,000 actions to a head of its own and releases them.
// OneHead: the threads share one head; each attaches 100 actions, then releases whatever is on it.
// With 1 thread and with 2. Wall time; the cost reported is per action of one thread.
#pragma once

#include "subjects/cell.h"
#include "workloads/register.h"

#include <array>
#include <memory>

namespace bench {

template <class Subject>
void own_head(benchmark::State& state)
{
    constexpr int batch = 1000;
    Subject head;
    cell c;
    for (auto _ : state) {
        for (int i = 0; i < batch; ++i)
            head.attach(&c);
        head.release_all();
    }
    head.end();
    state.SetItemsProcessed(state.iterations() * batch);
}

struct alignas(64) own_line {
    cell c;
};

template <class Subject>
struct shared_head {
    static inline std::unique_ptr<Subject> head;

    static void make(const benchmark::State&) { head = std::make_unique<Subject>(); }
    static void end(const benchmark::State&)
    {
        head->end();
        head.reset();
    }

    static void run(benchmark::State& state)
    {
        constexpr int batch = 100;
        // Not on this stack: another thread may call back after this one has left.
        static std::array<own_line, 2> cells;
        cell* mine = &cells[static_cast<std::size_t>(state.thread_index())].c;
        Subject& shared = *head;
        for (auto _ : state) {
            for (int i = 0; i < batch; ++i)
                shared.attach(mine);
            shared.release_all();
        }
        state.SetItemsProcessed(state.iterations() * batch);
    }
};

template <class Subject>
void add_two_heads()
{
    add(Subject::name, "TwoHeads", own_head<Subject>)->Threads(1)->Threads(2)->UseRealTime();
}

template <class Subject>
void add_one_head(const char* subject = Subject::name)
{
    add(subject, "OneHead", shared_head<Subject>::run)
        ->Setup(shared_head<Subject>::make)
        ->Teardown(shared_head<Subject>::end)
        ->Threads(1)
        ->Threads(2)
        ->UseRealTime();
}

} // namespace bench
