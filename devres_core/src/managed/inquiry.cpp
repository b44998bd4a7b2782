// SPDX-License-Identifier: MIT
//
// What adapters ask of a head (detail/report.h).

#include "list/pass.h"
#include "list/two_step.h"

namespace devres::detail {

bool warn_if_not_empty(const char* function, devres_head* head) noexcept
{
    constexpr std::size_t most = 4;
    description newest[most];
    std::size_t count = 0;
    {
        const guard held(head, function);
        for (resource* res = list_of(head).newest_locked(); res; res = list_of(head).older_locked(res))
            if (count++ < most)
                newest[count - 1] = describe(res);
    }
    if (count != 0)
        warn_of_many(function, head, newest, most, count);
    return count != 0;
}

bool releasing_here(devres_head* head) noexcept
{
    const guard held(head, "release");
    return pass::is_here_locked(head, pass::kind::releasing);
}

bool constructing_here(devres_head* head) noexcept
{
    const guard held(head, "new");
    return pass::is_here_locked(head, pass::kind::constructing);
}

} // namespace devres::detail
