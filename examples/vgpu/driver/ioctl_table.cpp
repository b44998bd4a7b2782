// SPDX-License-Identifier: MIT
//
// The ioctls by number, with who may call them and which run inside the section.
#include "ioctl.h"

#include <array>
#include <cerrno>
#include <iterator>

#include <drm.h>
#include <sys/ioctl.h>

using namespace devres;

namespace vgpu {
namespace {

template <class F>
struct structure_of;
template <class T>
struct structure_of<long (*)(call&, T&)> {
    using type = T;
};
template <class T>
struct structure_of<long (*)(scanout&, call&, T&)> {
    using type = T;
};

// SAFETY of the casts below: drm_devices and files of this driver are these, and the daemon calls with an
// argument that is as large as ioctl_command() says.

call call_of(drm_device* drm, const ioctl_argument& argument, drm_file* file)
{
    auto& g = *static_cast<gpu*>(drm);
    argument.user->give_up_when(g.leaving);
    return {g, *static_cast<client_file*>(file->driver_priv), *argument.user};
}

long refuse(const call& c, unsigned who)
{
    const std::lock_guard held(c.g.lock);
    if ((who & authenticated) && !c.file.authenticated)
        return -EACCES;
    if ((who & master_only) && c.g.master != &c.file)
        return -EACCES;
    return 0;
}

template <unsigned Who, auto Handler>
long run_plain(drm_device* drm, void* data, drm_file* file)
{
    const auto& argument = *static_cast<const ioctl_argument*>(data);
    call c = call_of(drm, argument, file);
    if (const long err = refuse(c, Who))
        return err;
    return Handler(c, *static_cast<typename structure_of<decltype(Handler)>::type*>(argument.data));
}

template <unsigned Who, auto Handler>
long run_guarded(const drm_dev_guard& inside, void* data, drm_file* file)
{
    const auto& argument = *static_cast<const ioctl_argument*>(data);
    call c = call_of(inside.device(), argument, file);
    if (const long err = refuse(c, Who))
        return err;
    const auto display = c.g.display.try_access();
    if (!display)
        return -ENODEV;
    return Handler(*display, c, *static_cast<typename structure_of<decltype(Handler)>::type*>(argument.data));
}

struct row {
    unsigned long command;
    drm_ioctl_desc entry;
};

template <unsigned Who, auto Handler>
constexpr row plain(unsigned long command, const char* name)
{
    return {command, {.name = name, .func = &run_plain<Who, Handler>}};
}
template <unsigned Who, auto Handler>
constexpr row guarded(unsigned long command, const char* name)
{
    return {command, {.name = name, .guarded = &run_guarded<Who, Handler>}};
}

constexpr row rows[] = {
    plain<anybody, get_version>(DRM_IOCTL_VERSION, "VERSION"),
    plain<anybody, get_unique>(DRM_IOCTL_GET_UNIQUE, "GET_UNIQUE"),
    plain<anybody, get_magic>(DRM_IOCTL_GET_MAGIC, "GET_MAGIC"),
    plain<anybody, get_client>(DRM_IOCTL_GET_CLIENT, "GET_CLIENT"),
    plain<anybody, get_stats>(DRM_IOCTL_GET_STATS, "GET_STATS"),
    plain<master_only, set_version>(DRM_IOCTL_SET_VERSION, "SET_VERSION"),
    plain<anybody, gem_close>(DRM_IOCTL_GEM_CLOSE, "GEM_CLOSE"),
    plain<anybody, get_cap>(DRM_IOCTL_GET_CAP, "GET_CAP"),
    plain<anybody, set_client_cap>(DRM_IOCTL_SET_CLIENT_CAP, "SET_CLIENT_CAP"),
    plain<master_only, auth_magic>(DRM_IOCTL_AUTH_MAGIC, "AUTH_MAGIC"),
    plain<anybody, set_master>(DRM_IOCTL_SET_MASTER, "SET_MASTER"),
    plain<anybody, drop_master>(DRM_IOCTL_DROP_MASTER, "DROP_MASTER"),
    plain<anybody, wait_vblank>(DRM_IOCTL_WAIT_VBLANK, "WAIT_VBLANK"),
    plain<anybody, get_resources>(DRM_IOCTL_MODE_GETRESOURCES, "MODE_GETRESOURCES"),
    plain<anybody, get_crtc>(DRM_IOCTL_MODE_GETCRTC, "MODE_GETCRTC"),
    guarded<master_only, set_crtc>(DRM_IOCTL_MODE_SETCRTC, "MODE_SETCRTC"),
    guarded<master_only, cursor>(DRM_IOCTL_MODE_CURSOR, "MODE_CURSOR"),
    plain<anybody, get_gamma>(DRM_IOCTL_MODE_GETGAMMA, "MODE_GETGAMMA"),
    guarded<master_only, set_gamma>(DRM_IOCTL_MODE_SETGAMMA, "MODE_SETGAMMA"),
    plain<anybody, get_encoder>(DRM_IOCTL_MODE_GETENCODER, "MODE_GETENCODER"),
    plain<anybody, get_connector>(DRM_IOCTL_MODE_GETCONNECTOR, "MODE_GETCONNECTOR"),
    plain<anybody, get_property>(DRM_IOCTL_MODE_GETPROPERTY, "MODE_GETPROPERTY"),
    guarded<master_only, set_connector_property>(DRM_IOCTL_MODE_SETPROPERTY, "MODE_SETPROPERTY"),
    plain<anybody, get_blob>(DRM_IOCTL_MODE_GETPROPBLOB, "MODE_GETPROPBLOB"),
    plain<anybody, get_fb>(DRM_IOCTL_MODE_GETFB, "MODE_GETFB"),
    plain<anybody, add_fb>(DRM_IOCTL_MODE_ADDFB, "MODE_ADDFB"),
    plain<anybody, remove_fb>(DRM_IOCTL_MODE_RMFB, "MODE_RMFB"),
    guarded<master_only, page_flip>(DRM_IOCTL_MODE_PAGE_FLIP, "MODE_PAGE_FLIP"),
    guarded<master_only, dirty_fb>(DRM_IOCTL_MODE_DIRTYFB, "MODE_DIRTYFB"),
    guarded<anybody, create_dumb>(DRM_IOCTL_MODE_CREATE_DUMB, "MODE_CREATE_DUMB"),
    plain<anybody, map_dumb>(DRM_IOCTL_MODE_MAP_DUMB, "MODE_MAP_DUMB"),
    plain<anybody, destroy_dumb>(DRM_IOCTL_MODE_DESTROY_DUMB, "MODE_DESTROY_DUMB"),
    plain<anybody, get_plane_resources>(DRM_IOCTL_MODE_GETPLANERESOURCES, "MODE_GETPLANERESOURCES"),
    plain<anybody, get_plane>(DRM_IOCTL_MODE_GETPLANE, "MODE_GETPLANE"),
    guarded<master_only, set_plane>(DRM_IOCTL_MODE_SETPLANE, "MODE_SETPLANE"),
    plain<anybody, add_fb2>(DRM_IOCTL_MODE_ADDFB2, "MODE_ADDFB2"),
    plain<anybody, get_properties>(DRM_IOCTL_MODE_OBJ_GETPROPERTIES, "MODE_OBJ_GETPROPERTIES"),
    guarded<master_only, set_property>(DRM_IOCTL_MODE_OBJ_SETPROPERTY, "MODE_OBJ_SETPROPERTY"),
    guarded<master_only, cursor2>(DRM_IOCTL_MODE_CURSOR2, "MODE_CURSOR2"),
    guarded<master_only, atomic_commit>(DRM_IOCTL_MODE_ATOMIC, "MODE_ATOMIC"),
    plain<anybody, create_blob>(DRM_IOCTL_MODE_CREATEPROPBLOB, "MODE_CREATEPROPBLOB"),
    plain<anybody, destroy_blob>(DRM_IOCTL_MODE_DESTROYPROPBLOB, "MODE_DESTROYPROPBLOB"),
    plain<anybody, get_fb2>(DRM_IOCTL_MODE_GETFB2, "MODE_GETFB2"),
};

constexpr std::size_t numbers = 0xd0;

constexpr auto entries = [] {
    std::array<drm_ioctl_desc, numbers> by_number{};
    for (const row& r : rows)
        by_number[_IOC_NR(r.command)] = r.entry;
    return by_number;
}();

constexpr auto commands = [] {
    std::array<unsigned long, numbers> by_number{};
    for (const row& r : rows)
        by_number[_IOC_NR(r.command)] = r.command;
    return by_number;
}();

} // namespace

constinit const drm_ioctl_desc* const gpu_ioctls = entries.data();
constinit const int gpu_ioctl_count = static_cast<int>(numbers);

unsigned long ioctl_command(unsigned number)
{
    return number < numbers ? commands[number] : 0;
}

const char* ioctl_name(unsigned number)
{
    return number < numbers && entries[number].name ? entries[number].name : "an unknown ioctl";
}

} // namespace vgpu
