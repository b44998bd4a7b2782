// SPDX-License-Identifier: MIT
//
// Nodes: resources in memory of the caller, whose attaching cannot fail.

#include "list/node.h"

#include <devres/env/errors.h>

#include "list/pass.h"
#include "list/two_step.h"

namespace devres {
namespace detail {

namespace {

constexpr resource_ops node_ops{resource_kind::node, &node_access::release, nullptr};

bool is_taken(const resource* res) noexcept
{
    const life_state life = resource_state::of(res).life();
    return life == life_state::listed || life == life_state::detached;
}

bool is_on_locked(devres_head* head, devres_node* node) noexcept DEVRES_REQUIRES(list_of(head))
{
    return node_access::owner_of(node) == head &&
           list_of(head).is_listed_locked(node_access::resource_of(node));
}

} // namespace

void node_access::release(devres_head* head, resource* res)
{
    devres_node* node = node_of(res);
    const auto release_it = node->release_;
    set_life(res, life_state::idle); // from here on it is its owner's again, and its memory may be gone
    if (release_it)
        release_it(head, node);
}

void node_access::describe(const resource* res, const char** name, const void** code) noexcept
{
    const devres_node* node = node_of(const_cast<resource*>(res)); // SAFETY: made const again
    *name = node->name_;
    *code = reinterpret_cast<const void*>(node->release_);
}

void node_access::init(devres_node* node, void (*release)(devres_head*, devres_node*),
                       const char* name) noexcept
{
    if (is_taken(&node->res_))
        bug("devres_node_init", owner_of(node), detail::describe(&node->res_), "still listed");
    node->res_.ops = &node_ops;
    node->res_.size = 0;
    resource_state::make(life_state::idle, storage_kind::callers).store(&node->res_);
    node->release_ = release;
    node->name_ = name;
    set_owner(node, nullptr);
}

} // namespace detail

using namespace detail;

devres_node::~devres_node()
{
    if (is_taken(&res_))
        bug("~devres_node", head_.load(std::memory_order_relaxed), describe(&res_),
            "destroyed while still listed");
}

void devres_node_init(devres_node* node, void (*release)(devres_head*, devres_node*),
                      const char* name) noexcept
{
    node_access::init(node, release, name);
}

void devres_node_add(devres_head* head, devres_node* node) noexcept
{
    resource* res = node_access::resource_of(node);
    description what;
    {
        const guard held(head, "devres_node_add");
        const life_state life = resource_state::of(res).life();
        if (is_taken(res))
            bug("devres_node_add", head, describe(res), "already listed");
        if (life != life_state::idle)
            bug("devres_node_add", head, {}, "not initialised");
        node_access::set_owner(node, head);
        attach_locked(head, res, resource_state::make(life_state::listed, storage_kind::callers));
        // Under the lock: afterwards another thread may release the node, and free its memory. Not by
        // event_of(): it would cost a node, the cheapest of all, 5 % more.
        if (logging()) [[unlikely]]
            what = describe(res);
    }
    tell("ADD", head, what);
}

bool devres_node_remove(devres_head* head, devres_node* node) noexcept
{
    resource* res = node_access::resource_of(node);
    {
        const guard held(head, "devres_node_remove");
        if (!is_on_locked(head, node))
            return false;
        list_of(head).unlink_locked(res, life_state::idle);
    }
    if (logging()) [[unlikely]] // not by event_of(), as above
        tell("REM", head, describe(res));
    return true;
}

int devres_node_release(devres_head* head, devres_node* node) noexcept
{
    pass one(head);
    {
        const guard held(head, "devres_node_release");
        if (!is_on_locked(head, node))
            return -ENOENT;
        one.claim_locked(head, node_access::resource_of(node));
    }
    one.complete();
    return 0;
}

} // namespace devres
