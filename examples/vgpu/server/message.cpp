// SPDX-License-Identifier: MIT
#include "message.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace vgpu {

bool send_message(int to, const message& m, int fd)
{
    iovec parts[2] = {
        {const_cast<vgpu_message*>(&m.head), sizeof m.head}, // SAFETY: sendmsg writes to neither
        {const_cast<std::uint8_t*>(m.bytes), m.size}};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    msghdr all{};
    all.msg_iov = parts;
    all.msg_iovlen = 2;
    if (fd >= 0) {
        all.msg_control = control;
        all.msg_controllen = sizeof control;
        cmsghdr* head = CMSG_FIRSTHDR(&all);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    ssize_t sent = 0;
    do
        sent = sendmsg(to, &all, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

bool receive_message(int from, message* m, unique_fd* fd)
{
    iovec parts[2] = {{&m->head, sizeof m->head}, {m->bytes, sizeof m->bytes}};
    constexpr std::size_t most_fds = 16; // that a message of somebody else's making may bring
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * most_fds)];
    msghdr all{};
    all.msg_iov = parts;
    all.msg_iovlen = 2;
    all.msg_control = control;
    all.msg_controllen = sizeof control;
    ssize_t received = 0;
    do
        received = recvmsg(from, &all, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return false;
    for (cmsghdr* head = CMSG_FIRSTHDR(&all); head; head = CMSG_NXTHDR(&all, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
            continue;
        const std::size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int one = -1;
            std::memcpy(&one, CMSG_DATA(head) + i * sizeof one, sizeof one);
            fd->reset(one); // the last one counts, the others are closed
        }
    }
    if (received < static_cast<ssize_t>(sizeof m->head))
        return false;
    m->size = static_cast<std::size_t>(received) - sizeof m->head;
    return true;
}

int listen_at(const std::string& path, int backlog, unique_fd* made)
{
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path)
        return -ENAMETOOLONG;
    std::memcpy(name.sun_path, path.c_str(), path.size());
    made->reset(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // SAFETY: the way sockets take addresses.
    if (!*made || bind(made->get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) ||
        listen(made->get(), backlog))
        return -errno;
    return 0;
}

namespace {

std::uint64_t name_in(const sockaddr_un& name, socklen_t length)
{
    constexpr std::size_t digits = 5; // what autobind finds
    if (name.sun_family != AF_UNIX || length != offsetof(sockaddr_un, sun_path) + 1 + digits ||
        name.sun_path[0] != '\0')
        return 0;
    std::uint64_t id = 0;
    std::memcpy(&id, name.sun_path + 1, digits);
    return id;
}

} // namespace

// SAFETY of the casts: the way sockets tell addresses.
std::uint64_t name_of_peer(int socket)
{
    sockaddr_un name{};
    socklen_t length = sizeof name;
    return getpeername(socket, reinterpret_cast<sockaddr*>(&name), &length) ? 0 : name_in(name, length);
}

std::uint64_t name_of(int socket)
{
    sockaddr_un name{};
    socklen_t length = sizeof name;
    return getsockname(socket, reinterpret_cast<sockaddr*>(&name), &length) ? 0 : name_in(name, length);
}

} // namespace vgpu
