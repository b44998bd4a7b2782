// SPDX-License-Identifier: MIT
//
// One run: displays are plugged in, clients start, the plug is pulled, and everybody is watched.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace vgpu {

struct plan {
    std::optional<double> unplug_after_s; // with unplug_at: how long to wait for that call
    double grace_s = 3;                   // how long a client has to come to terms with it
    bool unplug_on_key = false;
    std::string unplug_at; // the name of an ioctl: the plug goes before it is answered
    int unplug_at_count = 1;
    int cards = 1;
    bool replug = false;
    bool show = false;
    bool fuse = false;  // the way in that takes root, in place of what is preloaded
    bool quiet = false; // what clients write is not shown
    std::string png;
    std::string svg;
    std::string shim; // what is preloaded
    std::vector<std::vector<std::string>> commands;
};

// Prints what happened. Returns the status to exit with: 0; 1 if a client hung, died or did not run, or the
// call at which to unplug was not made while clients ran; 3 if something is left over; 4 if the system does
// not offer the way in that is asked for.
int run_session(const plan& p);

} // namespace vgpu
