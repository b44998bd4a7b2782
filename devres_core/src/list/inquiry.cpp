// SPDX-License-Identifier: MIT
//
// What messages say of resources, and what adapters ask of a head (detail/report.h).

#include "list/node.h"
#include "list/pass.h"
#include "list/two_step.h"

namespace devres {
namespace detail {

namespace {

// By resource_kind.
constexpr const char* kind_names[] = {"resource", "node",     "memory", "action",
                                      "object",   "callable", "group",  "group"};
static_assert(sizeof kind_names / sizeof *kind_names == static_cast<unsigned>(resource_kind::group_end) + 1);

} // namespace

description describe(const resource* res) noexcept
{
    const char* kind = kind_names[static_cast<unsigned>(res->ops->kind)];
    description what{kind, res->ops->name, nullptr, exact_size(res), res};
    // SAFETY of the casts: the kind says what the resource is.
    switch (res->ops->kind) {
    case resource_kind::raw:
        what.name = heap_prefix_of(res).name;
        what.code = reinterpret_cast<const void*>(heap_prefix_of(res).release);
        break;
    case resource_kind::node:
        node_access::describe(res, &what);
        break;
    case resource_kind::action:
        what.code = reinterpret_cast<const void*>(
            static_cast<const action_payload*>(static_cast<const void*>(res + 1))->fn);
        break;
    default:
        break;
    }
    return what;
}

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

} // namespace detail
} // namespace devres
