// SPDX-License-Identifier: MIT
//
// Actions, found by the pair of function and data (A1 to A3).

#include <cerrno>
#include <new>

#include <devres/detail/attach.h>

#include "list/two_step.h"
#include "managed/known.h"

namespace devres::detail {

namespace {

// `name` is the compiler's, of an action that is a template argument, else null.
description describe_action(action_payload action, const char* name = nullptr,
                            const resource* res = nullptr) noexcept
{
    return {"action", name, reinterpret_cast<const void*>(action.fn), sizeof(action_payload), res};
}

constexpr allocation_request for_action;

} // namespace

int attach_action(devres_head* head, const resource_ops* ops, action_payload action) noexcept
{
    static constexpr resource_shape shape{.size = sizeof(action_payload), .is_action = true};
    const resource* res = attach(head, ops, shape, "add_action", for_action,
                                 [action](void* payload) { ::new (payload) action_payload(action); });
    if (!res) [[unlikely]]
        return -ENOMEM;
    if (logging()) [[unlikely]]
        log_event("ADD", head, describe_action(action, ops->name, res));
    return 0;
}

bool is_action_added(devres_head* head, action_payload action) noexcept
{
    bool added = false;
    scan_effort effort;
    {
        const guard held(head, "is_action_added");
        added = find_by_key_locked(head, key_of(action), effort) != nullptr;
    }
    if (effort.was_long()) [[unlikely]]
        improve_index(head, effort, "is_action_added");
    return added;
}

int remove_action(devres_head* head, action_payload action, bool warn_if_missing) noexcept
{
    upstream* const source = upstream_of(head);
    resource* res = nullptr;
    const char* name = nullptr;
    scan_effort effort;
    unused_memory unused;
    {
        const guard held(head, "remove_action");
        res = find_by_key_locked(head, key_of(action), effort);
        if (res) {
            name = res->ops->name;
            unused = unlink_and_free_locked(head, res);
        }
    }
    const bool is_there = improve_if_long(head, effort, "remove_action");
    if (!res) {
        if (warn_if_missing && is_there)
            warn("remove_action", head, describe_action(action), "not attached, or released already");
        return -ENOENT;
    }
    if (logging() && is_there) [[unlikely]]
        log_event("REM", head, describe_action(action, name, res));
    if (unused) [[unlikely]]
        free_unused(source, unused); // last: a user's upstream may end the owner
    return 0;
}

int release_action(devres_head* head, action_payload action) noexcept
{
    pass one;
    scan_effort effort;
    resource* res = nullptr;
    {
        const guard held(head, "release_action");
        res = find_by_key_locked(head, key_of(action), effort);
        if (res)
            claim_known_locked(head, res, one);
    }
    const bool is_there = improve_if_long(head, effort, "release_action");
    if (!res) {
        if (is_there)
            warn("release_action", head, describe_action(action), "not attached, or released already");
        return -ENOENT;
    }
    one.finish();
    return 0;
}

} // namespace devres::detail
