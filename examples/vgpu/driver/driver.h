// SPDX-License-Identifier: MIT
//
// What the world sees of the driver in driver.cpp.
#pragma once

#include <memory_resource>
#include <optional>

#include <devres/device.h>
#include <devres/drm_device.h>

#include "lifetime.h"
#include "scanout.h"

namespace vgpu {

class card_server;

// A device as the bus makes it when a display is plugged in.
struct display_device : devres::device {
    display_device(const char* name, int card_number, card_server& nodes, devres::device* hub,
                   std::pmr::memory_resource* memory);

    const int card;
    card_server& server;                      // where its node appears
    std::pmr::memory_resource* devres_memory; // of what is managed
    int failing_step = 0;                     // of probe; 0: none
    image last_frame;                         // what was on the screen when the plug was pulled
    lifetime lived;
};

// Binds to a display_device.
extern const devres::device_driver vgpu_driver;
inline constexpr int probe_steps = 8;

// What is on the screen now. Empty: nothing, or no hardware.
image snapshot(devres::device* dev);
bool is_lit(devres::device* dev);

} // namespace vgpu
