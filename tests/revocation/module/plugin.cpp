// SPDX-License-Identifier: MIT
//
// A plug-in with the library linked into it.
#include <algorithm>
#include <vector>

#include <devres/revocable.h>

namespace {

devres::revocable<int>& object()
{
    static devres::revocable<int> one(7);
    return one;
}

} // namespace

// Takes so many guards that they need more slots than a thread keeps, and ends them.
// Returns: whether all were to be had.
extern "C" bool plugin_read_deeply()
{
    std::vector<devres::revocable<int>::guard> guards;
    while (guards.size() != 200)
        guards.push_back(object().try_access());
    return std::all_of(guards.begin(), guards.end(), [](const auto& guard) { return guard && *guard == 7; });
}

// Takes a guard and ends it. Returns: the record that this thread has now.
extern "C" const void* plugin_read()
{
    const auto guard = object().try_access();
    return guard && *guard == 7 ? devres::detail::my_record : nullptr;
}
