// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// The C interface (linux/devres_core.h) over the core.
//
// Resources in two steps and groups are the core's own functions, called with C's types. Actions and memory
// come in two ways, of which CONFIG_DEVRES_MEMORY chooses one: as resources of kmalloc each, which needs
// nothing but the list and is written out below, or in the head's own memory (src/memory).

#include "linux/devres_core.h"

#include <cerrno>
#include <cstring>
#include <new>

#include <devres/env/call.h>

#include "env/env.h"
#include "list/pass.h"
#include "list/two_step.h"
#if defined(DEVRES_MEMORY)
#include <devres/detail/attach.h>

#include "managed/known.h"
#endif

namespace {

using namespace devres::detail;
using devres::dr_match_t;
using devres::dr_release_t;
using core_head = devres::devres_head;

// SAFETY of the casts: a struct devres_head of C is the core's head, whose lock comes first in both; and a
// callback is only ever called by the owner, as what it was.
core_head* cpp(devres_head* head) noexcept
{
    return reinterpret_cast<core_head*>(head);
}
template <class Function>
Function as(devres_fn f) noexcept
{
    return reinterpret_cast<Function>(f);
}

allocation_request request(unsigned gfp, int nid, unsigned long caller) noexcept
{
    return {gfp, nid, reinterpret_cast<const void*>(caller)};
}

// A resource as devres_alloc makes it, with the kernel's request for memory.
resource* allocate(const resource_ops* ops, devres_fn release, unsigned long size, const char* name,
                   const allocation_request& request) noexcept
{
    resource* res = allocate_resource(nullptr, ops, size, request);
    if (res) {
        heap_prefix_of(res).release = as<dr_release_t>(release);
        heap_prefix_of(res).name = name;
    }
    return res;
}

#if defined(DEVRES_COUNTS)
std::atomic<unsigned long> heads{0};
#endif

} // namespace

namespace devres::detail {
#if defined(DEVRES_COUNTS)
extern constinit std::atomic<unsigned long> attaches, removals, releases;
#endif
} // namespace devres::detail

// --- Heads -------------------------------------------------------------------------------------------------

void devres_core_construct(devres_head* head, const devres_owner_ops* ops)
{
    // struct devres_head in linux/devres_head.h: the lock, its flags, and DEVRES_HEAD_WORDS.
    static_assert(sizeof(core_head) <= (sizeof(head_lock) + 7) / 8 * 8 + 64);
    static_assert(alignof(core_head) <= 8);
#if defined(DEVRES_COUNTS)
    heads.fetch_add(1, std::memory_order_relaxed);
#endif
    ::new (static_cast<void*>(head)) core_head(nullptr, const_cast<devres_owner_ops*>(ops));
}

void devres_head_end(devres_head* head)
{
    devres::devres_drain(cpp(head));
    cpp(head)->~core_head();
}

bool devres_head_is_init(const devres_head* head)
{
    // What was never constructed has no ops.
    return upstream_of(reinterpret_cast<const core_head*>(head)) != nullptr;
}

bool devres_head_empty(const devres_head* head)
{
    core_head* h = cpp(const_cast<devres_head*>(head));
    const guard held(h, "devres_head_empty");
    return list_of(h).empty_locked();
}

void devres_head_counts(devres_counts* counts)
{
#if defined(DEVRES_COUNTS)
    *counts = {heads.load(), attaches.load(), removals.load(), releases.load()};
#else
    *counts = {};
#endif
}

// --- Resources in two steps --------------------------------------------------------------------------------

void* devres_head_alloc(devres_fn release, unsigned long size, unsigned gfp, int nid, const char* name,
                        unsigned long caller)
{
    resource* res = allocate(&raw_ops, release, size, name, request(gfp | devres::__GFP_ZERO, nid, caller));
    return res ? res->payload() : nullptr;
}

void devres_head_free(void* res)
{
    devres::devres_free(res);
}

void devres_head_add(devres_head* head, void* res)
{
    devres::devres_add(cpp(head), res);
}

void* devres_head_find(devres_head* head, devres_fn release, devres_fn match, void* match_data)
{
    return devres::devres_find(cpp(head), as<dr_release_t>(release), as<dr_match_t>(match), match_data);
}

void* devres_head_get(devres_head* head, void* new_res, devres_fn match, void* match_data)
{
    return devres::devres_get(cpp(head), new_res, as<dr_match_t>(match), match_data);
}

void* devres_head_remove(devres_head* head, devres_fn release, devres_fn match, void* match_data)
{
    return devres::devres_remove(cpp(head), as<dr_release_t>(release), as<dr_match_t>(match), match_data);
}

