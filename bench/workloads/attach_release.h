// SPDX-License-Identifier: MIT
//
// AttachRelease: n actions attached to one head and released; the head is used again and again.
// FirstResource: a head is made, n actions attached and released, and the head ended: what first memory
// costs.
#pragma once

#include "subjects/cell.h"
#include "workloads/register.h"

namespace bench {

template <class Subject>
void attach_release(benchmark::State& state)
{
    Subject head;
    cell c;
    const auto n = state.range(0);
    for (auto _ : state) {
        for (std::int64_t i = 0; i < n; ++i)
            head.attach(&c);
        head.release_all();
    }
    head.end();
    if (c.fired != static_cast<std::uint64_t>(state.iterations() * n))
        state.SkipWithError("callbacks were lost");
    state.SetItemsProcessed(state.iterations() * n);
}

template <class Subject>
void first_resource(benchmark::State& state)
{
    cell c;
    const auto n = state.range(0);
    for (auto _ : state) {
        Subject head;
        for (std::int64_t i = 0; i < n; ++i)
            head.attach(&c);
        head.end();
    }
    if (c.fired != static_cast<std::uint64_t>(state.iterations() * n))
        state.SkipWithError("callbacks were lost");
    state.SetItemsProcessed(state.iterations() * n);
}

template <class Subject>
void add_attach_release()
{
    auto* b = add(Subject::name, "AttachRelease", attach_release<Subject>);
    b->RangeMultiplier(10)->Range(1, 100000)->Threads(1);
}

template <class Subject>
void add_first_resource()
{
    add(Subject::name, "FirstResource", first_resource<Subject>)->Arg(1)->Arg(10)->Arg(100)->Threads(1);
}

} // namespace bench
