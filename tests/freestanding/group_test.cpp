// SPDX-License-Identifier: MIT
//
// Groups: G1 to G6.
#include "memory.h"
#include "owner.h"

using namespace devres;
using freestanding::contains;
using freestanding::last_warning;
using freestanding::owner;
using freestanding::trace;
using freestanding::warnings;

namespace {

struct grouped : owner {
    void* open(void* id = nullptr) noexcept
    {
        void* opened = devres_open_group(&devres, id);
        CHECK(opened != nullptr);
        return opened;
    }
    void close(void* id) noexcept { devres_close_group(&devres, id); }
    int release(void* id) noexcept { return devres_release_group(&devres, id); }
    void remove(void* id) noexcept { devres_remove_group(&devres, id); }

    // True if there was one WARN since the last call, and it names `function` and the owner.
    bool has_warned(const char* function) noexcept
    {
        const bool one = warnings() == ++warned_;
        warned_ = warnings();
        return one && contains(last_warning(), function) && contains(last_warning(), "bench \"bench-1\"");
    }
    bool ends_with_nothing_but(auto... numbers) noexcept
    {
        devres_drain(&devres);
        return trace::is(numbers...) && warnings() == warned_;
    }

    int ids[3] = {};
    void* const a = &ids[0];
    void* const b = &ids[1];
    void* const c = &ids[2];

private:
    int warned_ = 0;
};

FREESTANDING_TEST(OpenReturnsTheId) // G1: null gives one of the group's own, each time another
{
    grouped o;
    CHECK(o.open(o.a) == o.a);
    void* first = o.open();
    void* second = o.open();
    CHECK(first != second);
    o.add(1);
    CHECK(o.release(first) == 1); // the second group goes along
    CHECK(o.listed() == 1);
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(MarkersComeFromTheUpstreamAndGoBack) // G1
{
    grouped o;
    o.open(o.a);
    o.open(o.b);
    o.close(o.b);
    o.open(o.c);
    CHECK(o.upstream.live == 3); // the markers at their ends lie in these
    o.remove(o.b);
    CHECK(o.upstream.live == 2);
    o.release(o.c);
    CHECK(o.upstream.live == 1);
    CHECK(devres_release_all(&o.devres) == 0);
    CHECK(o.upstream.live == 0);
}

FREESTANDING_TEST(OpenWithoutMemoryGivesNull) // G1
{
    grouped o;
    freestanding::no_memory_from(1);
    CHECK(devres_open_group(&o.devres, nullptr) == nullptr);
    CHECK(devres_open_group(&o.devres, o.a) == nullptr);
    freestanding::no_memory_from(0);
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(CloseNeedsNoMemory) // G1
{
    grouped o;
    o.open(o.a);
    o.add(1);
    freestanding::no_memory_from(1);
    o.close(o.a);
    freestanding::no_memory_from(0);
    o.add(2);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(1));
    CHECK(o.ends_with_nothing_but(2));
}

FREESTANDING_TEST(TheNewestOfEqualIdsWins) // G1
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.close(o.a);
    o.open(o.a);
    o.add(2);
    o.close(o.a);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(2));
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(1));
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(NullFindsTheNewestOpenGroup) // G2
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.open(o.c);
    o.add(3);
    o.close(o.c);
    CHECK(o.release(nullptr) == 2); // b, with c inside
    CHECK(trace::is(3, 2));
    CHECK(o.release(nullptr) == 1); // a
    CHECK(trace::is(1));
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(NullClosesTheNewestOpenGroup) // G2
{
    grouped o;
    o.open(o.a);
    o.open(o.b);
    o.add(1);
    o.close(nullptr);
    o.add(2);
    o.close(nullptr);
    o.add(3);
    CHECK(o.release(o.b) == 1);
    CHECK(trace::is(1));
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(2));
    CHECK(o.ends_with_nothing_but(3));
}

