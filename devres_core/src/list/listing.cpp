// SPDX-License-Identifier: MIT

#include "list/listing.h"

#include "list/two_step.h"

namespace devres::detail {

std::size_t describe_all(devres_head* head, listed_resource* to, std::size_t most) noexcept
{
    std::size_t count = 0;
    unsigned depth = 0;
    const guard held(head, "devres_dump");
    for (resource* res = list_of(head).oldest_locked(); res; res = list_of(head).newer_locked(res)) {
        const resource_kind kind = res->ops->kind;
        if (kind == resource_kind::group_end && depth > 0)
            --depth;
        if (count < most)
            to[count] = {describe(res), depth, kind >= resource_kind::group};
        if (kind == resource_kind::group)
            ++depth;
        ++count;
    }
    return count;
}

} // namespace devres::detail
