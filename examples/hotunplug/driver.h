// SPDX-License-Identifier: MIT
//
// What the world sees of the driver in driver.cpp.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <string>
#include <utility>

#include <devres/device.h>
#include <devres/drm_device.h>

#include "timeline.h"

namespace hotunplug {

// A device at the end of a line: what a bus makes when something is plugged in.
struct line_device : devres::device {
    line_device(const char* name, std::string path, void (*release)(device*),
                std::pmr::memory_resource* memory)
        : device(name, nullptr, release, memory), line(std::move(path))
    {
    }
    const std::string line;
};

// Binds to a line_device.
extern const devres::device_driver scope_driver;

// The drm_device of a bound device; no reference is taken.
devres::drm_device* scope_drm_device(devres::device* dev);

// What clients may ask for; the argument is in the comment.
enum scope_ioctl : unsigned {
    scope_ioctl_memory,  // none; returns the memory's file descriptor
    scope_ioctl_measure, // none; returns the number of blocks there are then
    scope_ioctl_waiting, // none; returns the bytes that wait on the line
    scope_ioctl_wait,    // const uint32_t*: sleep until there are so many blocks; returns how many there are
};

// Probe has so many steps, and announces each to the demo before it takes it.
inline constexpr int scope_probe_steps = 8;

// Returns: 0, or -EIO if the user wants this one to fail.
int step(resource what, const char* text);
// From now on the n-th step fails; 0: none.
void fail_step(int n);

} // namespace hotunplug
