// SPDX-License-Identifier: MIT
//
// What happened, in order; and the action that writes it down.
//
// Thread safety: any thread.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace devres::test {

using events = std::vector<std::string>;

class event_log {
public:
    void add(std::string event)
    {
        const std::lock_guard held(lock_);
        events_.push_back(std::move(event));
    }

    // Everything since the last take, oldest first.
    events take()
    {
        const std::lock_guard held(lock_);
        return std::exchange(events_, {});
    }

private:
    std::mutex lock_;
    events events_;
};

// The data of an action that leaves a trace.
struct step {
    event_log* log;
    std::string name;
};

inline void record(step* s)
{
    s->log->add(s->name);
}

} // namespace devres::test
