// SPDX-License-Identifier: MIT
//
// Walks the list of a head in both directions.
#pragma once

#include <cstddef>
#include <cstdlib>

#include <devres/devres.h>

#include "list/list.h"

namespace devres::test {

// Returns: how many resources and group markers are listed; aborts if the two directions disagree, or if what
// is on the list is not marked so.
inline std::size_t checked_count(const devres_head& head)
{
    using namespace detail;
    auto* h = const_cast<devres_head*>(&head); // SAFETY: only the lock is changed
    const guard held(h, "checked_count");
    std::size_t n = 0;
    const resource* older = nullptr;
    for (const resource* res = list_of(h).oldest_locked(); res; res = list_of(h).newer_locked(res), ++n) {
        const life_state life = resource_state::of(res).life();
        const bool marked = life == life_state::listed || life == life_state::constructing;
        if (list_of(h).older_locked(res) != older || !marked || !list_of(h).holds_locked(res))
            std::abort();
        older = res;
    }
    if (list_of(h).newest_locked() != older)
        std::abort();
    return n;
}

} // namespace devres::test
