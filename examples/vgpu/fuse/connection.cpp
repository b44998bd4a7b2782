// SPDX-License-Identifier: MIT
#include "connection.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/uio.h>

namespace vgpu {

// --- Requests ---------------------------------------------------------------------------------------------

const fuse_in_header& request::head() const
{
    return *reinterpret_cast<const fuse_in_header*>(bytes); // SAFETY: receive() has seen that it is there
}

void request::copy_body(void* to, std::size_t offset, std::size_t length) const
{
    const std::size_t begin = sizeof(fuse_in_header) + offset;
    if (begin < size)
        std::memcpy(to, bytes + begin, std::min(length, size - begin));
}

std::string request::name() const
{
    std::string text(size - sizeof(fuse_in_header), '\0');
    copy_body(text.data(), 0, text.size());
    return text.c_str(); // the kernel ends it with a zero
}

bool connection::receive(request* r)
{
    const ssize_t got = read(device_.get(), r->bytes, sizeof r->bytes);
    r->size = got < 0 ? 0 : static_cast<std::size_t>(got);
    return r->size >= sizeof(fuse_in_header);
}

// --- Mounting ---------------------------------------------------------------------------------------------

const char* connection::mount_at(const char* path)
{
    device_.reset(open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!device_)
        return "/dev/fuse cannot be opened";
    const std::string options =
        "fd=" + std::to_string(device_.get()) + ",rootmode=40000,user_id=0,group_id=0,allow_other";
    if (mount("vgpu", path, "fuse", MS_NOSUID | MS_NODEV | MS_NOEXEC, options.c_str()))
        return "the kernel does not mount it";
    mounted_at_ = path;
    return agree();
}

// The kernel has sent its first request while it mounted.
const char* connection::agree()
{
    request r;
    if (!receive(&r) || r.head().opcode != FUSE_INIT)
        return "the kernel says something else than INIT";
    const auto kernel = r.body<fuse_init_in>();
    passthrough_init_out ours{};
    ours.major = FUSE_KERNEL_VERSION;
    ours.minor = fuse_minor;
    ours.max_write = 4096;
    if (kernel.major != ours.major || kernel.minor < ours.minor || !(kernel.flags & FUSE_INIT_EXT) ||
        !(kernel.flags2 & fuse_passthrough_flag2))
        return "the kernel has no FUSE passthrough (Linux 6.9 with CONFIG_FUSE_PASSTHROUGH)";
    ours.flags = FUSE_INIT_EXT | FUSE_ATOMIC_O_TRUNC; // a device that is opened with O_TRUNC does not mind
    ours.flags2 = fuse_passthrough_flag2;
    ours.max_stack_depth = 1;
    return reply(r.head().unique, ours) ? nullptr : "the kernel does not take the answer to INIT";
}

// Whoever waits for an answer gets ECONNABORTED, and ENOTCONN from then on.
connection::~connection()
{
    if (!mounted_at_.empty())
        umount2(mounted_at_.c_str(), MNT_DETACH);
}

// --- Answers ----------------------------------------------------------------------------------------------

bool connection::send(std::uint64_t unique, int error, const void* data, std::size_t size)
{
    fuse_out_header head{static_cast<std::uint32_t>(sizeof head + size), error, unique};
    const iovec parts[2] = {{&head, sizeof head}, {const_cast<void*>(data), size}}; // SAFETY: only read
    return writev(device_.get(), parts, size ? 2 : 1) >= 0;
}

bool connection::reply(std::uint64_t unique, const void* data, std::size_t size)
{
    return send(unique, 0, data, size);
}

bool connection::reply_error(std::uint64_t unique, int error)
{
    return send(unique, error, nullptr, 0);
}

void connection::notify_poll(std::uint64_t handle)
{
    const fuse_notify_poll_wakeup_out who{handle};
    send(0, FUSE_NOTIFY_POLL, &who, sizeof who);
}

int connection::open_backing(int file)
{
    const backing_map map{file, 0, 0};
    const int number = ioctl(device_.get(), backing_open_ioctl, &map);
    return number < 0 ? -errno : number;
}

void connection::close_backing(int number)
{
    ioctl(device_.get(), backing_close_ioctl, &number);
}

} // namespace vgpu
