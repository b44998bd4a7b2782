// SPDX-License-Identifier: MIT
//
// A client that makes every call once, as it is meant: what each step must give, a test says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vgpu::test {

// How calls are made: through libc, or the shim's functions.
struct calls {
    int (*ioctl)(int fd, unsigned long command, void* argument);
    void* (*mmap)(void* address, std::size_t length, int protection, int flags, int fd, long offset);
};

struct tour_step {
    const char* ioctl;
    int result; // 0 or more, or -errno
};

// Does it all, with a display that nobody else uses. After a step that failed the next ones are made all the
// same.
std::vector<tour_step> tour(const calls& by, int fd);

} // namespace vgpu::test
