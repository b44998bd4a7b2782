// SPDX-License-Identifier: MIT
//
// A revoke that waits for a reader until this ends.
#pragma once

#include <thread>

#include <gtest/gtest.h>

#include <devres/revocable.h>

#include "revocation/tracked.h"
#include "support/threads.h"

namespace devres::test {

// Another revoke of `object` waits for it as well, but not from where the library releases something.
class revoke_under_way {
public:
    revoke_under_way() : object(&tracked_objects)
    {
        inside_.pass();
        winner_ = std::thread([this] { EXPECT_TRUE(object.revoke()); });
        while (!object.is_revoked())
            std::this_thread::yield();
    }
    ~revoke_under_way()
    {
        leave_.open();
        winner_.join();
        reader_.join();
        EXPECT_EQ(1, tracked_objects.destroyed);
    }
    revoke_under_way(const revoke_under_way&) = delete;
    revoke_under_way& operator=(const revoke_under_way&) = delete;

    tracking tracked_objects;
    revocable<tracked> object;

private:
    doorway inside_;
    doorway leave_;
    std::thread reader_{[this] {
        auto guard = object.try_access();
        inside_.open();
        leave_.pass();
        guard->check();
    }};
    std::thread winner_;
};

} // namespace devres::test
