// SPDX-License-Identifier: MIT
//
// What this process has of the system and of the library, to be compared before and after.
#pragma once

#include <cstddef>
#include <memory_resource>
#include <string>

namespace vgpu {

// Malloc that counts. Device and drm_device take their managed memory from it.
std::pmr::memory_resource& counted_memory();

struct usage {
    std::size_t open_files;
    std::size_t threads;
    std::size_t buffer_mappings;
    std::size_t managed_bytes;
    std::size_t library_warnings;
    friend bool operator==(const usage&, const usage&) = default;
};
usage usage_now();
// The same, for a process that has started no thread yet: a sanitizer starts one of its own with the first.
usage usage_at_start();
// The same, when threads that have ended have also left the system's list; gives up after a minute.
usage usage_like(const usage& before);

std::string describe(const usage& used);

} // namespace vgpu
