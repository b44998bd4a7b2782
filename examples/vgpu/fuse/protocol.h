// SPDX-License-Identifier: MIT
//
// The kernel's FUSE protocol, and of it what Debian 12's headers do not know yet: passthrough, which Linux
// has had since 6.9.
#pragma once

#include <cstdint>

#include <linux/fuse.h>
#include <sys/ioctl.h>

namespace vgpu {

inline constexpr std::uint32_t fuse_minor = 40;
inline constexpr std::uint32_t fuse_passthrough_flag2 = 1u << (37 - 32); // FUSE_PASSTHROUGH, in flags2
inline constexpr std::uint32_t fopen_passthrough = 1u << 7;

struct passthrough_init_out { // fuse_init_out
    std::uint32_t major, minor, max_readahead, flags;
    std::uint16_t max_background, congestion_threshold;
    std::uint32_t max_write, time_gran;
    std::uint16_t max_pages, map_alignment;
    std::uint32_t flags2, max_stack_depth, unused[6];
};
static_assert(sizeof(passthrough_init_out) == sizeof(fuse_init_out));

struct passthrough_open_out { // fuse_open_out
    std::uint64_t fh;
    std::uint32_t open_flags;
    std::int32_t backing_id;
};
static_assert(sizeof(passthrough_open_out) == sizeof(fuse_open_out));

struct backing_map { // fuse_backing_map
    std::int32_t fd;
    std::uint32_t flags;
    std::uint64_t padding;
};
inline constexpr unsigned long backing_open_ioctl = _IOW(229, 1, backing_map);
inline constexpr unsigned long backing_close_ioctl = _IOW(229, 2, std::uint32_t);

} // namespace vgpu
