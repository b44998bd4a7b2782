// SPDX-License-Identifier: MIT

#include "managed/known.h"

#include <cstring>

#include "list/two_step.h"

namespace devres::detail {

bool are_same_kind(const resource_ops* a, const resource_ops* b) noexcept
{
    return a == b || (a->kind == b->kind && a->name && b->name && std::strcmp(a->name, b->name) == 0);
}

looked_up look_up_locked(devres_head* head, const void* p, const resource_ops* ops) noexcept
{
    looked_up found;
    resource* res = find_by_pointer_locked(head, p, found.effort);
    if (!res) {
        found.wrong = "not managed by this owner";
        return found;
    }
    const life_state life = resource_state::of(res).life();
    if (life == life_state::free) {
        found.wrong = "freed already";
        return found;
    }
    if (life == life_state::constructing)
        found.wrong = "still being constructed";
    else if (!list_of(head).holds_locked(res))
        found.wrong = "being released already";
    else if (!are_same_kind(res->ops, ops))
        found.wrong = ops == &memory_ops ? "not plain memory" : "another kind of resource";
    if (found.wrong)
        found.what = describe(res);
    else
        found.res = res;
    return found;
}

void report(const char* function, devres_head* head, const void* p, const looked_up& found) noexcept
{
    warn(function, head, found.what, "%p is %s", p, found.wrong);
}

} // namespace devres::detail
