// SPDX-License-Identifier: MIT
//
// The monitor: its modes, what its EDID says, and which pixel formats the planes take.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <drm.h>

namespace vgpu {

// The first is the preferred one.
std::span<const drm_mode_modeinfo> monitor_modes();
// Could the pipeline show it?
bool is_possible(const drm_mode_modeinfo& mode);
std::int64_t period_ns(const drm_mode_modeinfo& mode);

std::vector<std::uint8_t> make_edid();

std::span<const std::uint32_t> formats();
bool is_format(std::uint32_t format);
std::uint32_t bytes_per_pixel(std::uint32_t format);
// 0: no format for that.
std::uint32_t legacy_format(std::uint32_t bits, std::uint32_t depth);
// The other way round.
struct legacy_pixels {
    std::uint32_t bits, depth;
};
legacy_pixels legacy_of(std::uint32_t format);
// What the property IN_FORMATS says: each of them, linear.
std::vector<std::uint8_t> make_format_list();

inline constexpr std::uint32_t max_size = 8192; // of a framebuffer, each way
inline constexpr std::uint32_t cursor_size = 64;

} // namespace vgpu