FREESTANDING_TEST(NullDoesNotFindClosedGroups) // G2
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.close(o.a);
    CHECK(o.release(nullptr) == 0);
    CHECK(o.has_warned("release_group"));
    o.remove(nullptr);
    CHECK(o.has_warned("remove_group"));
    o.close(nullptr);
    CHECK(o.has_warned("close_group"));
    CHECK(o.listed() == 3);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(1));
}

FREESTANDING_TEST(ClosingAMissingGroupIsReported) // G3
{
    grouped o;
    o.close(o.a);
    CHECK(o.has_warned("close_group"));
    o.open(o.b);
    o.add(1);
    o.close(o.a);
    CHECK(o.has_warned("close_group"));
    CHECK(o.listed() == 2);
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(ClosingAClosedGroupIsReported) // G3: a BUG in Linux; nothing changes
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.close(o.a);
    o.add(2);
    o.close(o.a);
    CHECK(o.has_warned("close_group"));
    CHECK(o.listed() == 4);
    CHECK(o.release(o.a) == 1); // it ends where it was closed first
    CHECK(trace::is(1));
    CHECK(o.ends_with_nothing_but(2));
}

FREESTANDING_TEST(RemoveDropsTheMarkersOnly) // G4
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.b);
    o.remove(o.b);
    CHECK(o.listed() == 3);
    o.remove(o.a);
    CHECK(o.listed() == 2);
    CHECK(trace::is());
    CHECK(o.ends_with_nothing_but(2, 1));
}

FREESTANDING_TEST(RemoveByNullDropsTheNewestOpenGroup) // G2, G4
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.remove(nullptr);
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(2, 1));
}

FREESTANDING_TEST(RemovingAMissingGroupIsReported) // G4
{
    grouped o;
    o.remove(o.a);
    CHECK(o.has_warned("remove_group"));
    void* id = o.open();
    o.add(1);
    o.remove(id);
    o.remove(id);
    CHECK(o.has_warned("remove_group"));
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(ReleaseTakesWhatIsBetweenTheMarkers) // G5
{
    grouped o;
    o.add(1);
    o.open(o.a);
    o.add(2);
    o.add(3);
    o.close(o.a);
    o.add(4);
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(3, 2));
    CHECK(o.listed() == 2);
    CHECK(o.ends_with_nothing_but(4, 1));
}

FREESTANDING_TEST(ReleaseOfAnOpenGroupGoesToTheEnd) // G5
{
    grouped o;
    o.add(1);
    o.open(o.a);
    o.add(2);
    o.add(3);
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(3, 2));
    CHECK(o.listed() == 1);
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(ReleaseOfAnEmptyGroupDropsIt) // G5
{
    grouped o;
    o.open(o.a);
    o.close(o.a);
    o.add(1);
    CHECK(o.release(o.a) == 0);
    CHECK(o.listed() == 1);
    o.open(o.b);
    CHECK(o.release(o.b) == 0);
    CHECK(o.listed() == 1);
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(ReleaseTakesInnerGroupsAlong) // G5
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.open(o.c);
    o.add(3);
    o.close(o.c);
    o.close(o.b);
    o.add(4);
    o.close(o.a);
    CHECK(o.release(o.a) == 4);
    CHECK(trace::is(4, 3, 2, 1));
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(ReleaseOfAnInnerGroupLeavesTheOuter) // G5
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.b);
    o.add(3);
    o.close(o.a);
    CHECK(o.release(o.b) == 1);
    CHECK(trace::is(2));
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(3, 1));
}

