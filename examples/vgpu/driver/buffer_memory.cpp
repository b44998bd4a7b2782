// SPDX-License-Identifier: MIT
#include "buffer_memory.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace vgpu {

buffer_memory::buffer_memory(holds buffers)
    : buffers_(buffers), fd_(memfd_create("vgpu-buffer", MFD_CLOEXEC | MFD_ALLOW_SEALING))
{
}

buffer_memory::~buffer_memory()
{
    if (fd_ >= 0)
        close(fd_);
}

int buffer_memory::add(std::uint64_t size, std::uint64_t* begin)
{
    if (fd_ < 0 || ftruncate(fd_, static_cast<off_t>(end_ + size)))
        return -errno;
    // Whoever maps it shares it with the scan-out, which must not find it shorter.
    const int seals = F_SEAL_SHRINK | (buffers_ == holds::one ? F_SEAL_GROW | F_SEAL_SEAL : 0);
    if (fcntl(fd_, F_ADD_SEALS, seals))
        return -errno;
    *begin = end_;
    end_ += size;
    return 0;
}

void buffer_memory::remove(std::uint64_t begin, std::uint64_t size)
{
    if (buffers_ == holds::many)
        fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(begin),
                  static_cast<off_t>(size));
}

} // namespace vgpu
