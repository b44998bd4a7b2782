// SPDX-License-Identifier: MIT
//
// The scan-out engine: what is on the screen, and what happens at the next vblank. It is there as long as
// the hardware is.
//
// A change is a copy of the state that is altered, checked, and committed as a whole; a test-only commit
// leaves out the last step. The calls from before atomic mode setting (SETCRTC, PAGE_FLIP, SETPLANE, CURSOR)
// are written on the same.
//
// Thread safety: every function requires gpu::lock, except the constructor and the destructor.
#pragma once

#include <cstdint>
#include <vector>

#include <drm.h>

#include "gpu.h"
#include "lifetime.h"
#include "objects.h"

namespace vgpu {

struct plane_state {
    ref<framebuffer> fb;
    bool on_crtc = false;
    std::int32_t x = 0, y = 0;
    std::uint32_t w = 0, h = 0;
    std::uint32_t src_x = 0, src_y = 0, src_w = 0, src_h = 0; // 16.16
};

struct display_state {
    bool active = false;
    ref<blob> mode; // a drm_mode_modeinfo
    bool connected_to_crtc = false;
    std::uint64_t dpms = 0;
    std::uint64_t link_status = 0;
    plane_state planes[3]; // as in plane_ids

    // Lit, and with a mode.
    bool is_on() const { return active && mode; }
    drm_mode_modeinfo mode_info() const;
};

struct image {
    std::uint32_t width = 0, height = 0;
    std::vector<std::uint8_t> rgb; // 3 bytes a pixel, no padding
};

class scanout {
public:
    explicit scanout(gpu& g);
    ~scanout();
    scanout(const scanout&) = delete;
    scanout& operator=(const scanout&) = delete;

    const display_state& now() const { return now_; }
    bool flip_is_pending() const { return flip_pending_; }
    std::uint64_t sequence() const { return sequence_; }
    std::int64_t time_ns() const { return time_ns_; } // of that vblank

    // Returns: 0 if the display could show it; -EINVAL, -ENOSPC, -ERANGE.
    int check(const display_state& next) const;
    // Would the picture go dark for a moment?
    bool is_modeset(const display_state& next) const;

    // Shows it. `file`, if not null, gets an event of the next vblank.
    // Returns: 0; -EBUSY if a flip is pending; -ENOMEM: too many events wait for the file.
    // Requires: check(next) has said 0.
    int commit(display_state next, client_file* file = nullptr, std::uint64_t user_data = 0);
    // An event for the first vblank that is not before `due`; -ENODEV once the hardware's thread has ended.
    int queue_vblank_event(client_file& file, std::uint64_t due, std::uint64_t user_data);

    // A vblank, at this time.
    void tick(std::int64_t now_ns);
    // The last one: everybody who waits for an event gets it.
    void end(std::int64_t now_ns);

    // A framebuffer is removed, by its owner or with its file: planes that show it go off.
    void remove(const framebuffer* fb);

    image compose() const;

private:
    int reserve(const client_file& f) const;
    void deliver(const pending_event& e);
    int check_plane(const display_state& next, int index) const;

    gpu& gpu_;
    display_state now_;
    bool flip_pending_ = false;
    bool ended_ = false;
    std::uint64_t sequence_ = 0;
    std::int64_t time_ns_ = 0;
    lifetime lived_;
};

} // namespace vgpu
