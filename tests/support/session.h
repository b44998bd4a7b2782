// SPDX-License-Identifier: MIT
//
// A third owner, which knows nothing of devices: what a user writes to get the whole family.
#pragma once

#include <memory_resource>

#include <devres/managed.h>

namespace devres::test {

struct session {
    explicit session(std::pmr::memory_resource* upstream = nullptr) : devres(&ops, upstream) {}
    ~session() { devres_drain(&devres); }

    static const char* name(devres_head*) { return "session-7"; }
    static constexpr devres_owner_ops ops{"session", &name};

    devres_head devres;
};

} // namespace devres::test
