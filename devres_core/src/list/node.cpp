// SPDX-License-Identifier: MIT
//
// Nodes: resources in memory of the caller, whose attaching cannot fail.

#include <devres/env/errors.h>

#include "list/pass.h"
#include "list/two_step.h"

namespace devres {
namespace detail {

struct node_access {
    static void release(devres_head* head, resource* res)
    {
        devres_node* node = container_of<&devres_node::res_>(res);
        const auto release_it = node->release_;
        set_life(res, life_state::idle); // from here on it is its owner's again, and its memory may be gone
        if (release_it)
            release_it(head, node);
    }
    // True if the node is on that head now. The state comes first: another thread may just be putting the
    // node on another head, whose epoch may be the same. Who sees it there sees that head as well.
    static bool is_on_locked(devres_head* head, const devres_node* node) noexcept
        DEVRES_REQUIRES(list_of(head))
    {
        return list_of(head).holds_locked(&node->res_) && node->head_.load(std::memory_order_relaxed) == head;
    }
};

constexpr resource_ops node_ops{resource_kind::node, &node_access::release, nullptr};

} // namespace detail

using namespace detail;

devres_node::~devres_node()
{
    if (resource_state::of(&res_).life() == life_state::listed)
        bug("~devres_node", head_.load(std::memory_order_relaxed), describe(&res_),
            "destroyed while still listed");
}

void devres_node_init(devres_node* node, void (*release)(devres_head*, devres_node*),
                      const char* name) noexcept
{
    if (resource_state::of(&node->res_).life() == life_state::listed)
        bug("devres_node_init", node->head_.load(std::memory_order_relaxed), describe(&node->res_),
            "still listed");
    node->res_.ops = &node_ops;
    node->res_.size = 0;
    resource_state::make(life_state::idle, storage_kind::callers).store(&node->res_);
    node->release_ = release;
    node->name_ = name;
    node->head_.store(nullptr, std::memory_order_relaxed);
}

void devres_node_add(devres_head* head, devres_node* node) noexcept
{
    description what;
    {
        const guard held(head, "devres_node_add");
        require_idle(head, "devres_node_add", &node->res_);
        node->head_.store(head, std::memory_order_relaxed);
        attach_locked(head, &node->res_);
        // Under the lock: afterwards another thread may release the node, and free its memory. Not by
        // event_of(): it would cost a node, the cheapest of all, 5 % more.
        if (logging()) [[unlikely]]
            what = describe(&node->res_);
    }
    tell("ADD", head, what);
}

bool devres_node_remove(devres_head* head, devres_node* node) noexcept
{
    {
        const guard held(head, "devres_node_remove");
        if (!node_access::is_on_locked(head, node))
            return false;
        list_of(head).unlink_locked(&node->res_, life_state::idle);
    }
    if (logging()) [[unlikely]] // not by event_of(), as above
        tell("REM", head, describe(&node->res_));
    return true;
}

int devres_node_release(devres_head* head, devres_node* node) noexcept
{
    pass one;
    {
        const guard held(head, "devres_node_release");
        if (!node_access::is_on_locked(head, node))
            return -ENOENT;
        one.claim_locked(head, &node->res_);
    }
    one.finish();
    return 0;
}

} // namespace devres
