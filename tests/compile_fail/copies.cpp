// SPDX-License-Identifier: MIT
//
// What owns a place in the world is neither copied nor, where its address is known, moved.
#include <utility>

#include <devres/devm.h>
#include <devres/devres_ptr.h>
#include <devres/drm_registration.h>
#include <devres/revocable.h>

using namespace devres;

// What may be moved, and what may be shared.
void good(revocable_guard<int>& guard, devres_action& action, drm_registration& registration,
          devres_ptr<int>& ptr)
{
    revocable_guard<int> guard_moved = std::move(guard);
    devres_action action_moved = std::move(action);
    drm_registration registration_moved = std::move(registration);
    devres_ptr<int> shared = ptr;
    (void)guard_moved;
    (void)action_moved;
    (void)registration_moved;
    (void)shared;
}

// CASE_HEAD_COPIED: (use of deleted function|call to deleted constructor)
#ifdef CASE_HEAD_COPIED
void head_copied(const devres_head& head)
{
    devres_head copy(head);
}
#endif

// CASE_HEAD_MOVED: (use of deleted function|call to deleted constructor)
#ifdef CASE_HEAD_MOVED
void head_moved(devres_head& head)
{
    devres_head moved(std::move(head));
}
#endif

// CASE_HEAD_ASSIGNED: (use of deleted function|overload resolution selected deleted operator)
#ifdef CASE_HEAD_ASSIGNED
void head_assigned(devres_head& a, devres_head& b)
{
    a = std::move(b);
}
#endif

// CASE_OWNER_COPIED: (use of deleted function|call to implicitly-deleted copy constructor)
#ifdef CASE_OWNER_COPIED
struct session {
    devres_head devres;
};
void owner_copied(const session& s)
{
    session copy(s);
}
#endif

// CASE_NODE_COPIED: (use of deleted function|call to deleted constructor)
#ifdef CASE_NODE_COPIED
void node_copied(const devres_node& node)
{
    devres_node copy(node);
}
#endif

// CASE_NODE_MOVED: (use of deleted function|call to deleted constructor)
#ifdef CASE_NODE_MOVED
void node_moved(devres_node& node)
{
    devres_node moved(std::move(node));
}
#endif

// CASE_GUARD_COPIED: (use of deleted function|call to implicitly-deleted copy constructor)
#ifdef CASE_GUARD_COPIED
void guard_copied(const revocable_guard<int>& guard)
{
    revocable_guard<int> copy(guard);
}
#endif

// CASE_GUARD_ASSIGNED: (use of deleted function|implicitly.deleted)
#ifdef CASE_GUARD_ASSIGNED
void guard_assigned(revocable_guard<int>& a, const revocable_guard<int>& b)
{
    a = b;
}
#endif

// CASE_DRM_GUARD_COPIED: (use of deleted function|call to implicitly-deleted copy constructor)
#ifdef CASE_DRM_GUARD_COPIED
void drm_guard_copied(const drm_dev_guard& guard)
{
    drm_dev_guard copy(guard);
}
#endif

// CASE_ACTION_HANDLE_COPIED: (use of deleted function|call to implicitly-deleted copy constructor)
#ifdef CASE_ACTION_HANDLE_COPIED
void action_copied(const devres_action& action)
{
    devres_action copy(action);
}
#endif

// CASE_REVOCABLE_COPIED: (use of deleted function|call to deleted constructor|no matching|satisfied)
#ifdef CASE_REVOCABLE_COPIED
void revocable_copied(const revocable<int>& r)
{
    revocable<int> copy(r);
}
#endif

// CASE_REGISTRATION_COPIED: (use of deleted function|call to implicitly-deleted copy constructor)
#ifdef CASE_REGISTRATION_COPIED
void registration_copied(const drm_registration& r)
{
    drm_registration copy(r);
}
#endif

// CASE_DEVICE_COPIED: (use of deleted function|call to deleted constructor)
#ifdef CASE_DEVICE_COPIED
void device_copied(const device& dev)
{
    device copy(dev);
}
#endif

// CASE_SCOPE_COPIED: (use of deleted function|call to deleted constructor)
#ifdef CASE_SCOPE_COPIED
void scope_copied(const devres_group_scope& scope)
{
    devres_group_scope copy(scope);
}
#endif
