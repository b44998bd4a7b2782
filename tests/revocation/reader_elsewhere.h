// SPDX-License-Identifier: MIT
//
// Another thread that is inside something until it is told to leave.
#pragma once

#include <thread>

#include "support/threads.h"

namespace devres::test {

class reader_elsewhere {
public:
    // `enter` gives whatever is to live while the reader is inside.
    template <class Enter>
    explicit reader_elsewhere(Enter enter)
        : thread_([this, enter] {
              auto guard = enter();
              inside_.open();
              leave_.pass();
          })
    {
        inside_.pass();
    }
    ~reader_elsewhere()
    {
        if (thread_.joinable())
            leave();
    }
    reader_elsewhere(const reader_elsewhere&) = delete;
    reader_elsewhere& operator=(const reader_elsewhere&) = delete;

    void leave()
    {
        leave_.open();
        thread_.join();
    }

private:
    doorway inside_;
    doorway leave_;
    std::thread thread_;
};

} // namespace devres::test
