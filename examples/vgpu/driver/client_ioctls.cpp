// SPDX-License-Identifier: MIT
//
// Who the driver is, who the client is, and who is master.
#include "ioctl.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <drm.h>

namespace vgpu {
namespace {

constexpr char unique_name[] = "platform:vgpu";

long write_text(call& c, char* address, __kernel_size_t* room, const char* text)
{
    const std::size_t length = std::strlen(text);
    const std::size_t count = std::min<std::size_t>(*room, length);
    *room = length;
    return count && address ? c.user.write(reinterpret_cast<std::uintptr_t>(address), text, count) : 0;
}

bool is_root(const call& c)
{
    return c.file.user == 0;
}

} // namespace

long get_version(call& c, drm_version& v)
{
    v.version_major = 1;
    v.version_minor = 0;
    v.version_patchlevel = 0;
    if (const long err = write_text(c, v.name, &v.name_len, "vgpu"))
        return err;
    if (const long err = write_text(c, v.date, &v.date_len, "20261126"))
        return err;
    return write_text(c, v.desc, &v.desc_len, "devres virtual display");
}

// Empty until the master has called SET_VERSION: libdrm's drmOpen counts on it.
long get_unique(call& c, drm_unique& u)
{
    bool is_set = false;
    {
        const std::lock_guard held(c.g.lock);
        is_set = c.g.modes->unique_is_set;
    }
    const std::size_t length = is_set ? sizeof unique_name - 1 : 0;
    const bool fits = u.unique_len >= length;
    u.unique_len = length;
    if (!fits || length == 0)
        return 0;
    return c.user.write(reinterpret_cast<std::uintptr_t>(u.unique), unique_name, length);
}

long set_version(call& c, drm_set_version& v)
{
    const drm_set_version asked = v;
    v = {1, 4, 1, 0};
    if (asked.drm_di_major != -1 &&
        (asked.drm_di_major != 1 || asked.drm_di_minor < 0 || asked.drm_di_minor > 4))
        return -EINVAL;
    if (asked.drm_dd_major != -1 &&
        (asked.drm_dd_major != 1 || asked.drm_dd_minor < 0 || asked.drm_dd_minor > 0))
        return -EINVAL;
    if (asked.drm_di_major != -1 && asked.drm_di_minor >= 1) {
        const std::lock_guard held(c.g.lock);
        c.g.modes->unique_is_set = true;
    }
    return 0;
}

long get_magic(call& c, drm_auth& a)
{
    const std::lock_guard held(c.g.lock);
    if (!c.file.magic)
        c.file.magic = c.g.next_magic++;
    a.magic = c.file.magic;
    return 0;
}

long auth_magic(call& c, drm_auth& a)
{
    const std::lock_guard held(c.g.lock);
    const auto found = std::ranges::find_if(
        c.g.files, [&](const client_file* f) { return f->magic != 0 && f->magic == a.magic; });
    if (found == c.g.files.end())
        return -EINVAL;
    (*found)->authenticated = true;
    (*found)->magic = 0;
    return 0;
}

long set_master(call& c, std::uint32_t&)
{
    const std::lock_guard held(c.g.lock);
    if (!c.file.was_master && !is_root(c))
        return -EACCES;
    if (c.g.master == &c.file)
        return 0;
    if (c.g.master)
        return -EBUSY;
    c.g.master = &c.file;
    c.file.authenticated = c.file.was_master = true;
    return 0;
}

long drop_master(call& c, std::uint32_t&)
{
    const std::lock_guard held(c.g.lock);
    if (!c.file.was_master && !is_root(c))
        return -EACCES;
    if (c.g.master != &c.file)
        return -EINVAL;
    c.g.master = nullptr;
    return 0;
}

long get_cap(call&, drm_get_cap& cap)
{
    switch (cap.capability) {
    case DRM_CAP_DUMB_BUFFER:
    case DRM_CAP_VBLANK_HIGH_CRTC:
    case DRM_CAP_TIMESTAMP_MONOTONIC:
    case DRM_CAP_ADDFB2_MODIFIERS:
    case DRM_CAP_CRTC_IN_VBLANK_EVENT:
        cap.value = 1;
        return 0;
    case DRM_CAP_DUMB_PREFERRED_DEPTH:
        cap.value = 24;
        return 0;
    case DRM_CAP_CURSOR_WIDTH:
    case DRM_CAP_CURSOR_HEIGHT:
        cap.value = 64;
        return 0;
    case DRM_CAP_DUMB_PREFER_SHADOW:
    case DRM_CAP_PRIME:
    case DRM_CAP_ASYNC_PAGE_FLIP:
    case DRM_CAP_PAGE_FLIP_TARGET:
    case DRM_CAP_SYNCOBJ:
    case DRM_CAP_SYNCOBJ_TIMELINE:
        cap.value = 0;
        return 0;
    default:
        return -EINVAL;
    }
}

long set_client_cap(call& c, drm_set_client_cap& cap)
{
    const std::lock_guard held(c.g.lock);
    switch (cap.capability) {
    case DRM_CLIENT_CAP_STEREO_3D:
    case DRM_CLIENT_CAP_ASPECT_RATIO:
        return cap.value > 1 ? -EINVAL : 0; // no mode of ours is either
    case DRM_CLIENT_CAP_UNIVERSAL_PLANES:
        if (cap.value > 1)
            return -EINVAL;
        c.file.universal_planes = cap.value != 0;
        return 0;
    case DRM_CLIENT_CAP_ATOMIC:
        if (cap.value > 2)
            return -EINVAL;
        c.file.atomic = c.file.universal_planes = cap.value != 0;
        return 0;
    case DRM_CLIENT_CAP_WRITEBACK_CONNECTORS:
        return !c.file.atomic || cap.value > 1 ? -EINVAL : 0; // there are none
    default:
        return -EINVAL;
    }
}

// As in Linux since 3.15: a client is told about itself alone.
long get_client(call& c, drm_client& client)
{
    if (client.idx != 0)
        return -EINVAL;
    const std::lock_guard held(c.g.lock);
    client.auth = c.file.authenticated;
    client.pid = static_cast<unsigned long>(c.file.process);
    client.uid = c.file.user;
    client.magic = 0;
    client.iocs = 0;
    return 0;
}

long get_stats(call&, drm_stats& stats)
{
    stats = {};
    return 0;
}

} // namespace vgpu
