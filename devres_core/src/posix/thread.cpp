// SPDX-License-Identifier: MIT
//
// A thread that is asked to stop, and joined, when its owner releases it.
//
// Thread safety: the thread's body sees only the devres_stop; everything else happens on the threads that
// start and release it.
// Invariants
// 1. The thread is made before its resource is whole (A8), so whoever releases it finds a thread to join.
// 2. It calls its body once the resource is whole, and not at all if a release came first: it waits for the
//    resource's state to say which. So a body that ends its owner finds its own thread on the list, and does
//    not wait for the one who starts it.
// 3. The eventfd and the callable live as long as the object, and the object until the thread is joined.

#include <devres/posix.h>

#include <cerrno>
#include <cstdio>
#include <new>

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <devres/detail/report.h>

#include "env/posix/futex.h"
#include "list/state.h"

namespace devres {

class devres_thread {
public:
    devres_thread(void* callable, const detail::thread_body* body) noexcept : callable_(callable), body_(body)
    {
        stop_.fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    ~devres_thread()
    {
        body_->destroy(callable_);
        if (stop_.fd_ >= 0)
            ::close(stop_.fd_);
    }
    devres_thread(const devres_thread&) = delete;
    devres_thread& operator=(const devres_thread&) = delete;

    int start(const char* name) noexcept
    {
        if (stop_.fd_ < 0)
            return -EMFILE;
        if (const int err = ::pthread_create(&thread_, nullptr, &run, this))
            return -err;
        if (name) {
            char short_name[16];
            std::snprintf(short_name, sizeof short_name, "%s", name);
            ::pthread_setname_np(thread_, short_name);
        }
        return 0;
    }

    // Requires: it was started.
    void stop_and_join(devres_head* head) noexcept
    {
        if (generation_ != detail::fork_generation())
            return; // this is the child of a fork: the thread is in the parent, which the eventfd would reach
        if (::pthread_equal(thread_, ::pthread_self()))
            would_join_itself(head);
        ::eventfd_write(stop_.fd_, 1);
        let_begin(detail::resource::of(this));
        ::pthread_join(thread_, nullptr);
    }

    // The state of `res`, whose thread waits until that is decided, has changed. Uses the address only: a
    // thread that runs may have been released meanwhile.
    static void let_begin(const detail::resource* res) noexcept { detail::futex_wake(res->state, 1); }

private:
    // Not noexcept: the body may call pthread_exit().
    static void* run(void* self)
    {
        auto* thread = static_cast<devres_thread*>(self); // SAFETY: what start() handed over
        if (thread->await_decision() == detail::life_state::listed)
            thread->body_->call(thread->callable_, thread->stop_);
        return nullptr;
    }

    // Returns: listed once the resource is whole; abandoned if it was released before, and is to be joined.
    detail::life_state await_decision() noexcept
    {
        const detail::resource* res = detail::resource::of(this);
        for (;;) {
            const auto state = detail::resource_state::of(res, std::memory_order_acquire);
            if (state.life() != detail::life_state::constructing)
                return state.life();
            detail::futex_wait(res->state, state.bits());
        }
    }

    [[noreturn]] void would_join_itself(devres_head* head) const noexcept
    {
        char name[16] = "";
        ::pthread_getname_np(thread_, name, sizeof name);
        char what[400];
        std::snprintf(
            what, sizeof what,
            "thread \"%s\", which runs %s, stops itself or ends its owner: it would wait for itself", name,
            body_->name);
        detail::bug("thread", head, what);
    }

    devres_stop stop_;
    void* callable_;
    const detail::thread_body* body_;
    pthread_t thread_{};
    const unsigned generation_ = detail::fork_generation();
};

bool devres_stop::requested() const noexcept
{
    pollfd stop{fd_, POLLIN, 0};
    return ::poll(&stop, 1, 0) > 0;
}

int devres_stop::wait_readable(int fd, int milliseconds) const noexcept
{
    if (fd < 0) // which poll(2) would ignore
        return requested() ? -ECANCELED : -EBADF;
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

namespace {

// What no place is made for but a thread that start_thread() has started.
void end_started(devres_head* head, resource* res) noexcept
{
    auto* thread = static_cast<devres_thread*>(res->payload()); // SAFETY: only threads have `started`
    thread->stop_and_join(head);
    thread->~devres_thread();
}

// At a cut-off (C12): its body would run out of freed memory, and use what is freed with it.
void join_started(devres_head* head, resource* res) noexcept
{
    static_cast<devres_thread*>(res->payload())->stop_and_join(head); // SAFETY: as above
}

constexpr resource_ops started{resource_kind::object, &end_started, type_name<devres_thread>, &join_started};

} // namespace

static_assert(sizeof(devres_thread) <= thread_callable<char>::offset);
static_assert(alignof(devres_thread) <= thread_callable<char>::align);

const resource_ops* thread_kind() noexcept
{
    return &started;
}

int start_thread(construction& place, void* callable, const thread_body* body, const char* name,
                 devres_thread** thread) noexcept
{
    auto* made = ::new (place.memory()) devres_thread(callable, body);
    if (const int err = made->start(name)) {
        made->~devres_thread();
        return err;
    }
    const resource* res = resource::of(made);
    if (!place.commit())
        return -ECANCELED; // released meanwhile, and joined
    devres_thread::let_begin(res);
    if (thread)
        *thread = made;
    return 0;
}

int end_thread(devres_head* head, devres_thread* thread) noexcept
{
    return destroy_object(head, thread, &started);
}

} // namespace detail
} // namespace devres
