// SPDX-License-Identifier: MIT
//
// Access: entering one object, reading it and leaving, on one thread and on two; wall time.
// The loop is unrolled by hand 16 times, for some subjects cost less than the benchmark's own loop does.
#pragma once

#include "access/payload.h"
#include "workloads/register.h"

#include <memory>

namespace bench {

template <class Subject>
struct access {
    static inline std::unique_ptr<Subject> subject;

    static void make(const benchmark::State&) { subject = std::make_unique<Subject>(); }
    static void end(const benchmark::State&) { subject.reset(); }

    static void run(benchmark::State& state)
    {
        constexpr int batch = 16;
        Subject& shared = *subject;
        typename Subject::reader reader(shared);
        std::uint64_t sum = 0;
        const auto read = [&](const payload& p) { sum += p.read(); };
        while (state.KeepRunningBatch(batch)) {
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC unroll 16
#endif
            for (int i = 0; i < batch; ++i)
                shared.with(reader, read);
        }
        if (sum != static_cast<std::uint64_t>(state.iterations()))
            state.SkipWithError("a read was refused");
        state.SetItemsProcessed(state.iterations());
    }
};

template <class Subject>
void add_access()
{
    add(Subject::name, "Access", access<Subject>::run)
        ->Setup(access<Subject>::make)
        ->Teardown(access<Subject>::end)
        ->Threads(1)
        ->Threads(2)
        ->UseRealTime();
}

} // namespace bench
