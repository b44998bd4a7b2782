// SPDX-License-Identifier: MIT
//
// Dumb buffers and framebuffers.
#include "ioctl.h"

#include <cerrno>
#include <cstdint>

#include <drm_fourcc.h>
#include <drm_mode.h>

#include "monitor.h"

namespace vgpu {

long create_dumb(scanout&, call& c, drm_mode_create_dumb& d)
{
    if (d.width == 0 || d.height == 0 || d.bpp == 0 || d.bpp > 64 || d.width > 1u << 16 ||
        d.height > 1u << 16)
        return -EINVAL;
    const std::uint64_t pitch = (std::uint64_t{d.width} * ((d.bpp + 7) / 8) + 63) / 64 * 64;
    const std::uint64_t size = pitch * d.height;
    if (size > UINT32_MAX)
        return -EINVAL;
    const std::lock_guard held(c.g.lock);
    int err = 0;
    ref<buffer> memory = make_buffer(c.g, c.file, size, &err);
    if (err)
        return err;
    d.pitch = static_cast<std::uint32_t>(pitch);
    d.size = memory->size;
    d.handle = make_handle(c.file, memory);
    return 0;
}

long map_dumb(call& c, drm_mode_map_dumb& d)
{
    const std::lock_guard held(c.g.lock);
    const buffer* memory = find_handle(c.file, d.handle);
    if (!memory)
        return -ENOENT;
    if (c.file.memory && memory->memory != c.file.memory)
        return -EINVAL; // GETFB gave it, and it is where only the file that made it can map it
    d.offset = memory->offset;
    return 0;
}

long destroy_dumb(call& c, drm_mode_destroy_dumb& d)
{
    const std::lock_guard held(c.g.lock);
    return c.file.handles.erase(d.handle) ? 0 : -EINVAL;
}

long gem_close(call& c, drm_gem_close& d)
{
    const std::lock_guard held(c.g.lock);
    return c.file.handles.erase(d.handle) ? 0 : -EINVAL;
}

// --- Framebuffers -----------------------------------------------------------------------------------------

namespace {

long check(const drm_mode_fb_cmd2& f)
{
    if (f.flags & ~static_cast<std::uint32_t>(DRM_MODE_FB_INTERLACED | DRM_MODE_FB_MODIFIERS))
        return -EINVAL;
    if ((f.flags & DRM_MODE_FB_INTERLACED) || !is_format(f.pixel_format))
        return -EINVAL;
    if (f.width == 0 || f.height == 0 || f.width > max_size || f.height > max_size)
        return -EINVAL;
    if (f.handles[0] == 0 || f.pitches[0] < std::uint64_t{f.width} * bytes_per_pixel(f.pixel_format))
        return -EINVAL;
    if (f.modifier[0] != 0) // not linear; or said without the flag
        return -EINVAL;
    for (int plane = 1; plane < 4; ++plane)
        if (f.handles[plane] || f.pitches[plane] || f.offsets[plane] || f.modifier[plane])
            return -EINVAL;
    return 0;
}

} // namespace

long add_fb2(call& c, drm_mode_fb_cmd2& f)
{
    if (const long err = check(f))
        return err;
    const std::lock_guard held(c.g.lock);
    buffer* memory = find_handle(c.file, f.handles[0]);
    if (!memory)
        return -ENOENT;
    const std::uint64_t end = std::uint64_t{f.offsets[0]} + std::uint64_t{f.height - 1} * f.pitches[0] +
                              std::uint64_t{f.width} * bytes_per_pixel(f.pixel_format);
    if (end > memory->size)
        return -EINVAL;
    ref<framebuffer> made = make_framebuffer(c.g, true);
    if (!made)
        return -ENOMEM;
    made->width = f.width;
    made->height = f.height;
    made->pitch = f.pitches[0];
    made->offset = f.offsets[0];
    made->format = f.pixel_format;
    made->has_modifier = (f.flags & DRM_MODE_FB_MODIFIERS) != 0;
    made->memory = ref<buffer>(memory);
    f.fb_id = made->id;
    c.file.framebuffers[made->id] = made;
    return 0;
}

long add_fb(call& c, drm_mode_fb_cmd& f)
{
    drm_mode_fb_cmd2 same{};
    same.width = f.width;
    same.height = f.height;
    same.pixel_format = legacy_format(f.bpp, f.depth);
    same.pitches[0] = f.pitch;
    same.handles[0] = f.handle;
    if (!same.pixel_format)
        return -EINVAL;
    if (const long err = add_fb2(c, same))
        return err;
    f.fb_id = same.fb_id;
    return 0;
}

// It may be on the screen. Not guarded: when the hardware is there, so is the screen until this returns.
long remove_fb(call& c, std::uint32_t& id)
{
    const auto display = c.g.display.try_access();
    {
        const std::lock_guard held(c.g.lock);
        const auto found = c.file.framebuffers.find(id);
        if (found == c.file.framebuffers.end())
            return -ENOENT;
        if (display)
            display->remove(found->second.get());
        c.file.framebuffers.erase(found);
    }
    drm_wake_up(&c.g);
    return 0;
}

namespace {

bool may_have_handles(const call& c)
{
    return c.g.master == &c.file || c.file.user == 0;
}

} // namespace

long get_fb(call& c, drm_mode_fb_cmd& f)
{
    const std::lock_guard held(c.g.lock);
    framebuffer* fb = find_framebuffer(c.g, f.fb_id);
    if (!fb)
        return -ENOENT;
    f.width = fb->width;
    f.height = fb->height;
    f.pitch = fb->pitch;
    f.bpp = legacy_of(fb->format).bits;
    f.depth = legacy_of(fb->format).depth;
    f.handle = may_have_handles(c) ? make_handle(c.file, fb->memory) : 0;
    return 0;
}

long get_fb2(call& c, drm_mode_fb_cmd2& f)
{
    const std::lock_guard held(c.g.lock);
    framebuffer* fb = find_framebuffer(c.g, f.fb_id);
    if (!fb)
        return -ENOENT;
    const std::uint32_t id = f.fb_id;
    f = {};
    f.fb_id = id;
    f.width = fb->width;
    f.height = fb->height;
    f.pixel_format = fb->format;
    f.flags = DRM_MODE_FB_MODIFIERS;
    f.pitches[0] = fb->pitch;
    f.offsets[0] = fb->offset;
    f.handles[0] = may_have_handles(c) ? make_handle(c.file, fb->memory) : 0;
    return 0;
}

// The scan-out reads the memory itself, so there is nothing to flush.
long dirty_fb(scanout&, call& c, drm_mode_fb_dirty_cmd& d)
{
    {
        const std::lock_guard held(c.g.lock);
        if (!find_framebuffer(c.g, d.fb_id))
            return -ENOENT;
    }
    if ((d.num_clips == 0) != (d.clips_ptr == 0) || d.num_clips > DRM_MODE_FB_DIRTY_MAX_CLIPS)
        return -EINVAL;
    if ((d.flags & DRM_MODE_FB_DIRTY_ANNOTATE_COPY) && d.num_clips % 2)
        return -EINVAL;
    std::vector<drm_clip_rect> clips;
    return c.read_array(d.clips_ptr, d.num_clips, &clips);
}

} // namespace vgpu
