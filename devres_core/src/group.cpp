// SPDX-License-Identifier: MIT
//
// Groups: two markers on the list, and everything between them.

#include <cerrno>
#include <new>

#include "core.h"
#include "release.h"

namespace devres {
namespace detail {

namespace {

// The payload of a group's opening marker. The closing marker lives in it, too.
struct group {
    resource end;
    void* id;
    bool closed;
    int seen; // scratch of release_group: how many of its markers lie in the range
};

constexpr resource_ops group_ops{resource_kind::group, nullptr, "group"};
constexpr resource_ops group_end_ops{resource_kind::group_end, nullptr, "end of group"};

group* group_of(resource* res) noexcept
{
    if (res->ops->kind == resource_kind::group)
        return static_cast<group*>(res->payload()); // SAFETY: what such a marker has as payload
    if (res->ops->kind == resource_kind::group_end)
        return container_of<&group::end>(res);
    return nullptr;
}

resource* marker_of(group* g) noexcept
{
    return resource::of(g);
}

// By id the newest such group; by null the newest open one (G2).
group* find_locked(devres_head* head, const void* id) noexcept
{
    for (links* at = core::list(head)->prev; at != core::list(head); at = at->prev) {
        auto* res = static_cast<resource*>(at);
        if (res->ops->kind != resource_kind::group)
            continue;
        group* g = group_of(res);
        if (id ? g->id == id : !g->closed)
            return g;
    }
    return nullptr;
}

// True for a group that goes with the range: both markers inside, or the opening one of an open group (G5).
bool wholly_inside(resource* marker, const group* g) noexcept
{
    return g->seen == 2 || (marker->ops->kind == resource_kind::group && !g->closed);
}

// Moves the group's resources, and the groups wholly inside, to the pass.
// Returns: how many were abandoned because they are still being made.
int collect_locked(devres_head* head, group* whole, pass& into) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    int abandoned = 0;
    links* first = marker_of(whole);
    links* end = whole->closed ? whole->end.next : core::list(head);
    for (links* at = first; at != end; at = at->next)
        if (group* g = group_of(static_cast<resource*>(at)))
            g->seen = 0;
    for (links* at = first; at != end; at = at->next)
        if (group* g = group_of(static_cast<resource*>(at)))
            ++g->seen;
    for (links* at = first; at != end;) {
        auto* res = static_cast<resource*>(at);
        at = at->next;
        const group* g = group_of(res);
        if (g && !wholly_inside(res, g))
            continue;
        core::unlink_only_locked(head, res);
        if (abandon(head, res)) {
            ++abandoned;
            continue;
        }
        if (state_word::of(res).pinned())
            change_life(res, life::detached);
        else
            set_life(res, life::detached);
        res->prev = into.pending;
        into.pending = res;
    }
    return abandoned;
}

} // namespace
} // namespace detail

using namespace detail;

void* devres_open_group(devres_head* head, void* id, gfp_t) noexcept
{
    void* own_id = nullptr;
    resource* marker =
        core::attach(head, &group_ops, sizeof(group), alignof(group), state_word::make(life::listed),
                     "open_group", [id, &own_id](resource* res) {
                         auto* g = ::new (res->payload()) group{{}, id ? id : res->payload(), false, 0};
                         g->end.ops = &group_end_ops;
                         state_word::make(life::idle, place::callers).store(&g->end);
                         own_id = g->id;
                     });
    return marker ? own_id : nullptr;
}

void devres_close_group(devres_head* head, void* id) noexcept
{
    const char* wrong = nullptr;
    {
        const core::guard held(head, "close_group");
        group* g = find_locked(head, id);
        if (!g) {
            wrong = "no such group";
        } else if (g->closed) {
            wrong = "the group is closed already";
        } else {
            g->closed = true;
            core::link_locked(head, &g->end, state_word::make(life::listed, place::callers));
        }
    }
    if (wrong)
        warn("close_group", head, "%s (id %p)", wrong, id);
}

void devres_remove_group(devres_head* head, void* id) noexcept
{
    group* g = nullptr;
    block* garbage = nullptr;
    {
        const core::guard held(head, "remove_group");
        g = find_locked(head, id);
        if (g) {
            if (g->closed)
                core::unlink_locked(head, &g->end, life::idle);
            resource* marker = marker_of(g);
            core::unlink_locked(head, marker, life::detached);
            arena::retire(marker);
            garbage = core::memory(head)->give_locked(marker);
        }
    }
    arena::free_blocks(core::upstream(head), garbage);
    if (!g)
        warn("remove_group", head, "no such group (id %p)", id);
}

int devres_release_group(devres_head* head, void* id) noexcept
{
    pass inside(head);
    bool empty = false;
    int abandoned = 0;
    {
        const core::guard held(head, "release_group");
        empty = core::empty_locked(head);
        if (group* g = find_locked(head, id)) {
            abandoned = collect_locked(head, g, inside);
            inside.begin_locked();
        }
    }
    if (!inside.pending) {
        if (!empty)
            warn("release_group", head, "no such group (id %p)", id);
        return 0;
    }
    if (abandoned != 0)
        warn("release_group", head,
             "%d released while still being constructed; the constructing calls will fail", abandoned);
    inside.run();
    const int n = inside.released();
    inside.end();
    return n;
}

} // namespace devres