int devres_head_destroy(devres_head* head, devres_fn release, devres_fn match, void* match_data)
{
    return devres::devres_destroy(cpp(head), as<dr_release_t>(release), as<dr_match_t>(match), match_data);
}

int devres_head_release(devres_head* head, devres_fn release, devres_fn match, void* match_data)
{
    return devres::devres_release(cpp(head), as<dr_release_t>(release), as<dr_match_t>(match), match_data);
}

void devres_head_for_each(devres_head* head, devres_fn release, devres_fn match, void* match_data,
                          devres_fn visit, void* data)
{
    using visit_t = void (*)(core_head*, void*, void*);
    devres::devres_for_each_res(cpp(head), as<dr_release_t>(release), as<dr_match_t>(match), match_data,
                                as<visit_t>(visit), data);
}

int devres_head_release_all(devres_head* head)
{
    return devres::devres_release_all(cpp(head));
}

int devres_head_drain(devres_head* head)
{
    return devres::devres_drain(cpp(head));
}

// --- Groups ------------------------------------------------------------------------------------------------

void* devres_head_open_group(devres_head* head, void* id, unsigned gfp)
{
    return devres::devres_open_group(cpp(head), id, gfp);
}

void devres_head_close_group(devres_head* head, void* id)
{
    devres::devres_close_group(cpp(head), id);
}

void devres_head_remove_group(devres_head* head, void* id)
{
    devres::devres_remove_group(cpp(head), id);
}

int devres_head_release_group(devres_head* head, void* id)
{
    return devres::devres_release_group(cpp(head), id);
}

// --- Actions and memory ------------------------------------------------------------------------------------

namespace {

action_payload& action_of(resource* res) noexcept
{
    return *static_cast<action_payload*>(res->payload()); // SAFETY: what action_ops have
}

void run_action(core_head* head, resource* res)
{
    const action_payload action = action_of(res);
    upstream_of(head)->action(c_head(head), action.fn, action.data);
}

} // namespace

#if defined(DEVRES_MEMORY)

// In the head's memory. Actions have no name there but that of their function.

namespace {

constexpr resource_ops action_ops{resource_kind::action, &run_action, nullptr};
// __GFP_DMA | __GFP_DMA32: memory that must not come out of a block that other resources share.
constexpr unsigned zones = 5; // host.c checks it

} // namespace

int devres_head_add_action(devres_head* head, devres_fn action, void* data, unsigned gfp, int nid,
                           const char* name, unsigned long caller)
{
    constexpr resource_shape shape{.size = sizeof(action_payload), .is_action = true};
    const action_payload payload{action, data};
    core_head* h = cpp(head);
    if (!attach(h, &action_ops, shape, "add_action", request(gfp, nid, caller),
                [payload](void* place) { ::new (place) action_payload(payload); }))
        return -ENOMEM;
    if (logging())
        log_event("ADD", h, {"action", name, nullptr, sizeof(action_payload)});
    return 0;
}

int devres_head_remove_action(devres_head* head, devres_fn action, void* data)
{
    return remove_action(cpp(head), {action, data}, false);
}

int devres_head_release_action(devres_head* head, devres_fn action, void* data)
{
    return release_action(cpp(head), {action, data});
}

bool devres_head_is_action_added(devres_head* head, devres_fn action, void* data)
{
    return is_action_added(cpp(head), {action, data});
}

// Of a block that several resources share, zone, node and caller are those of its first resource.
void* devres_head_kmalloc(devres_head* head, unsigned long size, unsigned gfp, int nid, unsigned long caller)
{
    core_head* h = cpp(head);
    const allocation_request wanted = request(gfp & ~devres::__GFP_ZERO, nid, caller);
    const auto fill = [size, zeroed = (gfp & devres::__GFP_ZERO) != 0](void* memory) {
        if (zeroed)
            std::memset(memory, 0, size);
    };
    const resource_shape shape{.size = size, .is_alone = (gfp & zones) != 0};
    resource* res = attach(h, &memory_ops, shape, "kmalloc", wanted, fill);
    if (!res)
        return nullptr;
    if (logging())
        log_event("ADD", h, {"memory", "memory", nullptr, size});
    return res->payload();
}

void* devres_head_krealloc(devres_head* head, void* p, unsigned long size, unsigned gfp, int nid,
                           unsigned long caller)
{
    return resize_memory(cpp(head), p, size, request(gfp, nid, caller), (gfp & zones) != 0);
}

int devres_head_kfree(devres_head* head, const void* p)
{
    return free_memory(cpp(head), p) ? 0 : -ENOENT;
}

#else

