// SPDX-License-Identifier: MIT
#include "process.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

namespace hotunplug {
namespace {

[[noreturn]] void fail(const char* what)
{
    std::perror(what);
    std::_Exit(1);
}

extern "C" void out_of_time(int)
{
    static constexpr char message[] = "hotunplug: no progress, giving up\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
    _exit(3);
}

} // namespace

connection connect_pair()
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
        fail("hotunplug: socketpair");
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

pid_t fork_keeping(std::initializer_list<int> kept)
{
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0)
        fail("hotunplug: fork");
    if (pid == 0)
        for (const int fd : open_files())
            if (fd > STDERR_FILENO && std::ranges::find(kept, fd) == kept.end())
                close(fd);
    return pid;
}

bool ended_well(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void start_watchdog(unsigned seconds)
{
    struct sigaction action = {};
    action.sa_handler = out_of_time;
    sigaction(SIGALRM, &action, nullptr);
    alarm(seconds);
}

bool send_message(int socket, const void* data, std::size_t size, int fd)
{
    iovec part{const_cast<void*>(data), size}; // SAFETY: sendmsg does not write to it
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (fd >= 0) {
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof fd);
        std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    ssize_t sent = 0;
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == static_cast<ssize_t>(size);
}

bool receive_message(int socket, void* data, std::size_t size, unique_fd* fd)
{
    iovec part{data, size};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    ssize_t received = 0;
    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return false;

    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
        int passed = -1;
        std::memcpy(&passed, CMSG_DATA(header), sizeof passed);
        unique_fd owner(passed);
        if (fd)
            *fd = std::move(owner);
    }
    return received == static_cast<ssize_t>(size);
}

bool await(int socket, char word)
{
    char heard = 0;
    return receive(socket, &heard) && heard == word;
}

std::vector<int> open_files()
{
    std::vector<int> files;
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd", error)) {
        const std::string name = file.path().filename();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        files.push_back(fd);
    }
    // The one that the listing itself had open is closed again by now.
    std::erase_if(files, [](int fd) { return fcntl(fd, F_GETFD) < 0; });
    return files;
}

} // namespace hotunplug
