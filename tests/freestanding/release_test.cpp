// SPDX-License-Identifier: MIT
//
// Releasing everything, and the end of an owner: C1, C2, C10, C11, C12, C14, C15; and the log hook.
#include <devres/env/thread.h>

#include "memory.h"
#include "owner.h"

using namespace devres;
using freestanding::contains;
using freestanding::item;
using freestanding::last_warning;
using freestanding::node_item;
using freestanding::owner;
using freestanding::trace;
using freestanding::warnings;

namespace {

// Adds a resource that has no payload to speak of.
void add_call(devres_head* head, dr_release_t release, const char* name = nullptr) noexcept
{
    devres_add(head, devres_alloc(release, 1, GFP_KERNEL, name));
}

FREESTANDING_TEST(ReleasesInReverseOrderOfAdd) // C1
{
    owner o;
    for (int i = 0; i < 5; ++i)
        o.add(i);
    CHECK(o.listed() == 5);
    CHECK(devres_release_all(&o.devres) == 5);
    CHECK(trace::is(4, 3, 2, 1, 0));
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(ReleaseAllOfAnEmptyHeadIsZero) // C10: a marker is no resource
{
    owner o;
    CHECK(devres_release_all(&o.devres) == 0);
    CHECK(devres_open_group(&o.devres, nullptr) != nullptr);
    CHECK(devres_release_all(&o.devres) == 0);
    CHECK(o.listed() == 0);
}

void add_one_and_count(devres_head* head, void*)
{
    container_of<&owner::devres>(head)->add(7);
    CHECK(freestanding::listed(head) == 1); // nothing else: siblings are detached, and the lock is free
    CHECK(devres_find(head, &item::release_other) == nullptr);
}

FREESTANDING_TEST(WhatACallbackAddsStaysForTheNextPass) // C2, C11
{
    owner o;
    o.add(1, &item::release_other);
    add_call(&o.devres, &add_one_and_count);
    CHECK(devres_release_all(&o.devres) == 2);
    CHECK(trace::is(101));
    CHECK(o.listed() == 1);
    CHECK(devres_release_all(&o.devres) == 1);
    CHECK(trace::is(7));
}

constinit int chain_left = 0;

void add_next(devres_head* head, void*)
{
    if (--chain_left > 0)
        add_call(head, &add_next, "chain");
}

FREESTANDING_TEST(DrainReleasesWhatCallbacksAdd) // C12
{
    owner o;
    chain_left = 7;
    o.add(1);
    add_call(&o.devres, &add_next);
    CHECK(devres_drain(&o.devres) == 8);
    CHECK(o.listed() == 0);
    CHECK(chain_left == 0);
    o.add(2);
    CHECK(devres_drain(&o.devres) == 1); // the head stays usable
    CHECK(trace::is(1, 2));
}

FREESTANDING_TEST(DrainMakesTheDocumentedNumberOfPasses) // C12: a chain one shorter is released whole
{
    owner o;
    chain_left = devres_max_passes - 1;
    add_call(&o.devres, &add_next, "chain");
    CHECK(devres_drain(&o.devres) == devres_max_passes - 1);
    CHECK(chain_left == 0);
    CHECK(warnings() == 0);
}

FREESTANDING_TEST(AChainWithoutEndIsCutOff) // C12: WARN naming it, memory freed, release not called
{
    owner o;
    chain_left = 10 * devres_max_passes;
    add_call(&o.devres, &add_next, "chain");
    const int released = devres_drain(&o.devres);
    CHECK(released == devres_max_passes);
    CHECK(chain_left == 10 * devres_max_passes - released);
    CHECK(warnings() == 1);
    CHECK(contains(last_warning(), "devres_drain: bench \"bench-1\": resource chain: still being added"));
    CHECK(contains(last_warning(), "after 100 passes"));
    CHECK(o.listed() == 0);
}

struct restless_node : devres_node {
    restless_node() noexcept { devres_node_init(this, &release, "restless"); }
    static void release(devres_head* head, devres_node* node) { devres_node_add(head, node); }
};

FREESTANDING_TEST(ANodeThatIsCutOffIsItsOwnersAgain) // C12: it may be destroyed, and added again
{
    owner o;
    restless_node node;
    devres_node_add(&o.devres, &node);
    CHECK(devres_drain(&o.devres) == devres_max_passes);
    CHECK(warnings() == 1);
    CHECK(contains(last_warning(), "restless"));
    CHECK(o.listed() == 0);
    devres_node_add(&o.devres, &node);
    CHECK(devres_node_remove(&o.devres, &node));
}

FREESTANDING_TEST(ADestroyedHeadReportsAndReleasesWhatIsLeft) // C12
{
    {
        devres_head careless(&owner::ops);
        devres_add(&careless, owner::make(1));
        devres_add(&careless, owner::make(2));
    }
    CHECK(warnings() == 1);
    CHECK(contains(last_warning(), "~devres_head: bench \"bench-1\": resource item: still on a head"));
    CHECK(trace::is(2, 1));
}

FREESTANDING_TEST(AnEmptyHeadIsDestroyedSilently) // C12
{
    {
        devres_head careful(&owner::ops);
        devres_add(&careful, owner::make(1));
        CHECK(devres_release_all(&careful) == 1);
        const devres_head untouched;
    }
    CHECK(trace::is(1));
    CHECK(warnings() == 0);
}

FREESTANDING_TEST(AHeadAllocatesNothing) // raw resources and nodes bring their own memory
{
    owner o;
    node_item node(1);
    devres_node_add(&o.devres, &node);
    o.add(2);
    CHECK(devres_find(&o.devres, &item::release_other) == nullptr);
    CHECK(devres_release_all(&o.devres) == 2);
    CHECK(o.upstream.requests == 0);
    CHECK(trace::is(2, 1));
}

// --- The owner ends in a callback (C14): its memory is overwritten and given back -------------------------

owner* make_owner() noexcept
{
    return ::new (freestanding::take_bytes(sizeof(owner), alignof(owner))) owner;
}

void destroy_owner(devres_head* head, void*)
{
    owner* o = container_of<&owner::devres>(head);
    o->~owner();
    __builtin_memset(static_cast<void*>(o), 0xee, sizeof *o);
    freestanding::give_bytes(o);
    trace::add(50);
}

void drain_owner(devres_head* head, void*)
{
    devres_drain(head);
    trace::add(60);
}

FREESTANDING_TEST(ACallbackOfDrainDestroysTheOwner) // C14
{
    owner* o = make_owner();
    o->add(1);
    add_call(&o->devres, &destroy_owner);
    o->add(2);
    CHECK(devres_drain(&o->devres) == 3);
    CHECK(trace::is(2, 1, 50)); // the owner's end finishes the pass that it interrupts
}

FREESTANDING_TEST(ACallbackOfReleaseAllDestroysTheOwner) // C14
{
    owner* o = make_owner();
    o->add(1);
    add_call(&o->devres, &destroy_owner);
    CHECK(devres_release_all(&o->devres) == 2);
    CHECK(trace::is(1, 50));
}

FREESTANDING_TEST(ACallbackOfASingleReleaseDestroysTheOwner) // C14
{
    owner* o = make_owner();
    o->add(1);
    add_call(&o->devres, &destroy_owner);
    CHECK(devres_release(&o->devres, &destroy_owner) == 0);
    CHECK(trace::is(1, 50));
}

FREESTANDING_TEST(ANestedEndDestroysTheOwner) // C14: the newer callback ends what is older, which destroys it
{
    owner* o = make_owner();
    add_call(&o->devres, &destroy_owner);
    add_call(&o->devres, &drain_owner);
    CHECK(devres_release_all(&o->devres) == 2);
    CHECK(trace::is(50, 60));
}

// --- Another thread (C15) ---------------------------------------------------------------------------------

void drain_on_another_thread(devres_head* head, void*)
{
    const freestanding::as_another_thread other;
    devres_drain(head); // has to wait for this very callback
}

FREESTANDING_TEST(AnEndWaitsForAnotherThreadsRelease) // C15: here for ever, which is a BUG
{
    CHECK_BUG("would sleep for ever", owner o; add_call(&o.devres, &drain_on_another_thread);
              devres_release_all(&o.devres));
    freestanding::running_thread = &freestanding::first_thread;
    trace::is();
}

FREESTANDING_TEST(AnEndDoesNotWaitForItsOwnThread) // C15
{
    owner o;
    o.add(1);
    add_call(&o.devres, &drain_owner);
    CHECK(devres_release_all(&o.devres) == 2);
    CHECK(trace::is(1, 60));
}

void add_on_another_thread(devres_head* head, void*)
{
    if (chain_left == 0)
        return;
    --chain_left;
    const freestanding::as_another_thread other;
    add_call(head, &add_on_another_thread);
}

FREESTANDING_TEST(WhatOtherThreadsAddIsNotCutOff) // C12
{
    owner o;
    chain_left = 3 * devres_max_passes;
    add_call(&o.devres, &add_on_another_thread);
    CHECK(devres_drain(&o.devres) == 3 * devres_max_passes + 1);
    CHECK(warnings() == 0);
}

// --- The log hook -----------------------------------------------------------------------------------------

void note_event(const char* op, devres_head* head, const char* kind, const char* name, std::size_t size)
{
    CHECK(contains(kind, "bench") && contains(devres_owner_name(head), "bench-1"));
    CHECK(contains(name, "item"));
    trace::add(op[0] == 'A' ? 1000 : op[2] == 'M' ? 2000 : 3000);
    trace::add(static_cast<int>(size));
}

FREESTANDING_TEST(TheLogHookIsToldOfEachEvent)
{
    owner o;
    constexpr int size = sizeof(item);
    CHECK(devres_set_log(&note_event) == nullptr);
    o.add(1);
    void* second = o.add(2);
    CHECK(devres_remove(&o.devres, &item::release) == second);
    devres_release_all(&o.devres);
    CHECK(devres_set_log(nullptr) == &note_event);
    devres_free(second);
    CHECK(trace::is(1000, size, 1000, size, 2000, size, 3000, size, 1));
}

} // namespace
