// SPDX-License-Identifier: MIT
#include "access/ours.h"

#include "readers/measure.h"

namespace bench {

namespace {

using guard = devres::revocable<payload>::guard;

void in_order(revocable_access& subject)
{
    const guard first = subject.object.try_access();
    const guard second = subject.object.try_access();
    require(first && second);
}

void out_of_order(revocable_access& subject)
{
    guard first = subject.object.try_access();
    const guard second = subject.object.try_access();
    require(first && second);
    first = guard();
}

void detached(revocable_access& subject)
{
    for (int i = 0; i < 2; ++i) {
        const guard moved = subject.object.try_access().detach();
        require(static_cast<bool>(moved));
    }
}

template <void (*enter_and_leave)(revocable_access&)>
readers_result guards(std::size_t threads)
{
    return guards_among<revocable_access>(threads, enter_and_leave);
}

template <class Subject>
bool add_revoke()
{
    return add_readers_case(Subject::name, "RevokeAmong", revoke_among<Subject>);
}

const bool registered =
    (add_revoke<revocable_access>(), add_revoke<devres_ptr_access>(), add_revoke<unbind_access>(),
     add_revoke<drm_enter_access>(), add_readers_case("revocable", "GuardsInOrder", guards<in_order>),
     add_readers_case("revocable", "GuardsOutOfOrder", guards<out_of_order>),
     add_readers_case("revocable", "GuardsDetached", guards<detached>),
     add_readers_case("revocable", "FirstGuard", first_guard<revocable_access>));

} // namespace

} // namespace bench
