// SPDX-License-Identifier: MIT
//
// Properties, one at a time and many at once (ATOMIC), and blobs.
#include "ioctl.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <drm.h>

#include "monitor.h"
#include "properties.h"

namespace vgpu {
namespace {

std::uint64_t value_of(const gpu& g, const display_state& now, std::uint32_t object, property_id which)
{
    const int plane = plane_index(object);
    const plane_state& p = now.planes[plane < 0 ? 0 : plane];
    switch (which) {
    case prop_edid:
        return g.modes->edid->id;
    case prop_in_formats:
        return g.modes->format_list->id;
    case prop_dpms:
        return now.dpms;
    case prop_link_status:
        return now.link_status;
    case prop_non_desktop:
        return 0;
    case prop_active:
        return now.active;
    case prop_mode_id:
        return now.mode ? now.mode->id : 0;
    case prop_type:
        return object == primary_id ? 1 : object == overlay_id ? 0 : 2; // as the enum says
    case prop_fb_id:
        return p.fb ? p.fb->id : 0;
    case prop_crtc_id:
        return (plane < 0 ? now.connected_to_crtc : p.on_crtc) ? crtc_id : 0;
    case prop_crtc_x:
        return static_cast<std::uint64_t>(std::int64_t{p.x});
    case prop_crtc_y:
        return static_cast<std::uint64_t>(std::int64_t{p.y});
    case prop_crtc_w:
        return p.w;
    case prop_crtc_h:
        return p.h;
    case prop_src_x:
        return p.src_x;
    case prop_src_y:
        return p.src_y;
    case prop_src_w:
        return p.src_w;
    case prop_src_h:
        return p.src_h;
    }
    return 0;
}

int set_mode(gpu& g, display_state* next, std::uint64_t id)
{
    blob* mode = id ? find_blob(g, static_cast<std::uint32_t>(id)) : nullptr;
    if (id && (!mode || mode->bytes.size() != sizeof(drm_mode_modeinfo)))
        return -EINVAL;
    drm_mode_modeinfo info{};
    if (mode) {
        std::memcpy(&info, mode->bytes.data(), sizeof info);
        if (!is_possible(info))
            return -EINVAL;
    }
    next->mode = ref<blob>(mode);
    return 0;
}

// Returns: 0; -ENOENT if the object has no such property; -EINVAL: not that value.
int set_value(gpu& g, display_state* next, std::uint32_t object, std::uint32_t id, std::uint64_t value)
{
    const auto has = properties_of(object);
    const property* p = find_property(id);
    if (!p || std::find(has.begin(), has.end(), p->id) == has.end())
        return -ENOENT;
    if ((p->flags & DRM_MODE_PROP_IMMUTABLE) || !is_allowed(*p, value))
        return -EINVAL;
    const int index = plane_index(object);
    plane_state& plane = next->planes[index < 0 ? 0 : index];
    const auto number = static_cast<std::uint32_t>(value);
    switch (p->id) {
    case prop_dpms:
        next->dpms = value;
        next->active = next->mode && value == DRM_MODE_DPMS_ON;
        return 0;
    case prop_link_status:
        next->link_status = value;
        return 0;
    case prop_active:
        next->active = value != 0;
        return 0;
    case prop_mode_id:
        return set_mode(g, next, value);
    case prop_fb_id: {
        framebuffer* fb = value ? find_framebuffer(g, number) : nullptr;
        if (value && !fb)
            return -EINVAL;
        plane.fb = ref<framebuffer>(fb);
        return 0;
    }
    case prop_crtc_id:
        if (value != 0 && value != crtc_id)
            return -EINVAL;
        (index < 0 ? next->connected_to_crtc : plane.on_crtc) = value != 0;
        return 0;
    case prop_crtc_x:
        plane.x = static_cast<std::int32_t>(number);
        return 0;
    case prop_crtc_y:
        plane.y = static_cast<std::int32_t>(number);
        return 0;
    case prop_crtc_w:
        plane.w = number;
        return 0;
    case prop_crtc_h:
        plane.h = number;
        return 0;
    case prop_src_x:
        plane.src_x = number;
        return 0;
    case prop_src_y:
        plane.src_y = number;
        return 0;
    case prop_src_w:
        plane.src_w = number;
        return 0;
    case prop_src_h:
        plane.src_h = number;
        return 0;
    default:
        return -EINVAL;
    }
}

bool exists(const gpu& g, std::uint32_t object)
{
    return object_type(object) != 0 || g.modes->framebuffers.contains(object) ||
           g.modes->blobs.contains(object);
}

} // namespace

property_list list_properties(const call& c, const display_state& now, std::uint32_t object)
{
    property_list list;
    for (const property_id id : properties_of(object)) {
        if ((find_property(id)->flags & DRM_MODE_PROP_ATOMIC) && !c.file.atomic)
            continue;
        list.ids.push_back(id);
        list.values.push_back(value_of(c.g, now, object, id));
    }
    return list;
}

long get_properties(call& c, drm_mode_obj_get_properties& r)
{
    property_list list;
    {
        const auto display = c.g.display.try_access();
        if (!display)
            return -ENODEV;
        const std::lock_guard held(c.g.lock);
        const std::uint32_t type = object_type(r.obj_id);
        if (!type || (r.obj_type != DRM_MODE_OBJECT_ANY && r.obj_type != type))
            return -ENOENT;
        if (properties_of(r.obj_id).empty())
            return -EINVAL;
        list = list_properties(c, display->now(), r.obj_id);
    }
    std::uint32_t room = r.count_props;
    if (const long err = c.write_list(r.props_ptr, &room, list.ids))
        return err;
    return c.write_list(r.prop_values_ptr, &r.count_props, list.values);
}

long get_property(call& c, drm_mode_get_property& r)
{
    const property* p = find_property(r.prop_id);
    if (!p)
        return -ENOENT;
    std::memset(r.name, 0, sizeof r.name);
    std::strncpy(r.name, p->name, sizeof r.name - 1);
    r.flags = p->flags;
    const std::vector<std::uint64_t> values(p->values, p->values + p->value_count);
    std::vector<drm_mode_property_enum> names;
    if (p->flags & DRM_MODE_PROP_ENUM)
        for (std::uint32_t i = 0; i < p->value_count; ++i) {
            drm_mode_property_enum& e = names.emplace_back();
            e = {};
            e.value = p->values[i];
            std::strncpy(e.name, p->value_names[i], sizeof e.name - 1);
        }
    if (const long err = c.write_list(r.values_ptr, &r.count_values, values))
        return err;
    return c.write_list(r.enum_blob_ptr, &r.count_enum_blobs, names);
}

// --- Blobs ------------------------------------------------------------------------------------------------

long get_blob(call& c, drm_mode_get_blob& r)
{
    std::vector<std::uint8_t> bytes;
    {
        const std::lock_guard held(c.g.lock);
        const blob* found = find_blob(c.g, r.blob_id);
        if (!found)
            return -ENOENT;
        bytes = found->bytes;
    }
    const bool wanted = r.length == bytes.size();
    r.length = static_cast<std::uint32_t>(bytes.size());
    return wanted ? c.user.write(r.data, bytes.data(), bytes.size()) : 0;
}

long create_blob(call& c, drm_mode_create_blob& r)
{
    constexpr std::uint32_t most = 1u << 20;
    if (r.length == 0)
        return -EINVAL;
    if (r.length > most)
        return -ENOMEM;
    std::vector<std::uint8_t> bytes;
    if (const long err = c.read_array(r.data, r.length, &bytes))
        return err;
    const std::lock_guard held(c.g.lock);
    ref<blob> made = make_blob(c.g, std::move(bytes));
    if (!made)
        return -ENOMEM;
    r.blob_id = made->id;
    c.file.blobs[made->id] = made;
    return 0;
}

long destroy_blob(call& c, drm_mode_destroy_blob& r)
{
    const std::lock_guard held(c.g.lock);
    if (!find_blob(c.g, r.blob_id))
        return -ENOENT;
    return c.file.blobs.erase(r.blob_id) ? 0 : -EPERM;
}

// --- Setting ----------------------------------------------------------------------------------------------

// The vblank thread goes on until the section is empty, so that this ends.
long commit_and_wait(scanout& s, call& c, std::unique_lock<std::mutex>& held, display_state next,
                     client_file* events, std::uint64_t user_data)
{
    c.g.flipped.wait(held, [&] { return !s.flip_is_pending(); });
    if (const int err = s.check(next)) // another client has had the lock meanwhile
        return err;
    if (const int err = s.commit(std::move(next), events, user_data))
        return err;
    c.g.flipped.wait(held, [&] { return !s.flip_is_pending(); });
    return 0;
}

long set_property(scanout& s, call& c, drm_mode_obj_set_property& r)
{
    long result = 0;
    {
        std::unique_lock held(c.g.lock);
        const std::uint32_t type = object_type(r.obj_id);
        if (!type || (r.obj_type != DRM_MODE_OBJECT_ANY && r.obj_type != type))
            return -ENOENT;
        display_state next = s.now();
        if (properties_of(r.obj_id).empty())
            return -EINVAL;
        if (const int err = set_value(c.g, &next, r.obj_id, r.prop_id, r.value))
            return err;
        if (const int err = s.check(next))
            return err;
        result = commit_and_wait(s, c, held, std::move(next));
    }
    drm_wake_up(&c.g);
    return result;
}

long set_connector_property(scanout& s, call& c, drm_mode_connector_set_property& r)
{
    drm_mode_obj_set_property same{};
    same.obj_id = r.connector_id;
    same.obj_type = DRM_MODE_OBJECT_CONNECTOR;
    same.prop_id = r.prop_id;
    same.value = r.value;
    return set_property(s, c, same);
}

namespace {

struct change {
    std::uint32_t object;
    std::uint32_t property;
    std::uint64_t value;
};

// What an atomic commit asks for, copied from the client.
long read_changes(call& c, const drm_mode_atomic& r, std::vector<change>* all)
{
    constexpr std::uint32_t most = 1024;
    std::vector<std::uint32_t> objects, counts, properties;
    std::vector<std::uint64_t> values;
    if (r.count_objs > most)
        return -EINVAL;
    if (const long err = c.read_array(r.objs_ptr, r.count_objs, &objects))
        return err;
    if (const long err = c.read_array(r.count_props_ptr, r.count_objs, &counts))
        return err;
    std::uint64_t sum = 0;
    for (const std::uint32_t n : counts)
        sum += n;
    if (sum > most)
        return -EINVAL;
    if (const long err = c.read_array(r.props_ptr, sum, &properties))
        return err;
    if (const long err = c.read_array(r.prop_values_ptr, sum, &values))
        return err;
    std::size_t next = 0;
    for (std::size_t i = 0; i < objects.size(); ++i)
        for (std::uint32_t n = 0; n < counts[i]; ++n, ++next)
            all->push_back({objects[i], properties[next], values[next]});
    return 0;
}

long apply(gpu& g, display_state* next, const std::vector<change>& all)
{
    for (const change& one : all) {
        if (!exists(g, one.object) || properties_of(one.object).empty())
            return -ENOENT;
        if (one.property == prop_dpms) // ACTIVE is what an atomic client has instead
            return -EINVAL;
        if (const int err = set_value(g, next, one.object, one.property, one.value))
            return err;
    }
    return 0;
}

} // namespace

long atomic_commit(scanout& s, call& c, drm_mode_atomic& r)
{
    {
        const std::lock_guard held(c.g.lock);
        if (!c.file.atomic)
            return -EINVAL;
    }
    const bool test = r.flags & DRM_MODE_ATOMIC_TEST_ONLY;
    const bool event = r.flags & DRM_MODE_PAGE_FLIP_EVENT;
    if ((r.flags & ~static_cast<std::uint32_t>(DRM_MODE_ATOMIC_FLAGS)) ||
        (r.flags & DRM_MODE_PAGE_FLIP_ASYNC) || r.reserved || (test && event))
        return -EINVAL;
    std::vector<change> changes;
    if (const long err = read_changes(c, r, &changes))
        return err;

    long result = 0;
    {
        std::unique_lock held(c.g.lock);
        display_state next = s.now();
        if (const long err = apply(c.g, &next, changes))
            return err;
        if (const int err = s.check(next))
            return err;
        if (s.is_modeset(next) && !(r.flags & DRM_MODE_ATOMIC_ALLOW_MODESET))
            return -EINVAL;
        if (event && !next.is_on() && !s.now().is_on())
            return -EINVAL; // there is no CRTC that it could be an event of
        if (test)
            return 0;
        client_file* receiver = event ? &c.file : nullptr;
        if (r.flags & DRM_MODE_ATOMIC_NONBLOCK)
            result = s.commit(std::move(next), receiver, r.user_data);
        else
            result = commit_and_wait(s, c, held, std::move(next), receiver, r.user_data);
    }
    drm_wake_up(&c.g);
    return result;
}

} // namespace vgpu
