// SPDX-License-Identifier: MIT
#include "ioctl_call.h"

#include <cerrno>

#include "trace.h"

namespace vgpu {

long make_ioctl(devres::drm_file* file, std::uint32_t command, ioctl_structure& data, user_memory& user,
                pid_t group, std::size_t* back)
{
    *back = 0;
    if (_IOC_TYPE(command) != 'd')
        return -ENOTTY;
    const unsigned number = _IOC_NR(command);
    const unsigned long ours = ioctl_command(number);
    if (ours != 0 && (command & ours & (std::uint32_t{_IOC_READ} << _IOC_DIRSHIFT)) != 0)
        *back = _IOC_SIZE(command);
    ioctl_argument argument{data.bytes, &user};
    traced_call call(group, ioctl_name(number));
    const long result = devres::drm_ioctl(file, number, &argument);
    call.set_result(result);
    return result;
}

} // namespace vgpu
