// SPDX-License-Identifier: MIT
//
// A client: a process that holds the device open, has its memory mapped, and is inside a call when the plug
// is pulled.
#pragma once

#include <sys/types.h>

#include "process.h"

namespace hotunplug {

// What it does in that moment.
enum class habit {
    waits,    // sleeps in a call that the hardware is not needed for
    measures, // is inside the hardware's section and waits for an answer
    polls,    // calls and calls
};
inline constexpr int habit_count = 3;

// A client's process, seen from the daemon.
class client {
public:
    // Starts the process. Call before threads are started.
    explicit client(int number);

    int number() const { return number_; }
    habit does() const { return static_cast<habit>((number_ - 1) % habit_count); }

    // Where its calls come from.
    int requests() const { return requests_.get(); }
    // What it is told, and tells.
    int control() const { return control_.get(); }

    // Returns: true iff everything was as the client expected.
    bool join();

private:
    int number_;
    pid_t pid_;
    unique_fd requests_;
    unique_fd control_;
};

} // namespace hotunplug
