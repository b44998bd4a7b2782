// SPDX-License-Identifier: MIT
//
// The resident memory of this process, from /proc/self/smaps_rollup, which counts exactly where statm may lag
// behind.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace bench {

inline double resident_bytes()
{
    std::ifstream in("/proc/self/smaps_rollup");
    std::string word;
    while (in >> word)
        if (word == "Rss:") {
            double kib = 0;
            in >> kib;
            return kib * 1024;
        }
    std::fputs("bench: no Rss in /proc/self/smaps_rollup\n", stderr);
    std::abort();
}

} // namespace bench
