// SPDX-License-Identifier: MIT
//
// The mode objects of one display and their properties: names, kinds and allowed values, as clients are
// told.
#pragma once

#include <cstdint>
#include <span>

namespace vgpu {

// One display pipeline. Names of framebuffers and blobs begin at first_free_id.
inline constexpr std::uint32_t crtc_id = 40;
inline constexpr std::uint32_t encoder_id = 41;
inline constexpr std::uint32_t connector_id = 42;
inline constexpr std::uint32_t primary_id = 43;
inline constexpr std::uint32_t overlay_id = 44;
inline constexpr std::uint32_t cursor_id = 45;
inline constexpr std::uint32_t first_free_id = 64;
inline constexpr std::uint32_t plane_ids[] = {primary_id, overlay_id, cursor_id};

enum property_id : std::uint32_t {
    prop_edid = 1,
    prop_dpms,
    prop_link_status,
    prop_non_desktop,
    prop_active,
    prop_mode_id,
    prop_type,
    prop_in_formats,
    prop_fb_id,
    prop_crtc_id,
    prop_crtc_x,
    prop_crtc_y,
    prop_crtc_w,
    prop_crtc_h,
    prop_src_x,
    prop_src_y,
    prop_src_w,
    prop_src_h,
};

struct property {
    property_id id;
    const char* name;
    std::uint32_t flags;     // DRM_MODE_PROP_*
    std::uint64_t values[4]; // bounds of a range, kind of an object, values of an enum
    std::uint32_t value_count;
    const char* value_names[4]; // of an enum
};

// Null: there is none of that name.
const property* find_property(std::uint32_t id);
// The properties of a mode object, none if it has none.
std::span<const property_id> properties_of(std::uint32_t object);
// Is the value in the property's range, or one of its enum?
bool is_allowed(const property& p, std::uint64_t value);

std::uint32_t object_type(std::uint32_t object); // DRM_MODE_OBJECT_*, 0 if it is no fixed object
// -1: no plane.
int plane_index(std::uint32_t object);

} // namespace vgpu
