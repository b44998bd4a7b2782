// SPDX-License-Identifier: MIT
//
// A thread that is asked to stop, and joined, when its owner releases it.
//
// Thread safety: the thread's body sees only the devres_stop; everything else happens on the threads that
// start and release it.
// Invariants
// 1. The object is listed before its thread runs, so that a release finds and joins it.
// 2. The eventfd is open as long as the object lives, and the object lives until the thread is joined.

#include <devres/posix.h>

#include <cerrno>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <devres/detail/report.h>

namespace devres {

class devres_thread {
public:
    devres_thread() noexcept { stop_.fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }
    ~devres_thread()
    {
        if (running_) {
            if (::pthread_equal(thread_, ::pthread_self()))
                detail::bug("thread", nullptr, "it releases itself, and would wait for itself for ever");
            ::eventfd_write(stop_.fd_, 1);
            ::pthread_join(thread_, nullptr);
        }
        if (stop_.fd_ >= 0)
            ::close(stop_.fd_);
    }
    devres_thread(const devres_thread&) = delete;
    devres_thread& operator=(const devres_thread&) = delete;

    int start(void (*body)(void*, const devres_stop&), void* context, const char* name) noexcept
    {
        if (stop_.fd_ < 0)
            return -EMFILE;
        body_ = body;
        context_ = context;
        if (const int err = ::pthread_create(&thread_, nullptr, &run, this))
            return -err;
        running_ = true;
        if (name)
            ::pthread_setname_np(thread_, name);
        return 0;
    }

private:
    static void* run(void* self) noexcept
    {
        const auto* thread = static_cast<const devres_thread*>(self); // SAFETY: what start() handed over
        thread->body_(thread->context_, thread->stop_);
        return nullptr;
    }

    devres_stop stop_;
    void (*body_)(void*, const devres_stop&) = nullptr;
    void* context_ = nullptr;
    pthread_t thread_{};
    bool running_ = false;
};

bool devres_stop::requested() const noexcept
{
    pollfd stop{fd_, POLLIN, 0};
    return ::poll(&stop, 1, 0) > 0;
}

int devres_stop::wait_readable(int fd, int milliseconds) const noexcept
{
    pollfd events[] = {{fd_, POLLIN, 0}, {fd, POLLIN, 0}};
    for (;;) {
        const int ready = ::poll(events, 2, milliseconds);
        if (ready < 0 && errno == EINTR && milliseconds < 0)
            continue;
        if (ready < 0)
            return -errno;
        if (events[0].revents)
            return -ECANCELED;
        if (events[1].revents & POLLNVAL)
            return -EBADF;
        return ready == 0 ? -ETIMEDOUT : 0;
    }
}

ssize_t devres_stop::read(int fd, void* buffer, std::size_t bytes) const noexcept
{
    for (;;) {
        if (const int err = wait_readable(fd))
            return err;
        const ssize_t got = ::read(fd, buffer, bytes);
        if (got >= 0)
            return got;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
    }
}

namespace detail {

int start_thread(devres_head* head, void (*body)(void*, const devres_stop&), void* context, const char* name,
                 devres_thread** thread) noexcept
{
    auto* made = create<devres_thread>(head);
    if (!made)
        return -ENOMEM;
    if (const int err = made->start(body, context, name)) {
        end_thread(head, made);
        return err;
    }
    if (thread)
        *thread = made;
    return 0;
}

int end_thread(devres_head* head, devres_thread* thread) noexcept
{
    return destroy_object(head, thread, &object_resource<devres_thread>::ops);
}

} // namespace detail
} // namespace devres
