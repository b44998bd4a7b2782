// SPDX-License-Identifier: MIT
//
// Groups: two markers on the list, and everything between them.
//
// The opening marker is a resource that this folder allocates, from the head's upstream; the closing one lies
// in its payload.

#include <atomic>
#include <cstdint>

#include "list/pass.h"
#include "list/two_step.h"

namespace devres {

using namespace detail;

namespace {

constexpr resource_ops group_ops{resource_kind::group, nullptr, "group"};
constexpr resource_ops group_end_ops{resource_kind::group_end, nullptr, "end of group"};

struct group {
    resource end{&group_end_ops, 0, resource_state::make(life_state::idle, storage_kind::callers).bits()};
    void* id = nullptr;
    bool closed = false;
    int seen = 0; // while release_group runs: how many of its markers lie in the range that is released
};

// The group that `res` is a marker of; null if it is none.
group* group_of(resource* res) noexcept
{
    if (res->ops == &group_ops)
        return static_cast<group*>(res->payload()); // SAFETY: what such a marker has as payload
    if (res->ops == &group_end_ops)
        return container_of<&group::end>(res);
    return nullptr;
}

// An id that no other group has had, so that whoever keeps it longer than its group finds nothing by it: they
// count down from where no object lies, but for a page of numbers that are used as ids or errors.
void* own_id() noexcept
{
    static constinit std::atomic<std::uintptr_t> next{~std::uintptr_t{4096}};
    return reinterpret_cast<void*>(next.fetch_sub(1, std::memory_order_relaxed));
}

// The newest group with that id; by null the newest open one (G2).
group* find_locked(devres_head* head, const void* id) noexcept DEVRES_REQUIRES(list_of(head))
{
    for (resource* res = list_of(head).newest_locked(); res; res = list_of(head).older_locked(res)) {
        group* g = group_of(res);
        if (g && res != &g->end && (id ? g->id == id : !g->closed))
            return g;
    }
    return nullptr;
}

// Moves the resources of `whole` to `into`, and the groups wholly inside: those that have both markers there,
// and open ones (G5).
void collect_locked(devres_head* head, group* whole, pass& into) noexcept DEVRES_REQUIRES(list_of(head))
{
    resource* first = resource::of(whole);
    resource* end = whole->closed ? list_of(head).newer_locked(&whole->end) : nullptr;
    for (resource* res = first; res != end; res = list_of(head).newer_locked(res))
        if (group* g = group_of(res))
            ++g->seen;
    for (resource* res = first; res != end;) {
        resource* newer = list_of(head).newer_locked(res);
        group* g = group_of(res);
        if (!g || g->seen == 2 || !g->closed)
            into.take_locked(head, res);
        else
            g->seen = 0;
        res = newer;
    }
}

} // namespace

void* devres_open_group(devres_head* head, void* id, gfp_t gfp) noexcept
{
    resource* marker = allocate_resource(upstream_of(head), &group_ops, sizeof(group),
                                         {gfp, -1, __builtin_return_address(0)});
    if (!marker)
        return nullptr;
    if (!id)
        id = own_id();
    (::new (marker->payload()) group)->id = id;
    const description what = event_of(marker);
    {
        const guard held(head, "devres_open_group");
        attach_locked(head, marker);
    }
    tell("ADD", head, what);
    return id;
}

void devres_close_group(devres_head* head, void* id) noexcept
{
    const char* wrong = "no such group";
    description what;
    {
        const guard held(head, "devres_close_group");
        group* g = find_locked(head, id);
        if (g)
            wrong = g->closed ? "the group is closed already" : nullptr;
        if (!wrong) {
            g->closed = true;
            what = event_of(&g->end);
            attach_locked(head, &g->end);
        }
    }
    if (wrong)
        warn("close_group", head, "%s (id %p)", wrong, id);
    else
        tell("ADD", head, what);
}

void devres_remove_group(devres_head* head, void* id) noexcept
{
    pass markers;
    {
        const guard held(head, "devres_remove_group");
        if (group* g = find_locked(head, id)) {
            markers.claim_locked(head, resource::of(g));
            if (g->closed)
                markers.take_locked(head, &g->end);
        }
    }
    if (!markers.head()) {
        warn("remove_group", head, "no such group (id %p)", id);
        return;
    }
    while (resource* marker = markers.pop()) {
        const description what = event_of(marker);
        markers.discard(marker); // before a log hook could end the owner, and with it the other marker
        if (markers.head())      // an upstream may have done so already
            tell("REM", markers.head(), what);
    }
    markers.finish();
}

int devres_release_group(devres_head* head, void* id) noexcept
{
    pass inside;
    bool empty = false;
    {
        const guard held(head, "devres_release_group");
        empty = list_of(head).empty_locked();
        if (group* g = find_locked(head, id)) {
            inside.join_locked(head);
            collect_locked(head, g, inside);
        }
    }
    if (!inside.head() && !empty)
        warn("release_group", head, "no such group (id %p)", id);
    return inside.finish();
}

} // namespace devres
