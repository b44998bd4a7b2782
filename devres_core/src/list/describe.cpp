// SPDX-License-Identifier: MIT
//
// What messages say of a resource.

#include "list/two_step.h"

namespace devres {
namespace detail {

// By resource_kind.
constexpr const char* kind_names[] = {"resource", "node",     "memory", "action",
                                      "object",   "callable", "group",  "group"};
static_assert(sizeof kind_names / sizeof *kind_names == static_cast<unsigned>(resource_kind::group_end) + 1);

description describe(const resource* res) noexcept
{
    const char* kind = kind_names[static_cast<unsigned>(res->ops->kind)];
    description what{kind, res->ops->name, nullptr, exact_size(res), res};
    // SAFETY of the casts: the kind says what the resource is, and nothing of it is changed.
    auto* it = const_cast<resource*>(res);
    if (res->ops->kind == resource_kind::raw) {
        what.name = heap_prefix_of(it).name;
        what.code = reinterpret_cast<const void*>(heap_prefix_of(it).release);
    } else if (res->ops->kind == resource_kind::node) {
        const devres_node* node = container_of<&devres_node::res_>(it);
        what.name = node->name_;
        what.code = reinterpret_cast<const void*>(node->release_);
    } else if (res->ops->kind == resource_kind::action) {
        what.code = reinterpret_cast<const void*>(static_cast<const action_payload*>(it->payload())->fn);
    }
    return what;
}

} // namespace detail
} // namespace devres