FREESTANDING_TEST(ReleasingAMissingGroupIsReportedUnlessEmpty) // G5
{
    grouped o;
    CHECK(o.release(o.a) == 0);
    CHECK(o.release(nullptr) == 0);
    CHECK(warnings() == 0);
    o.add(1);
    CHECK(o.release(o.a) == 0);
    CHECK(o.has_warned("release_group"));
    CHECK(o.release(nullptr) == 0);
    CHECK(o.has_warned("release_group"));
    CHECK(o.listed() == 1);
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(ReleaseKeepsAnOverlappingGroupThatBeganInside) // G6: A( 1 B( 2 )A 3 )B
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.a);
    o.add(3);
    o.close(o.b);
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(2, 1));
    CHECK(o.listed() == 3);
    o.add(4);
    CHECK(o.release(o.b) == 1);
    CHECK(trace::is(3));
    CHECK(o.ends_with_nothing_but(4));
}

FREESTANDING_TEST(ReleaseKeepsAnOverlappingGroupThatEndedInside) // G6, the other way round
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.a);
    o.add(3);
    o.close(o.b);
    CHECK(o.release(o.b) == 2);
    CHECK(trace::is(3, 2));
    CHECK(o.listed() == 3);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(1));
}

FREESTANDING_TEST(ReleaseTakesAStillOpenInnerGroupAlong) // G6: its opening marker inside is enough
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.a);
    o.add(3);
    CHECK(o.release(o.a) == 2);
    CHECK(trace::is(2, 1));
    CHECK(o.listed() == 1);
    o.close(o.b);
    CHECK(o.has_warned("close_group"));
    CHECK(o.ends_with_nothing_but(3));
}

FREESTANDING_TEST(ReleaseOfAnOpenGroupKeepsAGroupThatBeganBefore) // G5
{
    grouped o;
    o.open(o.a);
    o.add(1);
    o.open(o.b);
    o.add(2);
    o.close(o.a);
    o.add(3);
    CHECK(o.release(o.b) == 2);
    CHECK(trace::is(3, 2));
    CHECK(o.listed() == 3);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(1));
}

void use_groups(devres_head* head, void* id)
{
    owner* o = container_of<&owner::devres>(head);
    id = *static_cast<void**>(id);
    o->add(1); // late: stays for the next pass
    CHECK(devres_destroy(head, &freestanding::item::release_other) == 0);
    CHECK(devres_release_group(head, id) == 0); // this group is gone already
    void* fresh = devres_open_group(head, id);
    o->add(2);
    CHECK(devres_release_group(head, fresh) == 1);
}

FREESTANDING_TEST(CallbacksOfAGroupMayUseTheHead) // G5, C2, C11
{
    grouped o;
    o.add(9, &freestanding::item::release_other);
    o.open(o.a);
    auto* res = static_cast<void**>(devres_alloc(&use_groups, sizeof(void*)));
    *res = o.a;
    devres_add(&o.devres, res);
    o.close(o.a);
    CHECK(o.release(o.a) == 1);
    CHECK(o.has_warned("release_group"));
    CHECK(trace::is(2));
    CHECK(o.ends_with_nothing_but(1));
}

FREESTANDING_TEST(RemovedResourcesAreNotReleasedWithTheGroup) // G5
{
    grouped o;
    o.open(o.a);
    o.add(1, &freestanding::item::release_other);
    o.add(2);
    void* last = o.add(3);
    o.close(o.a);
    CHECK(devres_remove(&o.devres, &freestanding::item::release) == last);
    CHECK(devres_destroy(&o.devres, &freestanding::item::release_other) == 0);
    devres_free(last);
    CHECK(o.release(o.a) == 1);
    CHECK(trace::is(2));
    CHECK(o.listed() == 0);
}

FREESTANDING_TEST(AScopeRollsBackUnlessCommitted) // A10
{
    grouped o;
    o.add(1);
    {
        const devres_group_scope scope(&o.devres);
        CHECK(bool(scope));
        o.add(2);
        o.add(3);
    }
    CHECK(trace::is(3, 2));
    {
        devres_group_scope scope(&o.devres);
        o.add(4);
        scope.commit();
        scope.commit();
    }
    CHECK(o.listed() == 2);
    CHECK(o.ends_with_nothing_but(4, 1));
}

} // namespace
