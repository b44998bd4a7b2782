// SPDX-License-Identifier: MIT
//
// What there is, and what it is doing.
#include "ioctl.h"

#include <cerrno>
#include <iterator>

#include <drm.h>

#include "monitor.h"

namespace vgpu {
namespace {

// What the screen shows. `*gone`: there is no screen any more.
display_state look(call& c, bool* gone)
{
    const auto display = c.g.display.try_access();
    *gone = !display;
    return display ? display->now() : display_state();
}

} // namespace

long get_resources(call& c, drm_mode_card_res& r)
{
    std::vector<std::uint32_t> fbs;
    {
        const std::lock_guard held(c.g.lock);
        for (const auto& [id, fb] : c.file.framebuffers)
            fbs.push_back(id);
    }
    r.min_width = r.min_height = 1;
    r.max_width = r.max_height = max_size;
    if (const long err = c.write_list<std::uint32_t>(r.fb_id_ptr, &r.count_fbs, fbs))
        return err;
    if (const long err = c.write_list<std::uint32_t>(r.crtc_id_ptr, &r.count_crtcs, {crtc_id}))
        return err;
    if (const long err = c.write_list<std::uint32_t>(r.encoder_id_ptr, &r.count_encoders, {encoder_id}))
        return err;
    return c.write_list<std::uint32_t>(r.connector_id_ptr, &r.count_connectors, {connector_id});
}

long get_plane_resources(call& c, drm_mode_get_plane_res& r)
{
    std::vector<std::uint32_t> ids{overlay_id};
    {
        const std::lock_guard held(c.g.lock);
        if (c.file.universal_planes)
            ids.assign(std::begin(plane_ids), std::end(plane_ids));
    }
    return c.write_list(r.plane_id_ptr, &r.count_planes, ids);
}

long get_crtc(call& c, drm_mode_crtc& r)
{
    if (r.crtc_id != crtc_id)
        return -ENOENT;
    const std::lock_guard held(c.g.lock);
    bool gone = false;
    const display_state now = look(c, &gone);
    const plane_state& primary = now.planes[0];
    r.gamma_size = 256;
    r.fb_id = primary.fb ? primary.fb->id : 0;
    r.x = primary.src_x >> 16;
    r.y = primary.src_y >> 16;
    r.mode_valid = static_cast<bool>(now.mode);
    r.mode = now.mode_info();
    return gone ? -ENODEV : 0;
}

long get_encoder(call& c, drm_mode_get_encoder& r)
{
    if (r.encoder_id != encoder_id)
        return -ENOENT;
    const std::lock_guard held(c.g.lock);
    bool gone = false;
    r.crtc_id = look(c, &gone).connected_to_crtc ? crtc_id : 0;
    r.encoder_type = DRM_MODE_ENCODER_VIRTUAL;
    r.possible_crtcs = 1;
    r.possible_clones = 0;
    return gone ? -ENODEV : 0;
}

long get_connector(call& c, drm_mode_get_connector& r)
{
    if (r.connector_id != connector_id)
        return -ENOENT;
    property_list properties;
    {
        const std::lock_guard held(c.g.lock);
        bool gone = false;
        const display_state now = look(c, &gone);
        if (gone)
            return -ENODEV;
        properties = list_properties(c, now, connector_id);
        r.encoder_id = now.connected_to_crtc ? encoder_id : 0;
    }
    r.connector_type = DRM_MODE_CONNECTOR_VIRTUAL;
    r.connector_type_id = 1;
    r.connection = 1; // connected
    r.mm_width = 320;
    r.mm_height = 240;
    r.subpixel = 1; // unknown
    const auto modes = monitor_modes();
    std::uint32_t room = r.count_props;
    if (const long err = c.write_whole(r.props_ptr, &room, properties.ids))
        return err;
    if (const long err = c.write_whole(r.prop_values_ptr, &r.count_props, properties.values))
        return err;
    if (const long err =
            c.write_whole<drm_mode_modeinfo>(r.modes_ptr, &r.count_modes, {modes.begin(), modes.end()}))
        return err;
    return c.write_whole<std::uint32_t>(r.encoders_ptr, &r.count_encoders, {encoder_id});
}

long get_plane(call& c, drm_mode_get_plane& r)
{
    const int index = plane_index(r.plane_id);
    if (index < 0)
        return -ENOENT;
    {
        const std::lock_guard held(c.g.lock);
        bool gone = false;
        const display_state now = look(c, &gone);
        if (gone)
            return -ENODEV;
        const plane_state& p = now.planes[index];
        r.crtc_id = p.on_crtc ? crtc_id : 0;
        r.fb_id = p.fb ? p.fb->id : 0;
    }
    r.possible_crtcs = 1;
    r.gamma_size = 0;
    const auto all = formats();
    return c.write_whole<std::uint32_t>(r.format_type_ptr, &r.count_format_types, {all.begin(), all.end()});
}

long get_gamma(call& c, drm_mode_crtc_lut& lut)
{
    if (lut.crtc_id != crtc_id)
        return -ENOENT;
    if (lut.gamma_size != 256)
        return -EINVAL;
    mode_config& modes = *c.g.modes;
    std::vector<std::uint16_t> colours[3];
    {
        const std::lock_guard held(c.g.lock);
        for (int i = 0; i < 3; ++i)
            colours[i].assign(std::begin(modes.gamma[i]), std::end(modes.gamma[i]));
    }
    const std::uint64_t to[] = {lut.red, lut.green, lut.blue};
    for (int i = 0; i < 3; ++i)
        if (const long err = c.user.write(to[i], colours[i].data(), colours[i].size() * 2))
            return err;
    return 0;
}

} // namespace vgpu
