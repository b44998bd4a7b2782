// SPDX-License-Identifier: MIT
#include "caller.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <poll.h>

#include "ioctl_call.h"
#include "trace.h"

using namespace devres;

namespace vgpu {

void caller::run()
{
    unique_fd shown;
    while (receive_message(connection_, &in_, &shown)) {
        bool going_on = true;
        switch (in_.head.word) {
        case VGPU_USE:
            going_on = use(std::move(shown));
            break;
        case VGPU_IOCTL:
            going_on = ioctl();
            break;
        case VGPU_MMAP:
            going_on = map();
            break;
        case VGPU_CLOSE:
            going_on = close();
            break;
        case VGPU_DATA: // the answer to a question that was given up
            break;
        default:
            return;
        }
        shown.reset();
        if (!going_on)
            return;
    }
}

bool caller::answer(std::int64_t result, std::size_t size, int fd)
{
    in_.head.word = VGPU_DONE;
    in_.head.result = result;
    in_.size = size;
    return send_message(connection_, in_, fd);
}

// Whoever names a file has to have its descriptor: a name alone opens nothing.
bool caller::use(unique_fd shown)
{
    std::erase_if(known_, [](const auto& entry) { return entry.second.expired(); });
    const std::shared_ptr<open_file> found = server_.find(in_.head.file);
    if (!shown || !found || name_of(shown.get()) != in_.head.file)
        return answer(-EBADF);
    known_[in_.head.file] = found;
    shown.reset(); // before the client goes on, which may close its own
    return answer(0);
}

std::shared_ptr<open_file> caller::file() const
{
    const auto found = known_.find(in_.head.file);
    return found == known_.end() ? nullptr : found->second.lock();
}

bool caller::ioctl()
{
    const std::shared_ptr<open_file> target = file();
    if (!target)
        return answer(-ESTALE);
    const std::uint32_t command = in_.head.number;
    if (in_.size > _IOC_SIZE(command))
        return answer(-EINVAL);
    ioctl_structure data;
    std::memcpy(data.bytes, in_.bytes, in_.size);
    std::size_t back = 0;
    const long result = make_ioctl(target->file, command, data, *this, process_, &back);
    gives_up_when_ = -1;
    std::memcpy(in_.bytes, data.bytes, back);
    return answer(result, back);
}

bool caller::map()
{
    const std::shared_ptr<open_file> target = file();
    if (!target)
        return answer(-ESTALE);
    traced_call call(process_, "mmap");
    std::uint64_t inside = 0;
    unique_fd memory;
    const int fd = memory_at(target->file, in_.head.address, in_.head.length, &inside);
    call.set_result(fd);
    if (fd < 0)
        return answer(fd);
    memory.reset(fd);
    in_.head.address = inside;
    return answer(0, 0, fd);
}

bool caller::close()
{
    server_.wait_if_closed(in_.head.file);
    return answer(0);
}

// --- The client's memory ----------------------------------------------------------------------------------

// A client that does not read is given up like one that does not answer.
long caller::ask()
{
    pollfd both[2] = {{connection_, POLLOUT, 0}, {gives_up_when_, POLLIN, 0}};
    while (poll(both, 2, -1) < 0)
        if (errno != EINTR)
            return -EFAULT;
    if (both[1].revents)
        return -ENODEV;
    return send_message(connection_, transfer_) ? await_data() : -EFAULT;
}

long caller::await_data()
{
    for (;;) {
        pollfd both[2] = {{connection_, POLLIN, 0}, {gives_up_when_, POLLIN, 0}};
        if (poll(both, 2, -1) < 0 && errno != EINTR)
            return -EFAULT;
        if (both[1].revents)
            return -ENODEV;
        if (!both[0].revents)
            continue;
        unique_fd unwanted;
        if (!receive_message(connection_, &transfer_, &unwanted) || transfer_.head.word != VGPU_DATA)
            return -EFAULT;
        return transfer_.head.result ? -EFAULT : 0;
    }
}

long caller::read(std::uint64_t address, void* to, std::size_t size)
{
    auto* next = static_cast<std::uint8_t*>(to); // SAFETY: bytes
    while (size > 0) {
        const std::size_t part = std::min<std::size_t>(size, VGPU_PAYLOAD_MAX);
        transfer_.head = {};
        transfer_.head.word = VGPU_READ;
        transfer_.head.address = address;
        transfer_.head.length = part;
        transfer_.size = 0;
        if (const long err = ask())
            return err;
        if (transfer_.size != part)
            return -EFAULT;
        std::memcpy(next, transfer_.bytes, part);
        next += part;
        address += part;
        size -= part;
    }
    return 0;
}

long caller::write(std::uint64_t address, const void* from, std::size_t size)
{
    const auto* next = static_cast<const std::uint8_t*>(from); // SAFETY: bytes
    while (size > 0) {
        const std::size_t part = std::min<std::size_t>(size, VGPU_PAYLOAD_MAX);
        transfer_.head = {};
        transfer_.head.word = VGPU_WRITE;
        transfer_.head.address = address;
        transfer_.head.length = part;
        transfer_.size = part;
        std::memcpy(transfer_.bytes, next, part);
        if (const long err = ask())
            return err;
        next += part;
        address += part;
        size -= part;
    }
    return 0;
}

} // namespace vgpu