// A kmalloc each, which needs nothing but the list. They are raw resources with operations of their own.

namespace {

constexpr resource_ops action_ops{resource_kind::raw, &run_action, nullptr};
constexpr resource_ops memory_ops{resource_kind::raw, nullptr, nullptr};

void attach(core_head* head, resource* res) noexcept
{
    devres::devres_add(head, res->payload());
}

// The newest such action, as a parameter of the functions below.
auto the_action(devres_fn action, void* data) noexcept
{
    return [action, data](resource* res) {
        return res->ops == &action_ops && action_of(res).fn == action && action_of(res).data == data;
    };
}

auto the_memory(const void* p) noexcept
{
    return [p](resource* res) { return res->ops == &memory_ops && res->payload() == p; };
}

template <class Is>
resource* find_locked(core_head* head, Is is) noexcept DEVRES_REQUIRES(list_of(head))
{
    resource* res = list_of(head).newest_locked();
    while (res && !is(res))
        res = list_of(head).older_locked(res);
    return res;
}

template <class Is>
int remove(devres_head* c, Is is) noexcept
{
    core_head* head = cpp(c);
    resource* res = nullptr;
    {
        const guard held(head, "devres_head_remove");
        res = find_locked(head, is);
        if (res)
            list_of(head).unlink_locked(res, life_state::idle);
    }
    if (!res)
        return -ENOENT;
    tell("REM", head, event_of(res));
    free_resource(res);
    return 0;
}

} // namespace

int devres_head_add_action(devres_head* head, devres_fn action, void* data, unsigned gfp, int nid,
                           const char* name, unsigned long caller)
{
    resource* res =
        allocate(&action_ops, action, sizeof(action_payload), name, request(gfp, nid, caller));
    if (!res)
        return -ENOMEM;
    ::new (res->payload()) action_payload{action, data};
    attach(cpp(head), res);
    return 0;
}

int devres_head_remove_action(devres_head* head, devres_fn action, void* data)
{
    return remove(head, the_action(action, data));
}

int devres_head_release_action(devres_head* head, devres_fn action, void* data)
{
    core_head* h = cpp(head);
    pass one;
    {
        const guard held(h, "devres_head_release_action");
        resource* res = find_locked(h, the_action(action, data));
        if (!res)
            return -ENOENT;
        one.claim_locked(h, res);
    }
    one.finish();
    return 0;
}

bool devres_head_is_action_added(devres_head* head, devres_fn action, void* data)
{
    const guard held(cpp(head), "devres_head_is_action_added");
    return find_locked(cpp(head), the_action(action, data)) != nullptr;
}

void* devres_head_kmalloc(devres_head* head, unsigned long size, unsigned gfp, int nid, unsigned long caller)
{
    resource* res = allocate(&memory_ops, nullptr, size, "kmalloc", request(gfp, nid, caller));
    if (!res)
        return nullptr;
    attach(cpp(head), res);
    return res->payload();
}

// The new block takes the old one's place in the order. The contents are copied before, and not after, since
// under the lock nothing of many bytes should be done.
void* devres_head_krealloc(devres_head* head, void* p, unsigned long size, unsigned gfp, int nid,
                           unsigned long caller)
{
    core_head* h = cpp(head);
    resource* fresh = allocate(&memory_ops, nullptr, size, "krealloc", request(gfp, nid, caller));
    if (!fresh)
        return nullptr;
    resource* old = nullptr;
    {
        const guard held(h, "devres_head_krealloc");
        old = find_locked(h, the_memory(p));
        if (old) {
            heap_prefix_of(fresh).owner = h;
            list_of(h).link_behind_locked(fresh, life_state::listed, old);
            list_of(h).unlink_locked(old, life_state::idle);
        }
    }
    if (!old) {
        free_resource(fresh);
        warn("krealloc", h, description{}, "%p is not memory of this owner", p);
        return nullptr;
    }
    tell("REPLACE", h, event_of(old));
    const std::size_t kept = exact_size(old) < size ? exact_size(old) : size;
    std::memcpy(fresh->payload(), p, kept);
    free_resource(old);
    return fresh->payload();
}

int devres_head_kfree(devres_head* head, const void* p)
{
    return remove(head, the_memory(p));
}

// --- What the list asks of a memory that there is not ------------------------------------------------------

namespace devres::detail {

unused_memory take_back_locked(core_head*, released_memory&, bool) noexcept
{
    return {};
}
void free_unused(upstream*, const unused_memory&) noexcept {}
void hide_from_handle(resource*) noexcept {}
void let_go_of_shared(resource*) noexcept {}

} // namespace devres::detail

#endif
