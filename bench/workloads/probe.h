// SPDX-License-Identifier: MIT
//
// What the driver of a typical device attaches: 12 actions and 20 zeroed blocks of 16 to 4,096 bytes, in 3
// groups that are closed when their part has succeeded.
//
// ProbeBody: the attaching and one release of everything, for each subject.
// ProbeUnbind: ours as it is really called, through device_driver_attach and device_release_driver, with the
// binding and the wait for readers that the others have no notion of.
#pragma once

#include "subjects/cell.h"
#include "workloads/register.h"

#include <cstddef>

namespace bench {

inline constexpr std::size_t probe_sizes[20] = {64, 16,  256, 32,  4096, 24,  128,  512, 48,  1024,
                                                96, 192, 16,  768, 2048, 384, 3072, 64,  128, 32};
inline constexpr int probe_actions = 12;
inline constexpr int probe_groups = 3;
inline constexpr int probe_resources = 32;

template <class Subject>
void probe_body(Subject& s, cell* c)
{
    std::size_t block = 0;
    for (int g = 0; g < probe_groups; ++g) {
        void* group = s.open();
        require(group != nullptr);
        for (int i = 0; i < probe_actions / probe_groups; ++i) {
            s.action(c);
            require(s.zalloc(probe_sizes[block++]) != nullptr);
        }
        for (int i = 0; i < 2; ++i)
            require(s.zalloc(probe_sizes[block++]) != nullptr);
        s.close(group);
    }
    while (block < 20)
        require(s.zalloc(probe_sizes[block++]) != nullptr);
}

template <class Subject>
void probe_and_release(benchmark::State& state)
{
    Subject head;
    cell c;
    for (auto _ : state) {
        probe_body(head, &c);
        head.release_all();
    }
    if (c.fired != static_cast<std::uint64_t>(state.iterations() * probe_actions))
        state.SkipWithError("callbacks were lost");
    head.end();
    state.SetItemsProcessed(state.iterations() * probe_resources);
}

} // namespace bench
