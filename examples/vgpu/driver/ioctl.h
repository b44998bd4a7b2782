// SPDX-License-Identifier: MIT
//
// How a handler is written, and how the daemon calls it.
//
// A handler takes the kernel's structure for its ioctl. One that touches the scan-out engine is given it,
// and runs inside the section of the drm_device (drm_ioctl_desc::guarded), so that it stays until the
// handler returns; it must not wait for ever, and what it waits for ends when the driver's `remove` says so.
// The others are only checked on entry.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <devres/drm_device.h>

#include "gpu.h"
#include "scanout.h"

namespace vgpu {

// The memory of the client that makes the call. Both: 0; -EFAULT; -ENODEV if the client is too slow for an
// unplug.
class user_memory {
public:
    virtual long read(std::uint64_t address, void* to, std::size_t size) = 0;
    virtual long write(std::uint64_t address, const void* from, std::size_t size) = 0;
    // Until the end of the call: waiting for the client ends when this descriptor is readable.
    virtual void give_up_when(int readable) = 0;
    // True: its thread has got a signal, so a call that sleeps ends with -EINTR. Whoever makes it true wakes
    // the drm_device. Never so where a client's thread cannot tell.
    virtual bool is_interrupted() const { return false; }

protected:
    ~user_memory() = default;
};

// What drm_ioctl is given by the daemon.
struct ioctl_argument {
    void* data; // as large as the command's structure, zero where the client gave less
    user_memory* user;
};

// What a handler is given besides its structure.
struct call {
    gpu& g;
    client_file& file;
    user_memory& user;

    template <class T>
    long read_array(std::uint64_t address, std::size_t count, std::vector<T>* to)
    {
        to->resize(count);
        return count ? user.read(address, to->data(), count * sizeof(T)) : 0;
    }
    // As GETRESOURCES and its relatives do: as many as there is room for; then `*room` is how many there
    // are.
    template <class T>
    long write_list(std::uint64_t address, std::uint32_t* room, const std::vector<T>& from)
    {
        const std::size_t count = *room < from.size() ? *room : from.size();
        *room = static_cast<std::uint32_t>(from.size());
        return count ? user.write(address, from.data(), count * sizeof(T)) : 0;
    }
    // As GETCONNECTOR and GETPROPBLOB do: all or nothing.
    template <class T>
    long write_whole(std::uint64_t address, std::uint32_t* room, const std::vector<T>& from)
    {
        const bool fits = *room >= from.size();
        *room = static_cast<std::uint32_t>(from.size());
        return fits && !from.empty() ? user.write(address, from.data(), from.size() * sizeof(T)) : 0;
    }
};

// Who may call it.
enum permission : unsigned { anybody = 0, authenticated = 1, master_only = 2 };

// The driver's table and, by number, the command with its size. 0: there is no such ioctl.
extern const devres::drm_ioctl_desc* const gpu_ioctls;
extern const int gpu_ioctl_count;
unsigned long ioctl_command(unsigned number);
// Its name for people; a number if it is none of ours.
const char* ioctl_name(unsigned number);

// --- The handlers, by file --------------------------------------------------------------------------------

// client_ioctls.cpp
long get_version(call& c, struct drm_version& v);
long get_unique(call& c, struct drm_unique& u);
long set_version(call& c, struct drm_set_version& v);
long get_magic(call& c, struct drm_auth& a);
long auth_magic(call& c, struct drm_auth& a);
long set_master(call& c, std::uint32_t&);
long drop_master(call& c, std::uint32_t&);
long get_cap(call& c, struct drm_get_cap& cap);
long set_client_cap(call& c, struct drm_set_client_cap& cap);
long get_client(call& c, struct drm_client& client);
long get_stats(call& c, struct drm_stats& stats);

// memory_ioctls.cpp
long create_dumb(scanout& s, call& c, struct drm_mode_create_dumb& d);
long map_dumb(call& c, struct drm_mode_map_dumb& d);
long destroy_dumb(call& c, struct drm_mode_destroy_dumb& d);
long gem_close(call& c, struct drm_gem_close& d);
long add_fb(call& c, struct drm_mode_fb_cmd& f);
long add_fb2(call& c, struct drm_mode_fb_cmd2& f);
long remove_fb(call& c, std::uint32_t& id);
long get_fb(call& c, struct drm_mode_fb_cmd& f);
long get_fb2(call& c, struct drm_mode_fb_cmd2& f);
long dirty_fb(scanout& s, call& c, struct drm_mode_fb_dirty_cmd& d);

// query_ioctls.cpp
long get_resources(call& c, struct drm_mode_card_res& r);
long get_plane_resources(call& c, struct drm_mode_get_plane_res& r);
long get_crtc(call& c, struct drm_mode_crtc& r);
long get_encoder(call& c, struct drm_mode_get_encoder& r);
long get_connector(call& c, struct drm_mode_get_connector& r);
long get_plane(call& c, struct drm_mode_get_plane& r);
long get_gamma(call& c, struct drm_mode_crtc_lut& lut);

// property_ioctls.cpp
long get_properties(call& c, struct drm_mode_obj_get_properties& r);
long get_property(call& c, struct drm_mode_get_property& r);
long get_blob(call& c, struct drm_mode_get_blob& r);
long create_blob(call& c, struct drm_mode_create_blob& r);
long destroy_blob(call& c, struct drm_mode_destroy_blob& r);
long set_property(scanout& s, call& c, struct drm_mode_obj_set_property& r);
long set_connector_property(scanout& s, call& c, struct drm_mode_connector_set_property& r);
long atomic_commit(scanout& s, call& c, struct drm_mode_atomic& r);

// display_ioctls.cpp
long set_crtc(scanout& s, call& c, struct drm_mode_crtc& r);
long page_flip(scanout& s, call& c, struct drm_mode_crtc_page_flip& r);
long set_plane(scanout& s, call& c, struct drm_mode_set_plane& r);
long cursor(scanout& s, call& c, struct drm_mode_cursor& r);
long cursor2(scanout& s, call& c, struct drm_mode_cursor2& r);
long set_gamma(scanout& s, call& c, struct drm_mode_crtc_lut& lut);
long wait_vblank(call& c, union drm_wait_vblank& w);

// Shared: what a property is worth, and what lists of them GETCONNECTOR and OBJ_GETPROPERTIES give. Under
// the lock.
struct property_list {
    std::vector<std::uint32_t> ids;
    std::vector<std::uint64_t> values;
};
// Commits when the flip before it has happened, and returns when this one has: what comes next never finds
// the screen busy. `events`, if not null, gets one.
long commit_and_wait(scanout& s, call& c, std::unique_lock<std::mutex>& held, display_state next,
                     client_file* events = nullptr, std::uint64_t user_data = 0);

property_list list_properties(const call& c, const display_state& now, std::uint32_t object);

} // namespace vgpu
