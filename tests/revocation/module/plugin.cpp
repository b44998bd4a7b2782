// SPDX-License-Identifier: MIT
//
// A plug-in with the library linked into it.
#include <devres/revocable.h>

namespace {

devres::revocable<int>& object()
{
    static devres::revocable<int> one(7);
    return one;
}

} // namespace

// Takes a guard and ends it. Returns: the record that this thread has now.
extern "C" const void* plugin_read()
{
    const auto guard = object().try_access();
    return guard && *guard == 7 ? devres::detail::my_record : nullptr;
}
