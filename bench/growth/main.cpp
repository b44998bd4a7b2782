// SPDX-License-Identifier: MIT
//
// The growth table: how many instructions each public operation takes as the numbers grow that it could
// depend on.
//
//   devres_bench_growth                                lists the groups
//   devres_bench_growth <group>                        runs all cases of a group at all their sizes
//   devres_bench_growth <operation> <number> <n>       runs one case, for a closer look under callgrind
//
// bench/growth.py runs it as `valgrind --tool=callgrind --collect-atstart=no --combine-dumps=yes`. After each
// case the counts are dumped under a name from which growth.py reads what was counted, and how many
// operations that were.
#include "growth/case.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string>

namespace bench::growth {

namespace {

void run(const growth_case& c, std::size_t n)
{
    counting count;
    CALLGRIND_ZERO_STATS;
    c.run(n, count);
    const std::string name = std::string("growth|") + c.operation + '|' + c.number + '|' +
                             std::to_string(c.allowed) + '|' + std::to_string(n) + '|' +
                             std::to_string(count.times()) + '|';
    CALLGRIND_DUMP_STATS_AT(name.c_str());
}

// Smaller sizes first: threads that have read stay.
bool run_group(const char* group)
{
    bool found = false;
    for (std::size_t size = 0; size < 3; ++size)
        for (const growth_case& c : all_cases())
            if (std::strcmp(c.group, group) == 0) {
                run(c, c.sizes.at(size));
                found = true;
            }
    return found;
}

bool run_one(const char* operation, const char* number, std::size_t n)
{
    for (const growth_case& c : all_cases())
        if (std::strcmp(c.operation, operation) == 0 && std::strcmp(c.number, number) == 0) {
            run(c, n);
            return true;
        }
    return false;
}

void list()
{
    std::set<std::string> groups;
    for (const growth_case& c : all_cases())
        groups.insert(c.group);
    for (const std::string& group : groups)
        std::puts(group.c_str());
}

} // namespace

} // namespace bench::growth

int main(int argc, char** argv)
{
    bool found = argc == 1;
    if (argc == 1)
        bench::growth::list();
    else if (argc == 2)
        found = bench::growth::run_group(argv[1]);
    else if (argc == 4)
        found = bench::growth::run_one(argv[1], argv[2], std::strtoul(argv[3], nullptr, 10));
    std::fflush(nullptr);
    std::_Exit(found ? 0 : 1); // threads that have read sleep on
}
