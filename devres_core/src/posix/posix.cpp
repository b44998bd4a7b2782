// SPDX-License-Identifier: MIT
//
// The compiled half of posix.h. Each kind of resource is a callable of a named type, which is what messages
// call it.

#include <devres/posix.h>

#include <cerrno>

#include <dlfcn.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace devres {

// What is attached, by the names that messages show.
namespace posix {

struct file_descriptor {
    int fd;
    void operator()() const noexcept { ::close(fd); }
};

struct mapping {
    void* memory;
    std::size_t bytes;
    void operator()() const noexcept { ::munmap(memory, bytes); }
};

struct epoll_watch {
    int epoll;
    int fd;
    void operator()() const noexcept { ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr); }
};

struct module {
    void* handle;
    void operator()() const noexcept { ::dlclose(handle); }
};

} // namespace posix

namespace detail {

int adopt_fd(devres_head* head, int fd, devres_action* handle) noexcept
{
    if (fd < 0)
        return errno ? -errno : -EBADF;
    const int err = add_callable_or_reset(head, posix::file_descriptor{fd}, handle);
    return err ? err : fd;
}

int make_eventfd(devres_head* head, unsigned initial, int flags) noexcept
{
    return adopt_fd(head, ::eventfd(initial, flags | EFD_CLOEXEC), nullptr);
}

int make_timerfd(devres_head* head, int clock, const itimerspec* time, int flags) noexcept
{
    const int fd = ::timerfd_create(clock, flags | TFD_CLOEXEC);
    if (fd >= 0 && time && ::timerfd_settime(fd, 0, time, nullptr)) {
        const int err = -errno;
        ::close(fd);
        return err;
    }
    return adopt_fd(head, fd, nullptr);
}

int make_signalfd(devres_head* head, const sigset_t* signals, int flags) noexcept
{
    const int fd = ::signalfd(-1, signals, flags | SFD_CLOEXEC);
    if (fd >= 0) {
        if (const int err = ::pthread_sigmask(SIG_BLOCK, signals, nullptr)) {
            ::close(fd);
            return -err;
        }
    }
    return adopt_fd(head, fd, nullptr);
}

int make_epoll(devres_head* head) noexcept
{
    return adopt_fd(head, ::epoll_create1(EPOLL_CLOEXEC), nullptr);
}

int watch_with_epoll(devres_head* head, int epoll, int fd, std::uint32_t events, void* data,
                     devres_action* handle) noexcept
{
    epoll_event event{};
    event.events = events;
    event.data.ptr = data;
    if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        return -errno;
    return add_callable_or_reset(head, posix::epoll_watch{epoll, fd}, handle);
}

int map_memory(devres_head* head, void** memory, std::size_t bytes, int protection, int flags, int fd,
               off_t offset, devres_action* handle) noexcept
{
    void* mapped = ::mmap(nullptr, bytes, protection, flags, fd, offset);
    if (mapped == MAP_FAILED)
        return -errno;
    const int err = add_callable_or_reset(head, posix::mapping{mapped, bytes}, handle);
    if (!err)
        *memory = mapped;
    return err;
}

int open_module(devres_head* head, void** module, const char* file, int flags) noexcept
{
    void* opened = ::dlopen(file, flags);
    if (!opened)
        return -ELIBACC;
    const int err = add_callable_or_reset(head, posix::module{opened}, nullptr);
    if (!err)
        *module = opened;
    return err;
}

} // namespace detail
} // namespace devres
