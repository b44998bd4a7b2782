// SPDX-License-Identifier: MIT
//
// The names of the calls that the driver knows: the tests pull the plug at each.
#pragma once

#include <string>
#include <vector>

#include "../driver/ioctl.h"

namespace vgpu::test {

inline std::vector<std::string> all_ioctls()
{
    std::vector<std::string> names;
    for (int number = 0; number < gpu_ioctl_count; ++number)
        if (ioctl_command(static_cast<unsigned>(number)))
            names.emplace_back(ioctl_name(static_cast<unsigned>(number)));
    return names;
}

} // namespace vgpu::test
