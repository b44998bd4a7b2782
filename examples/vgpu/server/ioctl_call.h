// SPDX-License-Identifier: MIT
//
// An ioctl as both ways in make it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <sys/ioctl.h>
#include <sys/types.h>

#include "../driver/ioctl.h"

namespace vgpu {

// The structure that an ioctl takes: what the client gave of it, and zeros.
struct ioctl_structure {
    alignas(std::max_align_t) std::uint8_t bytes[1u << _IOC_SIZEBITS] = {};
};

// As drm_ioctl in Linux: the client's structure may be shorter or longer than ours. `group`: who calls.
// Returns: the result; `*back` is how many bytes the client gets back, whether it failed or not.
long make_ioctl(devres::drm_file* file, std::uint32_t command, ioctl_structure& data, user_memory& user,
                pid_t group, std::size_t* back);

} // namespace vgpu
