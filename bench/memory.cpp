// SPDX-License-Identifier: MIT
//
// Resident bytes per action with a million of them live: one subject per process, `devres_bench_memory
// <subject>`.
//
// Prints one line of JSON. Without an argument it lists the subjects.
#include "resident.h"
#include "subjects/all_subjects.h"

#include <cstdio>
#include <cstring>

namespace bench {

namespace {

template <class Subject>
void measure()
{
    constexpr int n = 1'000'000;
    cell c;
    Subject head;
    head.attach(&c); // whatever comes with the first one is not counted
    const double before = resident_bytes();
    for (int i = 0; i < n; ++i)
        head.attach(&c);
    if constexpr (requires { head.remove_newest(&c); })
        head.remove_newest(&c);
    const double after = resident_bytes();
    head.end();
    std::printf("{\"subject\": \"%s\", \"n\": %d, \"bytes\": %.2f}\n", Subject::name, n,
                (after - before) / n);
}

// One was removed singly before the measurement, so there is an index.
struct devm_indexed : devm {
    static constexpr const char* name = "devm_after_remove_action";

    void remove_newest(cell* c) noexcept { require(remove_action(fire, c) == 0); }
};

template <class F>
void for_each_measured(F f)
{
    for_each_attach_subject(f);
    f.template operator()<devm_indexed>();
}

} // namespace

} // namespace bench

int main(int argc, char** argv)
{
    bool found = argc < 2;
    bench::for_each_measured([&]<class Subject>() {
        if (argc < 2) {
            std::puts(Subject::name);
        } else if (std::strcmp(argv[1], Subject::name) == 0) {
            bench::measure<Subject>();
            found = true;
        }
    });
    return found ? 0 : 1;
}
