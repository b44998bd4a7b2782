// SPDX-License-Identifier: MIT
//
// The calls from before atomic mode setting, each a change of the same state, and waiting for vblanks.
#include "ioctl.h"

#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include <drm.h>
#include <drm_fourcc.h>

#include "monitor.h"

using namespace devres;

namespace vgpu {
namespace {

plane_state whole_screen(framebuffer* fb, const drm_mode_modeinfo& mode, std::uint32_t x, std::uint32_t y)
{
    plane_state p;
    p.fb = ref<framebuffer>(fb);
    p.on_crtc = true;
    p.w = mode.hdisplay;
    p.h = mode.vdisplay;
    p.src_x = x << 16;
    p.src_y = y << 16;
    p.src_w = p.w << 16;
    p.src_h = p.h << 16;
    return p;
}

// What SETCRTC asks for, under the lock.
long light_up(const scanout& s, call& c, const drm_mode_crtc& r, display_state* next)
{
    framebuffer* fb = r.fb_id == UINT32_MAX ? s.now().planes[0].fb.get() : find_framebuffer(c.g, r.fb_id);
    if (!fb)
        return r.fb_id == UINT32_MAX ? -EINVAL : -ENOENT;
    if (!is_possible(r.mode))
        return -EINVAL;
    if (r.x > 0x7fff || r.y > 0x7fff || r.x + r.mode.hdisplay > fb->width ||
        r.y + r.mode.vdisplay > fb->height)
        return -ENOSPC;
    std::vector<std::uint8_t> bytes(sizeof r.mode);
    std::memcpy(bytes.data(), &r.mode, sizeof r.mode);
    next->mode = make_blob(c.g, std::move(bytes));
    if (!next->mode)
        return -ENOMEM;
    next->active = next->connected_to_crtc = true;
    next->dpms = DRM_MODE_DPMS_ON;
    next->planes[0] = whole_screen(fb, r.mode, r.x, r.y);
    return 0;
}

} // namespace

long set_crtc(scanout& s, call& c, drm_mode_crtc& r)
{
    if (r.crtc_id != crtc_id)
        return -ENOENT;
    if (r.count_connectors > 1 || (r.count_connectors == 0) == (r.mode_valid != 0))
        return -EINVAL;
    std::vector<std::uint32_t> connectors;
    if (const long err = c.read_array(r.set_connectors_ptr, r.count_connectors, &connectors))
        return err;
    if (!connectors.empty() && connectors[0] != connector_id)
        return -ENOENT;
    long result = 0;
    {
        std::unique_lock held(c.g.lock);
        display_state next;
        next.link_status = s.now().link_status;
        next.planes[1] = s.now().planes[1];
        next.planes[2] = s.now().planes[2];
        if (r.mode_valid) {
            if (const long err = light_up(s, c, r, &next))
                return err;
        } else {
            next.planes[1] = next.planes[2] = {};
        }
        result = commit_and_wait(s, c, held, std::move(next));
    }
    drm_wake_up(&c.g);
    return result;
}

long page_flip(scanout& s, call& c, drm_mode_crtc_page_flip& r)
{
    if ((r.flags & ~static_cast<std::uint32_t>(DRM_MODE_PAGE_FLIP_EVENT)) || r.reserved)
        return -EINVAL;
    if (r.crtc_id != crtc_id)
        return -ENOENT;
    const std::lock_guard held(c.g.lock);
    display_state next = s.now();
    plane_state& primary = next.planes[0];
    if (!primary.fb)
        return -EBUSY;
    framebuffer* fb = find_framebuffer(c.g, r.fb_id);
    if (!fb)
        return -ENOENT;
    if (fb->format != primary.fb->format)
        return -EINVAL;
    primary.fb = ref<framebuffer>(fb);
    if (const int err = s.check(next))
        return err;
    return s.commit(std::move(next), r.flags & DRM_MODE_PAGE_FLIP_EVENT ? &c.file : nullptr, r.user_data);
}

long set_plane(scanout& s, call& c, drm_mode_set_plane& r)
{
    const int index = plane_index(r.plane_id);
    if (index < 0)
        return -ENOENT;
    long result = 0;
    {
        std::unique_lock held(c.g.lock);
        display_state next = s.now();
        plane_state& p = next.planes[index];
        if (r.fb_id == 0) {
            p = {};
        } else {
            framebuffer* fb = find_framebuffer(c.g, r.fb_id);
            if (!fb || r.crtc_id != crtc_id)
                return -ENOENT;
            p.fb = ref<framebuffer>(fb);
            p.on_crtc = true;
            p.x = r.crtc_x;
            p.y = r.crtc_y;
            p.w = r.crtc_w;
            p.h = r.crtc_h;
            p.src_x = r.src_x;
            p.src_y = r.src_y;
            p.src_w = r.src_w;
            p.src_h = r.src_h;
        }
        if (const int err = s.check(next))
            return err;
        result = commit_and_wait(s, c, held, std::move(next));
    }
    drm_wake_up(&c.g);
    return result;
}

// --- The cursor -------------------------------------------------------------------------------------------

long cursor2(scanout& s, call& c, drm_mode_cursor2& r)
{
    if (r.flags == 0 || (r.flags & ~static_cast<std::uint32_t>(DRM_MODE_CURSOR_FLAGS)))
        return -EINVAL;
    if (r.crtc_id != crtc_id)
        return -ENOENT;
    std::unique_lock held(c.g.lock);
    display_state next = s.now();
    plane_state& p = next.planes[2];
    if (r.flags & DRM_MODE_CURSOR_BO) {
        if (r.handle == 0) {
            p = {};
            return commit_and_wait(s, c, held, std::move(next));
        }
        buffer* memory = find_handle(c.file, r.handle);
        if (!memory)
            return -ENOENT;
        if (r.width == 0 || r.height == 0 || r.width > cursor_size || r.height > cursor_size ||
            std::uint64_t{r.width} * r.height * 4 > memory->size)
            return -EINVAL;
        ref<framebuffer> fb = make_framebuffer(c.g, false);
        if (!fb)
            return -ENOMEM;
        fb->width = r.width;
        fb->height = r.height;
        fb->pitch = r.width * 4;
        fb->format = DRM_FORMAT_ARGB8888;
        fb->memory = ref<buffer>(memory);
        p.fb = fb;
        p.on_crtc = true;
        p.w = r.width;
        p.h = r.height;
        p.src_w = r.width << 16;
        p.src_h = r.height << 16;
    }
    if (r.flags & DRM_MODE_CURSOR_MOVE) {
        p.x = r.x;
        p.y = r.y;
    }
    if (!p.fb)
        return 0; // it will appear there
    if (const int err = s.check(next))
        return err;
    return commit_and_wait(s, c, held, std::move(next));
}

long cursor(scanout& s, call& c, drm_mode_cursor& r)
{
    drm_mode_cursor2 same{};
    same.flags = r.flags;
    same.crtc_id = r.crtc_id;
    same.x = r.x;
    same.y = r.y;
    same.width = r.width;
    same.height = r.height;
    same.handle = r.handle;
    return cursor2(s, c, same);
}

long set_gamma(scanout&, call& c, drm_mode_crtc_lut& lut)
{
    if (lut.crtc_id != crtc_id)
        return -ENOENT;
    if (lut.gamma_size != 256)
        return -EINVAL;
    std::vector<std::uint16_t> colours[3];
    const std::uint64_t from[] = {lut.red, lut.green, lut.blue};
    for (int i = 0; i < 3; ++i)
        if (const long err = c.read_array(from[i], 256, &colours[i]))
            return err;
    const std::lock_guard held(c.g.lock);
    for (int i = 0; i < 3; ++i)
        std::copy(colours[i].begin(), colours[i].end(), std::begin(c.g.modes->gamma[i]));
    return 0;
}

// --- Vblanks ----------------------------------------------------------------------------------------------

namespace {

constexpr std::int64_t patience_ns = 3'000'000'000; // as in Linux

// Sequence numbers wrap.
bool is_reached(std::uint64_t now, std::uint32_t target)
{
    return static_cast<std::uint32_t>(now) - target <= 1u << 23;
}

void put_reply(drm_wait_vblank& w, const scanout& s)
{
    w.reply.sequence = static_cast<std::uint32_t>(s.sequence());
    w.reply.tval_sec = static_cast<long>(s.time_ns() / 1'000'000'000);
    w.reply.tval_usec = static_cast<long>(s.time_ns() / 1000 % 1'000'000);
}

} // namespace

// Not guarded: it may sleep, so it looks at the screen only while it does not. Unplug wakes it.
long wait_vblank(call& c, drm_wait_vblank& w)
{
    const unsigned type = w.request.type;
    constexpr unsigned known = _DRM_VBLANK_TYPES_MASK | _DRM_VBLANK_FLAGS_MASK | _DRM_VBLANK_HIGH_CRTC_MASK;
    if ((type & _DRM_VBLANK_SIGNAL) || (type & ~known))
        return -EINVAL;
    if ((type & _DRM_VBLANK_SECONDARY) || (type & _DRM_VBLANK_HIGH_CRTC_MASK)) // there is one CRTC
        return -EINVAL;
    std::uint32_t target = w.request.sequence;
    const std::uint64_t user_data = w.request.signal;
    {
        const auto display = c.g.display.try_access();
        if (!display)
            return -ENODEV;
        const std::lock_guard held(c.g.lock);
        if (!display->now().is_on())
            return -EINVAL;
        const auto now = static_cast<std::uint32_t>(display->sequence());
        if ((type & _DRM_VBLANK_TYPES_MASK) == _DRM_VBLANK_RELATIVE)
            target += now;
        if ((type & _DRM_VBLANK_NEXTONMISS) && is_reached(now, target))
            target = now + 1;
        if (type & _DRM_VBLANK_EVENT) {
            const std::uint64_t due = is_reached(now, target) ? now : display->sequence() + (target - now);
            if (const int err = display->queue_vblank_event(c.file, due, user_data))
                return err;
            w.reply.sequence = target;
            return 0;
        }
    }
    const std::int64_t since = now_ns();
    long result = 0;
    const int err = drm_wait_event(&c.g, [&] {
        const auto display = c.g.display.try_access();
        const std::lock_guard held(c.g.lock);
        if (!display || c.file.closing) {
            result = -ENODEV;
        } else if (is_reached(display->sequence(), target)) {
            put_reply(w, *display);
            result = 0;
        } else if (!display->now().is_on()) {
            result = -EINVAL;
        } else if (c.user.is_interrupted()) {
            result = -EINTR;
        } else if (now_ns() - since > patience_ns) {
            result = -EBUSY;
        } else {
            return false;
        }
        return true;
    });
    return err ? err : result;
}

} // namespace vgpu
