// SPDX-License-Identifier: MIT
//
// The two demonstrations. Each runs to its end, checks what happened, and returns whether it was all as it
// should be.
#pragma once

#include <memory_resource>

#include "checks.h"
#include "driver.h"

namespace hotunplug {

// The plug is pulled while `clients` processes use the device.
void run_unplug(int clients, checks& all);
inline constexpr int max_clients = 8;

// The n-th step of probe fails: 1 to scope_probe_steps.
void run_fail_probe(int n, checks& all);

// A registered device for the driver, with one reference; null if that failed. Its end is on the timeline.
line_device* plug_in(const std::string& line);

} // namespace hotunplug
