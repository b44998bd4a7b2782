// SPDX-License-Identifier: MIT
//
// When each resource of the driver began and ended, for the picture. A resource has one of these as a
// member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace vgpu {

// Whose it is: the device's (devm, gone at unbind) or the drm_device's (drmm, gone at the last close).
enum class owned_by { device, drm_device };

class lifetime {
public:
    lifetime(owned_by owner, const char* what, int card);
    ~lifetime();
    lifetime(const lifetime&) = delete;
    lifetime& operator=(const lifetime&) = delete;

private:
    std::size_t place_;
};

struct lifetime_record {
    owned_by owner;
    const char* what;
    int card;
    std::int64_t begin_ns;
    std::int64_t end_ns; // -1: lives
};
std::vector<lifetime_record> lifetimes();

// Of CLOCK_MONOTONIC, which is also the clock of the display.
std::int64_t now_ns();

} // namespace vgpu
