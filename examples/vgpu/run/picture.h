// SPDX-License-Identifier: MIT
//
// The picture of a run: what belonged to the hardware and what to the clients, when each began and ended,
// what each client called, and the last frame.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

#include "../driver/scanout.h"
#include "verdict.h"

namespace vgpu {

struct picture_data {
    std::int64_t unplug_ns = 0;
    image frame;
    std::vector<verdict> verdicts;
    std::vector<pid_t> groups; // of the clients, as in verdicts
};

// An SVG. False if it could not be written.
bool write_picture(const std::string& path, const picture_data& data);

} // namespace vgpu
