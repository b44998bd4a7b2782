// SPDX-License-Identifier: MIT
//
// What grows with the threads that have read: `devres_bench_readers <subject> <workload> <threads>` prints
// one line of JSON; without arguments it lists the cases. One case per process, since a thread's record stays
// when it ends.
//
// RevokeAmong:      revoke, nobody inside, while that many threads sleep that have read another object.
// GuardsInOrder:    two guards of one thread, the second ended first; per guard.
// GuardsOutOfOrder: the first ended first.
// GuardsDetached:   each detached before it ends.
// FirstGuard:       a new thread's first guard.
#include "readers/measure.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv)
{
    for (const bench::readers_case* c = bench::readers_cases; c; c = c->next) {
        if (argc < 4) {
            std::printf("%s %s\n", c->subject, c->workload);
        } else if (std::strcmp(argv[1], c->subject) == 0 && std::strcmp(argv[2], c->workload) == 0) {
            const bench::readers_result result = c->run(std::strtoul(argv[3], nullptr, 10));
            std::printf(
                "{\"subject\": \"%s\", \"workload\": \"%s\", \"n\": %s, \"threads\": %zu, \"ns\": %.2f, "
                "\"rounds\": %zu, \"disturbed\": %zu}\n",
                c->subject, c->workload, argv[3], result.threads, result.measured.lower_quartile(),
                result.measured.count(), result.measured.disturbed());
            std::fflush(nullptr);
            std::_Exit(0); // the crowd sleeps on
        }
    }
    if (argc < 4)
        return 0;
    std::fprintf(stderr, "bench: no case %s %s\n", argv[1], argv[2]);
    return 1;
}
