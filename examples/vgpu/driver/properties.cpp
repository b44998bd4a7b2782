// SPDX-License-Identifier: MIT
#include "properties.h"

#include <algorithm>
#include <climits>
#include <iterator>

#include <drm.h>

namespace vgpu {
namespace {

constexpr std::uint64_t whole = 0xffffffff;
constexpr std::uint64_t lowest = 0xffffffff80000000; // of a signed range
constexpr std::uint32_t atomic = DRM_MODE_PROP_ATOMIC;
constexpr std::uint32_t fixed = DRM_MODE_PROP_IMMUTABLE;

constexpr property all[] = {
    {prop_edid, "EDID", DRM_MODE_PROP_BLOB | fixed, {}, 0, {}},
    {prop_dpms, "DPMS", DRM_MODE_PROP_ENUM, {0, 1, 2, 3}, 4, {"On", "Standby", "Suspend", "Off"}},
    {prop_link_status, "link-status", DRM_MODE_PROP_ENUM, {0, 1}, 2, {"Good", "Bad"}},
    {prop_non_desktop, "non-desktop", DRM_MODE_PROP_RANGE | fixed, {0, 1}, 2, {}},
    {prop_active, "ACTIVE", DRM_MODE_PROP_RANGE | atomic, {0, 1}, 2, {}},
    {prop_mode_id, "MODE_ID", DRM_MODE_PROP_BLOB | atomic, {}, 0, {}},
    {prop_type, "type", DRM_MODE_PROP_ENUM | fixed, {0, 1, 2}, 3, {"Overlay", "Primary", "Cursor"}},
    {prop_in_formats, "IN_FORMATS", DRM_MODE_PROP_BLOB | fixed, {}, 0, {}},
    {prop_fb_id, "FB_ID", DRM_MODE_PROP_OBJECT | atomic, {DRM_MODE_OBJECT_FB}, 1, {}},
    {prop_crtc_id, "CRTC_ID", DRM_MODE_PROP_OBJECT | atomic, {DRM_MODE_OBJECT_CRTC}, 1, {}},
    {prop_crtc_x, "CRTC_X", DRM_MODE_PROP_SIGNED_RANGE | atomic, {lowest, INT_MAX}, 2, {}},
    {prop_crtc_y, "CRTC_Y", DRM_MODE_PROP_SIGNED_RANGE | atomic, {lowest, INT_MAX}, 2, {}},
    {prop_crtc_w, "CRTC_W", DRM_MODE_PROP_RANGE | atomic, {0, INT_MAX}, 2, {}},
    {prop_crtc_h, "CRTC_H", DRM_MODE_PROP_RANGE | atomic, {0, INT_MAX}, 2, {}},
    {prop_src_x, "SRC_X", DRM_MODE_PROP_RANGE | atomic, {0, whole}, 2, {}},
    {prop_src_y, "SRC_Y", DRM_MODE_PROP_RANGE | atomic, {0, whole}, 2, {}},
    {prop_src_w, "SRC_W", DRM_MODE_PROP_RANGE | atomic, {0, whole}, 2, {}},
    {prop_src_h, "SRC_H", DRM_MODE_PROP_RANGE | atomic, {0, whole}, 2, {}},
};

constexpr property_id of_connector[] = {prop_edid, prop_dpms, prop_link_status, prop_non_desktop,
                                        prop_crtc_id};
constexpr property_id of_crtc[] = {prop_active, prop_mode_id};
constexpr property_id of_plane[] = {prop_type,   prop_fb_id,  prop_in_formats, prop_crtc_id,
                                    prop_crtc_x, prop_crtc_y, prop_crtc_w,     prop_crtc_h,
                                    prop_src_x,  prop_src_y,  prop_src_w,      prop_src_h};

} // namespace

const property* find_property(std::uint32_t id)
{
    const property* found = std::ranges::find(all, id, &property::id);
    return found == std::end(all) ? nullptr : found;
}

std::span<const property_id> properties_of(std::uint32_t object)
{
    switch (object_type(object)) {
    case DRM_MODE_OBJECT_CONNECTOR:
        return of_connector;
    case DRM_MODE_OBJECT_CRTC:
        return of_crtc;
    case DRM_MODE_OBJECT_PLANE:
        return of_plane;
    default:
        return {};
    }
}

bool is_allowed(const property& p, std::uint64_t value)
{
    const std::uint32_t kind = p.flags & (DRM_MODE_PROP_LEGACY_TYPE | DRM_MODE_PROP_EXTENDED_TYPE);
    if (kind == DRM_MODE_PROP_RANGE)
        return value >= p.values[0] && value <= p.values[1];
    if (kind == DRM_MODE_PROP_SIGNED_RANGE) {
        // The bounds fit into 32 bits; a client that says less than 64 bits means the same.
        const auto number = static_cast<std::int64_t>(value);
        return number >= INT_MIN && number <= INT_MAX;
    }
    if (kind == DRM_MODE_PROP_ENUM)
        return std::find(p.values, p.values + p.value_count, value) != p.values + p.value_count;
    return value <= whole; // the name of an object or a blob, which is looked up by who knows them
}

std::uint32_t object_type(std::uint32_t object)
{
    switch (object) {
    case crtc_id:
        return DRM_MODE_OBJECT_CRTC;
    case encoder_id:
        return DRM_MODE_OBJECT_ENCODER;
    case connector_id:
        return DRM_MODE_OBJECT_CONNECTOR;
    default:
        return plane_index(object) >= 0 ? DRM_MODE_OBJECT_PLANE : 0;
    }
}

int plane_index(std::uint32_t object)
{
    const auto* found = std::ranges::find(plane_ids, object);
    return found == std::end(plane_ids) ? -1 : static_cast<int>(found - std::begin(plane_ids));
}

} // namespace vgpu
