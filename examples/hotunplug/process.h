// SPDX-License-Identifier: MIT
//
// The few things the demo needs of processes: forking, sockets that carry messages and file descriptors, and
// an end in any case.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

namespace hotunplug {

// A file descriptor with an owner.
class unique_fd {
public:
    explicit unique_fd(int fd = -1) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept
    {
        reset(other.release());
        return *this;
    }
    ~unique_fd() { reset(); }

    explicit operator bool() const noexcept { return fd_ >= 0; }
    int get() const noexcept { return fd_; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void reset(int fd = -1) noexcept
    {
        if (const int old = std::exchange(fd_, fd); old >= 0)
            ::close(old);
    }

private:
    int fd_;
};

// Both ends of a connection that keeps messages apart.
struct connection {
    unique_fd ours;
    unique_fd theirs;
};
connection connect_pair();

// Forks. Returns 0 in the child, which keeps stdio and `kept` and closes every other file descriptor.
// Call before threads are started.
pid_t fork_keeping(std::initializer_list<int> kept);

// Returns: true iff the process ended by itself with status 0.
bool ended_well(pid_t pid);

// Ends this process with a message if it still runs after so many seconds.
void start_watchdog(unsigned seconds);

// One message, with a file descriptor if `fd` is not -1. Returns: false if the other end is closed.
bool send_message(int socket, const void* data, std::size_t size, int fd = -1);
bool receive_message(int socket, void* data, std::size_t size, unique_fd* fd = nullptr);

template <class Message>
bool send(int socket, const Message& message, int fd = -1)
{
    return send_message(socket, &message, sizeof message, fd);
}
template <class Message>
bool receive(int socket, Message* message, unique_fd* fd = nullptr)
{
    return receive_message(socket, message, sizeof *message, fd);
}

// Waits for this word. Returns: false if the other end closed or said something else.
bool await(int socket, char word);

// The open file descriptors of this process.
std::vector<int> open_files();

} // namespace hotunplug
