// SPDX-License-Identifier: MIT
//
// Blocks that grow, as krealloc is used: GrowDoubling from 16 bytes to n by doubling, GrowByStep to n in
// steps of 64 bytes. 16 blocks grow in turn, each with 8 others behind it. An item is one call; attaching and
// releasing are not timed.
#include "subjects/all_subjects.h"
#include "workloads/register.h"
#include "workloads/stopwatch.h"

#include <array>
#include <cstdlib>
#include <type_traits>

namespace bench {

namespace {

// realloc itself, which owns nothing.
struct floor_realloc {
    static constexpr const char* name = "floor_realloc";

    void* zalloc(std::size_t) noexcept { return this; }
    void* grow(void* p, std::size_t size) noexcept { return std::realloc(p, size); }
    void release_all() noexcept {}
};

constexpr int neighbours = 8;

template <class Subject, class Next>
void grow(benchmark::State& state, Next next)
{
    const auto limit = static_cast<std::size_t>(state.range(0));
    std::int64_t calls = 0;
    std::array<void*, 16> blocks;
    Subject head;
    for (auto _ : state) {
        for (void*& p : blocks) {
            p = head.grow(nullptr, 16);
            for (int i = 0; i < neighbours; ++i)
                require(head.zalloc(64) != nullptr);
        }
        timed(state, [&] {
            for (std::size_t size = next(16); size <= limit; size = next(size)) {
                for (void*& p : blocks) {
                    p = head.grow(p, size);
                    require(p != nullptr);
                    static_cast<char*>(p)[size - 1] = 1;
                }
                calls += 16;
            }
        });
        head.release_all();
        if constexpr (std::is_same_v<Subject, floor_realloc>)
            for (void* p : blocks)
                std::free(p);
    }
    state.SetItemsProcessed(calls);
}

template <class Subject>
void grow_doubling(benchmark::State& state)
{
    grow<Subject>(state, [](std::size_t size) { return size * 2; });
}

template <class Subject>
void grow_by_step(benchmark::State& state)
{
    grow<Subject>(state, [](std::size_t size) { return size + 64; });
}

template <class Subject>
void add_grow()
{
    add(Subject::name, "GrowDoubling", grow_doubling<Subject>)
        ->Arg(1024)
        ->Arg(65536)
        ->UseManualTime()
        ->Threads(1);
    add(Subject::name, "GrowByStep", grow_by_step<Subject>)->Arg(16384)->UseManualTime()->Threads(1);
}

const bool registered = [] {
    add_grow<devm>();
    add_grow<drmm>();
    add_grow<managed>();
    add_grow<linux_devm>(); // its drmm has no krealloc
#ifdef BENCH_HAVE_TALLOC
    add_grow<talloc_subject>();
#endif
    add_grow<floor_realloc>();
    return true;
}();

} // namespace

} // namespace bench
