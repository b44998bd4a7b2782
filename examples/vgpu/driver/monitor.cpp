// SPDX-License-Identifier: MIT
#include "monitor.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <drm_fourcc.h>

namespace vgpu {
namespace {

constexpr std::uint32_t first = DRM_MODE_TYPE_DRIVER | DRM_MODE_TYPE_PREFERRED;
constexpr std::uint32_t other = DRM_MODE_TYPE_DRIVER;
constexpr std::uint32_t negative = DRM_MODE_FLAG_NHSYNC | DRM_MODE_FLAG_NVSYNC;
constexpr std::uint32_t positive = DRM_MODE_FLAG_PHSYNC | DRM_MODE_FLAG_PVSYNC;

// The timings of VESA's and CEA's standards.
constexpr drm_mode_modeinfo modes[] = {
    {65000, 1024, 1048, 1184, 1344, 0, 768, 771, 777, 806, 0, 60, negative, first, "1024x768"},
    {148500, 1920, 2008, 2052, 2200, 0, 1080, 1084, 1089, 1125, 0, 60, positive, other, "1920x1080"},
    {74250, 1280, 1390, 1430, 1650, 0, 720, 725, 730, 750, 0, 60, positive, other, "1280x720"},
    {40000, 800, 840, 968, 1056, 0, 600, 601, 605, 628, 0, 60, positive, other, "800x600"},
    {25175, 640, 656, 752, 800, 0, 480, 490, 492, 525, 0, 60, negative, other, "640x480"},
};

constexpr std::uint32_t all_formats[] = {DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888, DRM_FORMAT_RGB565};

std::uint8_t byte(std::uint32_t value)
{
    return static_cast<std::uint8_t>(value & 0xff);
}

// One of the EDID's four blocks of 18 bytes: the preferred mode.
void put_timing(std::uint8_t* to, const drm_mode_modeinfo& m)
{
    const std::uint32_t h_blank = m.htotal - m.hdisplay, v_blank = m.vtotal - m.vdisplay;
    const std::uint32_t h_front = m.hsync_start - m.hdisplay, h_sync = m.hsync_end - m.hsync_start;
    const std::uint32_t v_front = m.vsync_start - m.vdisplay, v_sync = m.vsync_end - m.vsync_start;
    constexpr std::uint32_t width_mm = 320, height_mm = 240;
    const std::uint8_t block[18] = {
        byte(m.clock / 10),
        byte(m.clock / 10 >> 8),
        byte(m.hdisplay),
        byte(h_blank),
        byte(std::uint32_t{m.hdisplay} >> 8 << 4 | h_blank >> 8),
        byte(m.vdisplay),
        byte(v_blank),
        byte(std::uint32_t{m.vdisplay} >> 8 << 4 | v_blank >> 8),
        byte(h_front),
        byte(h_sync),
        byte((v_front & 15) << 4 | (v_sync & 15)),
        byte((h_front >> 8) << 6 | (h_sync >> 8) << 4 | (v_front >> 4) << 2 | v_sync >> 4),
        byte(width_mm),
        byte(height_mm),
        byte((width_mm >> 8) << 4 | height_mm >> 8),
        0,
        0,
        0x18, // digital, separate sync, both negative
    };
    std::memcpy(to, block, sizeof block);
}

void put_text(std::uint8_t* to, std::uint8_t kind, const char* text)
{
    const std::size_t length = std::strlen(text);
    to[3] = kind;
    std::memset(to + 5, ' ', 13);
    std::memcpy(to + 5, text, length);
    to[5 + length] = '\n';
}

} // namespace

std::span<const drm_mode_modeinfo> monitor_modes()
{
    return modes;
}

// Between 10 Hz and 1 kHz: whoever changes the picture waits for a vblank, and unbind waits for him.
bool is_possible(const drm_mode_modeinfo& m)
{
    constexpr std::int64_t least_ns = 1'000'000, most_ns = 100'000'000;
    return m.clock > 0 && m.clock <= 1'000'000 && m.hdisplay > 0 && m.hdisplay <= m.hsync_start &&
           m.hsync_start <= m.hsync_end && m.hsync_end <= m.htotal && m.vdisplay > 0 &&
           m.vdisplay <= m.vsync_start && m.vsync_start <= m.vsync_end && m.vsync_end <= m.vtotal &&
           m.hdisplay <= max_size && m.vdisplay <= max_size && period_ns(m) >= least_ns &&
           period_ns(m) <= most_ns;
}

std::int64_t period_ns(const drm_mode_modeinfo& m)
{
    return std::int64_t{m.htotal} * m.vtotal * 1'000'000 / m.clock;
}

std::vector<std::uint8_t> make_edid()
{
    std::vector<std::uint8_t> edid(128);
    constexpr std::uint8_t start[] = {0, 255, 255, 255, 255, 255, 255, 0};
    std::ranges::copy(start, edid.begin());
    constexpr std::uint32_t maker = 4u << 10 | 22u << 5 | 18; // three letters: DVR
    edid[8] = byte(maker >> 8);
    edid[9] = byte(maker);
    edid[10] = 1;
    edid[17] = 36; // 1990 + 36
    edid[18] = 1;  // EDID 1.4
    edid[19] = 4;
    edid[20] = 0xa5; // digital, 8 bits per colour, DisplayPort
    edid[21] = 32;   // cm
    edid[22] = 24;
    edid[23] = 120;  // gamma 2.2
    edid[24] = 0x06; // sRGB; the first timing is the native one
    constexpr std::uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    std::ranges::copy(srgb, edid.begin() + 25);
    edid[35] = 0x21;                                                  // 640x480 and 800x600 at 60 Hz
    edid[36] = 0x08;                                                  // 1024x768 at 60 Hz
    std::fill(edid.begin() + 38, edid.begin() + 54, std::uint8_t{1}); // no other standard timing
    put_timing(&edid[54], modes[0]);
    put_text(&edid[72], 0xfc, "devres vgpu");
    put_text(&edid[90], 0xff, "1");
    edid[108 + 3] = 0x10; // nothing more
    std::uint8_t sum = 0;
    for (const std::uint8_t b : edid)
        sum = byte(sum + b);
    edid[127] = byte(256u - sum);
    return edid;
}

std::span<const std::uint32_t> formats()
{
    return all_formats;
}

bool is_format(std::uint32_t format)
{
    return std::ranges::find(all_formats, format) != std::end(all_formats);
}

std::uint32_t bytes_per_pixel(std::uint32_t format)
{
    return format == DRM_FORMAT_RGB565 ? 2 : 4;
}

std::uint32_t legacy_format(std::uint32_t bits, std::uint32_t depth)
{
    if (bits == 32 && depth == 24)
        return DRM_FORMAT_XRGB8888;
    if (bits == 32 && depth == 32)
        return DRM_FORMAT_ARGB8888;
    if (bits == 16 && depth == 16)
        return DRM_FORMAT_RGB565;
    return 0;
}

legacy_pixels legacy_of(std::uint32_t format)
{
    if (format == DRM_FORMAT_RGB565)
        return {16, 16};
    return {32, format == DRM_FORMAT_ARGB8888 ? 32u : 24u};
}

std::vector<std::uint8_t> make_format_list()
{
    drm_format_modifier_blob head{};
    head.version = FORMAT_BLOB_CURRENT;
    head.count_formats = static_cast<std::uint32_t>(std::size(all_formats));
    head.formats_offset = sizeof head;
    head.count_modifiers = 1;
    head.modifiers_offset = (head.formats_offset + static_cast<std::uint32_t>(sizeof all_formats) + 7) & ~7u;
    drm_format_modifier linear{};
    linear.formats = (1u << head.count_formats) - 1;
    linear.modifier = DRM_FORMAT_MOD_LINEAR;
    std::vector<std::uint8_t> bytes(head.modifiers_offset + sizeof linear);
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(bytes.data() + head.formats_offset, all_formats, sizeof all_formats);
    std::memcpy(bytes.data() + head.modifiers_offset, &linear, sizeof linear);
    return bytes;
}

} // namespace vgpu
