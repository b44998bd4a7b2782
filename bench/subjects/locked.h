// SPDX-License-Identifier: MIT
//
// A subject that is not thread safe, as its user would share it: behind a mutex. Callbacks run under that
// mutex, for its own code cannot leave it.
#pragma once

#include "subjects/cell.h"

#include <mutex>

namespace bench {

template <class Subject>
struct locked {
    std::mutex mutex;
    Subject subject;

    void attach(cell* c)
    {
        std::lock_guard lock(mutex);
        subject.attach(c);
    }
    void release_all()
    {
        std::lock_guard lock(mutex);
        subject.release_all();
    }
    void end() { subject.end(); }
};

} // namespace bench
