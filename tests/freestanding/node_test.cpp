// SPDX-License-Identifier: MIT
//
// Nodes: memory of the caller, attaching cannot fail. C1, C5, C8, C11 as far as they concern nodes.
#include <devres/env/errors.h>

#include "memory.h"
#include "owner.h"

using namespace devres;
using freestanding::node_item;
using freestanding::owner;
using freestanding::trace;

namespace {

FREESTANDING_TEST(NodesAreReleasedInReverseOrderOfAdd) // C1
{
    owner o;
    node_item a(1);
    node_item b(3);
    devres_node_add(&o.devres, &a);
    o.add(2);
    devres_node_add(&o.devres, &b);
    CHECK(o.listed() == 3);
    CHECK(devres_release_all(&o.devres) == 3);
    CHECK(trace::is(3, 2, 1));
}

FREESTANDING_TEST(AttachingANodeNeedsNoMemory) // C5
{
    owner o;
    node_item a(1);
    freestanding::no_memory_from(1);
    devres_node_add(&o.devres, &a);
    CHECK(o.listed() == 1);
    CHECK(devres_node_remove(&o.devres, &a));
    freestanding::no_memory_from(0);
    CHECK(o.upstream.requests == 0);
}

FREESTANDING_TEST(RemoveUnlinksANodeOnce) // C8
{
    owner o;
    node_item a(1);
    CHECK(!devres_node_remove(&o.devres, &a)); // never added
    devres_node_add(&o.devres, &a);
    CHECK(devres_node_remove(&o.devres, &a));
    CHECK(!devres_node_remove(&o.devres, &a));
    CHECK(o.listed() == 0);
    CHECK(trace::is());
    devres_node_add(&o.devres, &a);
    CHECK(devres_release_all(&o.devres) == 1);
    CHECK(!devres_node_remove(&o.devres, &a)); // released
    CHECK(trace::is(1));
}

FREESTANDING_TEST(RemoveLeavesANodeOfAnotherHeadAlone) // C8
{
    owner o;
    owner other;
    node_item a(1);
    devres_node_add(&other.devres, &a);
    CHECK(!devres_node_remove(&o.devres, &a));
    CHECK(devres_node_release(&o.devres, &a) == -ENOENT);
    CHECK(other.listed() == 1);
    CHECK(devres_node_remove(&other.devres, &a));
}

FREESTANDING_TEST(ReleaseReleasesANodeOnce) // C8
{
    owner o;
    node_item a(1);
    CHECK(devres_node_release(&o.devres, &a) == -ENOENT);
    devres_node_add(&o.devres, &a);
    CHECK(devres_node_release(&o.devres, &a) == 0);
    CHECK(devres_node_release(&o.devres, &a) == -ENOENT);
    CHECK(trace::is(1));
    CHECK(o.listed() == 0);
}

struct restless_node : devres_node {
    restless_node() noexcept { devres_node_init(this, &release); }
    int lives = 3;
    static void release(devres_head* head, devres_node* node)
    {
        auto* self = static_cast<restless_node*>(node);
        trace::add(self->lives);
        if (--self->lives > 0) {
            devres_node_add(head, self);
        } else {
            self->~restless_node();
            freestanding::give_bytes(self);
        }
    }
};

FREESTANDING_TEST(AReleaseMayAddTheNodeAgainOrFreeIt) // C11
{
    owner o;
    auto* node = ::new (freestanding::take_bytes(sizeof(restless_node), 16)) restless_node;
    devres_node_add(&o.devres, node);
    CHECK(devres_release_all(&o.devres) == 1);
    CHECK(o.listed() == 1);
    CHECK(devres_release_all(&o.devres) == 1);
    CHECK(devres_node_release(&o.devres, node) == 0);
    CHECK(o.listed() == 0);
    CHECK(trace::is(3, 2, 1));
}

struct remover : devres_node {
    explicit remover(devres_node* whom) noexcept : victim(whom) { devres_node_init(this, &release); }
    devres_node* const victim;
    static void release(devres_head* head, devres_node* node)
    {
        CHECK(!devres_node_remove(head, static_cast<remover*>(node)->victim));
        CHECK(devres_node_release(head, static_cast<remover*>(node)->victim) == -ENOENT);
    }
};

FREESTANDING_TEST(ASiblingCannotBeRemovedDuringThePass) // C11
{
    owner o;
    node_item victim(1);
    remover first(&victim);
    devres_node_add(&o.devres, &victim);
    devres_node_add(&o.devres, &first);
    CHECK(devres_release_all(&o.devres) == 2);
    CHECK(trace::is(1));
}

FREESTANDING_TEST(NodesGoWithTheirGroup) // G5
{
    owner o;
    node_item before(1);
    node_item inside(2);
    devres_node_add(&o.devres, &before);
    void* group = devres_open_group(&o.devres, nullptr);
    CHECK(group != nullptr);
    devres_node_add(&o.devres, &inside);
    CHECK(devres_release_group(&o.devres, group) == 1);
    CHECK(trace::is(2));
    CHECK(devres_node_remove(&o.devres, &before));
}

FREESTANDING_TEST(AddingAListedNodeIsABug) // C5
{
    CHECK_BUG("devres_node_add: bench \"bench-1\": node node item: already listed", owner o; node_item a(1);
              devres_node_add(&o.devres, &a); devres_node_add(&o.devres, &a));
}

FREESTANDING_TEST(AddingANodeThatWasNotInitialisedIsABug) // C5
{
    CHECK_BUG("devres_node_add: bench \"bench-1\": not initialised", owner o; devres_node bare;
              devres_node_add(&o.devres, &bare));
}

FREESTANDING_TEST(InitialisingAListedNodeIsABug) // C5: it would tear the list
{
    CHECK_BUG("devres_node_init: bench \"bench-1\": node node item: still listed", owner o; node_item a(1);
              devres_node_add(&o.devres, &a); devres_node_init(&a, &node_item::release));
}

FREESTANDING_TEST(DestroyingAListedNodeIsABug) // C5: it would leave dangling links
{
    CHECK_BUG("~devres_node: bench \"bench-1\": node node item: destroyed", owner o; node_item a(1);
              devres_node_add(&o.devres, &a));
}

} // namespace
