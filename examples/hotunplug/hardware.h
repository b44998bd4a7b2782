// SPDX-License-Identifier: MIT
//
// The hardware: a process of its own at the other end of a pseudo-terminal. It measures when it is told to,
// until somebody pulls its plug.
#pragma once

#include <string>

#include <sys/types.h>

#include "process.h"

namespace hotunplug {

// The hand on the hardware.
class hardware {
public:
    // Starts the process. Call before threads are started.
    hardware();

    // Where a driver finds the line.
    const std::string& line() const { return line_; }

    // It goes on listening to its line, but answers no more. Returns: false if it has ended.
    bool hold();
    // Waits until it was asked so often since hold().
    bool await_unanswered(int count);
    // Pulls the plug: the other end of the line is closed and the process ends.
    bool pull();
    // Waits until the driver has closed the line. Returns: how often it was told to stop, -1 if it has ended.
    int stops_after_close();

    // Returns: true iff it ended well.
    bool join();

private:
    pid_t pid_ = -1;
    unique_fd control_;
    std::string line_;
};

} // namespace hotunplug
