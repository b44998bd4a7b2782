// SPDX-License-Identifier: MIT
#include "requester.h"

#include <cerrno>
#include <fstream>
#include <string>

#include <sys/uio.h>
#include <unistd.h>

namespace vgpu {
namespace {

// Moves all of it, or says that a part is not there. `move` is process_vm_readv or process_vm_writev.
template <class Move>
long transfer(Move move, pid_t thread, std::uint64_t address, void* ours, std::size_t size)
{
    if (thread <= 0)
        return -EFAULT;
    auto* next = static_cast<std::uint8_t*>(ours); // SAFETY: bytes
    while (size > 0) {
        const iovec here{next, size};
        const iovec there{reinterpret_cast<void*>(address), size}; // SAFETY: not ours, and never followed
        const ssize_t moved = move(thread, &here, 1, &there, 1, 0);
        if (moved <= 0)
            return -EFAULT;
        next += moved;
        address += static_cast<std::uint64_t>(moved);
        size -= static_cast<std::size_t>(moved);
    }
    return 0;
}

} // namespace

long requester::read(std::uint64_t address, void* to, std::size_t size)
{
    return transfer(process_vm_readv, thread_, address, to, size);
}

long requester::write(std::uint64_t address, const void* from, std::size_t size)
{
    return transfer(process_vm_writev, thread_, address, const_cast<void*>(from), size); // SAFETY: it is read
}

pid_t requester::process() const
{
    std::ifstream status("/proc/" + std::to_string(thread_) + "/status");
    pid_t found = 0;
    for (std::string word; !found && status >> word;)
        if (word == "Tgid:")
            status >> found;
    return found;
}

pid_t requester::group() const
{
    return thread_ > 0 ? getpgid(thread_) : 0;
}

} // namespace vgpu
