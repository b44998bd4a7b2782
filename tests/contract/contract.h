// SPDX-License-Identifier: MIT
//
// The fixture of the suite that runs on every owner: device, drm_device, and a class of a user's own.
//
// Each test starts with a fresh owner whose memory comes from a counting upstream. At the end of each test
// the list is walked, the owner's last reference is dropped, the memory must be back, and no WARN may be
// left over.
#pragma once

#include <deque>
#include <string>
#include <type_traits>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/event_log.h"
#include "support/families.h"
#include "support/head_checker.h"
#include "support/upstream.h"
#include "support/warn_capture.h"

namespace devres::test {

using families = ::testing::Types<device_family, drm_family, session_family>;

struct family_names {
    template <class Family>
    static std::string GetName(int)
    {
        return Family::kind;
    }
};

template <class Family>
class contract : public ::testing::Test {
public:
    using owner_type = typename Family::owner;

    ~contract() override
    {
        if (owner) {
            checked_count(owner->devres);
            Family::end(owner);
        }
    }

    // Drops the last reference. Returns: what was recorded meanwhile.
    events end()
    {
        Family::end(std::exchange(owner, nullptr));
        return log.take();
    }

    step* make(std::string name) { return &steps.emplace_back(step{&log, std::move(name)}); }

    // Attaches an action that records `name`.
    step* add(std::string name)
    {
        step* s = make(std::move(name));
        EXPECT_EQ(0, Family::add_action(owner, &record, s));
        return s;
    }

    devres_head* head() { return &owner->devres; }
    std::size_t listed() { return checked_count(owner->devres); }

    test_upstream upstream;
    warn_capture warnings;
    event_log log;
    std::deque<step> steps;
    owner_type* owner = Family::make(&upstream);
};

} // namespace devres::test
