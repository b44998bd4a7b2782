// SPDX-License-Identifier: MIT
#include "scanout.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <drm_fourcc.h>

#include "monitor.h"

namespace vgpu {
namespace {

constexpr std::size_t most_events = 128; // that a file may have waiting

void put_565(std::uint8_t* to, const std::uint8_t* from, std::size_t count)
{
    for (; count > 0; --count, to += 3, from += 2) {
        const unsigned v = from[0] | unsigned{from[1]} << 8;
        to[0] = static_cast<std::uint8_t>((v >> 11) * 255 / 31);
        to[1] = static_cast<std::uint8_t>((v >> 5 & 63) * 255 / 63);
        to[2] = static_cast<std::uint8_t>((v & 31) * 255 / 31);
    }
}

void put_xrgb(std::uint8_t* to, const std::uint8_t* from, std::size_t count)
{
    for (; count > 0; --count, to += 3, from += 4) {
        to[0] = from[2];
        to[1] = from[1];
        to[2] = from[0];
    }
}

// Colours are premultiplied.
void put_argb(std::uint8_t* to, const std::uint8_t* from, std::size_t count)
{
    for (; count > 0; --count, to += 3, from += 4) {
        const unsigned rest = 255u - from[3];
        for (int c = 0; c < 3; ++c)
            to[c] = static_cast<std::uint8_t>(std::min(255u, from[2 - c] + to[c] * rest / 255));
    }
}

void put_plane(image& to, const plane_state& p)
{
    const framebuffer& fb = *p.fb;
    const auto put = fb.format == DRM_FORMAT_RGB565     ? put_565
                     : fb.format == DRM_FORMAT_XRGB8888 ? put_xrgb
                                                        : put_argb;
    const std::int64_t left = std::max<std::int64_t>(0, p.x);
    const std::int64_t right = std::min<std::int64_t>(to.width, std::int64_t{p.x} + p.w);
    if (left >= right)
        return;
    const std::size_t skipped = static_cast<std::size_t>(left - p.x) + (p.src_x >> 16);
    for (std::uint32_t y = 0; y < p.h; ++y) {
        const std::int64_t row = std::int64_t{p.y} + y;
        if (row < 0 || row >= to.height)
            continue;
        const std::uint8_t* from =
            fb.memory->pixels + fb.offset + std::size_t{(p.src_y >> 16) + y} * fb.pitch;
        put(&to.rgb[(static_cast<std::size_t>(row) * to.width + static_cast<std::size_t>(left)) * 3],
            from + skipped * bytes_per_pixel(fb.format), static_cast<std::size_t>(right - left));
    }
}

} // namespace

drm_mode_modeinfo display_state::mode_info() const
{
    drm_mode_modeinfo info{};
    if (mode)
        std::memcpy(&info, mode->bytes.data(), sizeof info); // its size is looked at where a mode is set
    return info;
}

scanout::scanout(gpu& g) : gpu_(g), lived_(owned_by::device, "scan-out", g.card) {}

// The screen is dark: nothing of a client's is held any more.
scanout::~scanout()
{
    const std::lock_guard held(gpu_.lock);
    now_ = {};
}

// --- Changes ----------------------------------------------------------------------------------------------

int scanout::check_plane(const display_state& next, int index) const
{
    const plane_state& p = next.planes[index];
    if (p.on_crtc != static_cast<bool>(p.fb))
        return -EINVAL;
    if (!p.fb)
        return 0;
    const framebuffer& fb = *p.fb;
    if (p.w == 0 || p.h == 0 || p.src_w == 0 || p.src_h == 0)
        return -EINVAL;
    if (p.w > INT32_MAX || p.h > INT32_MAX || p.x > INT32_MAX - static_cast<std::int32_t>(p.w) ||
        p.y > INT32_MAX - static_cast<std::int32_t>(p.h))
        return -ERANGE;
    const std::uint64_t fb_w = std::uint64_t{fb.width} << 16, fb_h = std::uint64_t{fb.height} << 16;
    if (p.src_w > fb_w || p.src_x > fb_w - p.src_w || p.src_h > fb_h || p.src_y > fb_h - p.src_h)
        return -ENOSPC;
    if (p.src_w >> 16 != p.w || p.src_h >> 16 != p.h)
        return -ERANGE; // it cannot scale
    if (plane_ids[index] == cursor_id && (p.w > cursor_size || p.h > cursor_size))
        return -EINVAL;
    return next.mode ? 0 : -EINVAL;
}

int scanout::check(const display_state& next) const
{
    if (static_cast<bool>(next.mode) != next.connected_to_crtc || (next.active && !next.mode))
        return -EINVAL;
    for (int i = 0; i < 3; ++i)
        if (const int err = check_plane(next, i))
            return err;
    return 0;
}

bool scanout::is_modeset(const display_state& next) const
{
    if (next.active != now_.active || next.connected_to_crtc != now_.connected_to_crtc)
        return true;
    const drm_mode_modeinfo a = now_.mode_info(), b = next.mode_info();
    return std::memcmp(&a, &b, sizeof a) != 0;
}

int scanout::reserve(const client_file& f) const
{
    const auto waiting = std::ranges::count(gpu_.pending, &f, &pending_event::file);
    return static_cast<std::size_t>(waiting) + f.events.size() < most_events ? 0 : -ENOMEM;
}

int scanout::commit(display_state next, client_file* file, std::uint64_t user_data)
{
    if (flip_pending_)
        return -EBUSY;
    if (file)
        if (const int err = reserve(*file))
            return err;
    const bool was_on = now_.is_on();
    now_ = std::move(next);
    if (now_.is_on() && !ended_) {
        flip_pending_ = true;
        if (file)
            gpu_.pending.push_back({file, sequence_ + 1, DRM_EVENT_FLIP_COMPLETE, user_data});
    } else if (file) { // no vblank will come
        deliver({file, sequence_, DRM_EVENT_FLIP_COMPLETE, user_data});
    }
    if (was_on != now_.is_on()) {
        if (!now_.is_on())
            tick(vgpu::now_ns()); // those who wait for one get a last one
        gpu_.flipped.notify_all();
    }
    return 0;
}

void scanout::remove(const framebuffer* fb)
{
    const bool was_on = now_.is_on();
    for (int i = 0; i < 3; ++i) {
        if (now_.planes[i].fb.get() != fb)
            continue;
        now_.planes[i] = {};
        if (plane_ids[i] == primary_id)
            now_.active = false;
    }
    if (was_on && !now_.is_on())
        tick(vgpu::now_ns());
}

// --- Vblanks ----------------------------------------------------------------------------------------------

void scanout::deliver(const pending_event& e)
{
    drm_event_vblank event{};
    event.base.type = e.type;
    event.base.length = sizeof event;
    event.user_data = e.user_data;
    event.tv_sec = static_cast<std::uint32_t>(time_ns_ / 1'000'000'000);
    event.tv_usec = static_cast<std::uint32_t>(time_ns_ / 1000 % 1'000'000);
    event.sequence = static_cast<std::uint32_t>(sequence_);
    event.crtc_id = crtc_id;
    std::vector<std::uint8_t> bytes(sizeof event);
    std::memcpy(bytes.data(), &event, sizeof event);
    e.file->events.push_back(std::move(bytes));
    send_events(*e.file);
}

int scanout::queue_vblank_event(client_file& file, std::uint64_t due, std::uint64_t user_data)
{
    if (ended_)
        return -ENODEV;
    if (const int err = reserve(file))
        return err;
    const pending_event e{&file, due, DRM_EVENT_VBLANK, user_data};
    if (due <= sequence_)
        deliver(e);
    else
        gpu_.pending.push_back(e);
    return 0;
}

void scanout::tick(std::int64_t now_ns)
{
    ++sequence_;
    time_ns_ = now_ns;
    flip_pending_ = false;
    const bool last = ended_ || !now_.is_on();
    std::erase_if(gpu_.pending, [&](const pending_event& e) {
        const bool happens = last || e.due <= sequence_;
        if (happens)
            deliver(e);
        return happens;
    });
    for (client_file* f : gpu_.files)
        send_events(*f);
    gpu_.flipped.notify_all();
}

void scanout::end(std::int64_t now_ns)
{
    ended_ = true;
    tick(now_ns);
}

// --- The picture ------------------------------------------------------------------------------------------

image scanout::compose() const
{
    image picture;
    if (!now_.is_on())
        return picture;
    const drm_mode_modeinfo mode = now_.mode_info();
    picture.width = mode.hdisplay;
    picture.height = mode.vdisplay;
    picture.rgb.resize(std::size_t{3} * picture.width * picture.height);
    if (now_.dpms == DRM_MODE_DPMS_ON)
        for (const plane_state& p : now_.planes)
            if (p.fb)
                put_plane(picture, p);
    return picture;
}

} // namespace vgpu
