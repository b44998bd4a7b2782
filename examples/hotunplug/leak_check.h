// SPDX-License-Identifier: MIT
//
// What this process has of the system and of the library, to be compared before and after.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string>

#include "checks.h"

namespace hotunplug {

// Malloc that counts. Device and drm_device take their managed memory from it.
std::pmr::memory_resource& counted_memory();

struct usage {
    std::size_t open_files;
    std::size_t threads;
    std::size_t shared_mappings; // of the driver's memfd
    std::size_t blocks;          // of counted_memory
    std::size_t bytes;
};

// Starts counting the library's log events as well. Call once, first.
void leak_check_start();
usage usage_now();

// Returns: in words.
std::string describe(const usage& used);

// Checks that everything is as before, and that every resource that was attached has been released.
void check_leaks(checks& all, const usage& before);

} // namespace hotunplug
