/* SPDX-License-Identifier: MIT */
/* What clients of a widget ask for: the same file in the kernel, here, and in a client. */
#ifndef WIDGET_UAPI_H
#define WIDGET_UAPI_H

#include <linux/types.h>

#define DRM_WIDGET_INFO 0
#define DRM_WIDGET_SHOW 1

struct widget_info {
    __u64 frames;
    __u32 num_modes;
    __u32 largest_mode;
};

struct widget_show {
    __u32 plane;
    __u32 address;
};

#define DRM_IOCTL_WIDGET_INFO DRM_IOR(DRM_COMMAND_BASE + DRM_WIDGET_INFO, struct widget_info)
#define DRM_IOCTL_WIDGET_SHOW DRM_IOW(DRM_COMMAND_BASE + DRM_WIDGET_SHOW, struct widget_show)

#endif
