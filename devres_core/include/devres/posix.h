// SPDX-License-Identifier: MIT
//
// What a daemon takes from the system, held by an owner: file descriptors, mappings, threads, modules.
//
// Every function works on any owner or proof, releases with it at its place in the order, and is written
// once.
// Thread safety: as managed.h.
// Errors: 0 or a file descriptor, else -errno; what was handed over to a call that fails is given back to the
// system first (as add_action_or_reset has it), unless its comment says otherwise.
//
// `handle`, where there is one, ends the resource early: handle.run() in O(1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <signal.h> // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/types.h>

#include <devres/managed.h>

struct itimerspec;

namespace devres {

class devres_thread;
class devres_stop;

namespace detail {

int adopt_fd(devres_head* head, int fd, devres_action* handle) noexcept;
int map_memory(devres_head* head, void** memory, std::size_t bytes, int protection, int flags, int fd,
               off_t offset, devres_action* handle) noexcept;
int make_eventfd(devres_head* head, unsigned initial, int flags) noexcept;
int make_timerfd(devres_head* head, int clock, const itimerspec* time, int flags) noexcept;
int make_signalfd(devres_head* head, const sigset_t* signals, int flags) noexcept;
int make_epoll(devres_head* head) noexcept;
int watch_with_epoll(devres_head* head, int epoll, int fd, std::uint32_t events, void* data,
                     devres_action* handle) noexcept;
int open_module(devres_head* head, void** module, const char* file, int flags) noexcept;

// What a managed thread runs: a callable, which lies in the thread's memory behind the devres_thread.
struct thread_body {
    void (*call)(void* callable, const devres_stop& stop);
    void (*destroy)(void* callable) noexcept;
    const char* name; // for messages
};
template <class F>
struct thread_callable {
    // SAFETY: `callable` was an F* when it was given to start_thread() together with `body`.
    static void call(void* callable, const devres_stop& stop) { (*static_cast<F*>(callable))(stop); }
    static void destroy(void* callable) noexcept { static_cast<F*>(callable)->~F(); }
    static constexpr thread_body body{&call, &destroy, type_name<F>};

    // Where it lies; a devres_thread, which only the compiled core knows, takes at most the bytes before.
    static constexpr std::size_t offset = (8 * sizeof(void*) + alignof(F) - 1) / alignof(F) * alignof(F);
    static constexpr std::size_t size = offset + sizeof(F);
    static constexpr std::size_t align = alignof(F) > alignof(void*) ? alignof(F) : alignof(void*);
};

const resource_ops* thread_kind() noexcept;
// Makes a devres_thread in `place`, starts it, and commits. The callable is the thread's from the call on.
int start_thread(construction& place, void* callable, const thread_body* body, const char* name,
                 devres_thread** thread) noexcept;
int end_thread(devres_head* head, devres_thread* thread) noexcept;

} // namespace detail

// What the body of a managed thread asks. Other threads may ask it as well.
class devres_stop {
public:
    // True once the owner wants the thread to return.
    bool requested() const noexcept;

    // Readable, and stays so, once a stop is requested: for the thread's own poll or epoll. A thread that
    // waits for nothing else calls wait_readable(stop.fd()).
    int fd() const noexcept { return fd_; }

    // Sleeps until `fd` can be read, at most so long (-1: for ever).
    // Returns:  0; -ECANCELED if a stop is requested, whatever there is to read; -ETIMEDOUT; -errno, which is
    //           -EBADF at once if `fd` is not open.
    int wait_readable(int fd, int milliseconds = -1) const noexcept;

    // A read that a stop wakes: as read(2), with -errno for errors and -ECANCELED if a stop is requested.
    // What others read as well must be O_NONBLOCK: else one that wakes up after another has taken everything
    // sleeps in read(2), where no stop wakes it.
    ssize_t read(int fd, void* buffer, std::size_t bytes) const noexcept;

private:
    friend class devres_thread;
    devres_stop() noexcept = default;
    int fd_ = -1;
};

namespace managed {

// --- File descriptors --------------------------------------------------------------------------------------

// Takes over an open file descriptor, as in `int fd = managed::adopt_fd(owner, open(path, O_RDONLY));`.
// Returns:  `fd`; -errno at once if `fd` is negative, so errno must still be that of the call that made it;
//           -ENOMEM, and it has been closed.
template <managed_owner_ref R>
[[nodiscard]] int adopt_fd(const R& owner, int fd, devres_action* handle = nullptr) noexcept
{
    return detail::adopt_fd(detail::head_of(owner), fd, handle);
}

// Close-on-exec, like all that is made here. Returns: the file descriptor, or -errno.
template <managed_owner_ref R>
[[nodiscard]] int eventfd(const R& owner, unsigned initial = 0, int flags = 0) noexcept
{
    return detail::make_eventfd(detail::head_of(owner), initial, flags);
}
// Armed with `time` unless that is null.
template <managed_owner_ref R>
[[nodiscard]] int timerfd(const R& owner, int clock, const itimerspec* time = nullptr, int flags = 0) noexcept
{
    return detail::make_timerfd(detail::head_of(owner), clock, time, flags);
}
// Blocks the signals in the calling thread, since they would be delivered otherwise: call it before threads
// are started, which inherit that. They stay blocked.
template <managed_owner_ref R>
[[nodiscard]] int signalfd(const R& owner, const sigset_t* signals, int flags = 0) noexcept
{
    return detail::make_signalfd(detail::head_of(owner), signals, flags);
}
template <managed_owner_ref R>
[[nodiscard]] int epoll(const R& owner) noexcept
{
    return detail::make_epoll(detail::head_of(owner));
}

// Has `epoll` watch `fd`, until release. `data` comes back in the events' data.ptr. Attach it after both.
// Returns:  0 or -errno.
template <managed_owner_ref R>
[[nodiscard]] int epoll_add(const R& owner, int epoll, int fd, std::uint32_t events, void* data,
                            devres_action* handle = nullptr) noexcept
{
    return detail::watch_with_epoll(detail::head_of(owner), epoll, fd, events, data, handle);
}

// --- Mappings and modules --------------------------------------------------------------------------------

// mmap(2), unmapped at release. `*memory` is set on success only.
// Returns:  0 or -errno.
template <managed_owner_ref R>
[[nodiscard]] int map(const R& owner, void** memory, std::size_t bytes, int protection, int flags, int fd,
                      off_t offset = 0, devres_action* handle = nullptr) noexcept
{
    return detail::map_memory(detail::head_of(owner), memory, bytes, protection, flags, fd, offset, handle);
}

// dlopen(3), closed at release: attach it before whatever calls its code. `*module` is set on success only.
// Returns:  0; -ENOMEM; -ELIBACC, and dlerror() says why.
template <managed_owner_ref R>
[[nodiscard]] int module(const R& owner, void** module, const char* file, int flags) noexcept
{
    return detail::open_module(detail::head_of(owner), module, file, flags);
}

// --- Objects that own something --------------------------------------------------------------------------

// Moves a unique_ptr, a lock, or any other object whose destructor gives something back, into the owner.
// Returns:  0: the object is the owner's, or went with it if that was released meanwhile (A8); -ENOMEM, and
//           it is as it was. What moving it throws is rethrown.
template <managed_owner_ref R, class T>
    requires(!std::is_lvalue_reference_v<T>)
[[nodiscard]] int adopt(const R& owner, T&& object)
{
    detail::construction place(detail::head_of(owner), &detail::object_resource<std::remove_cv_t<T>>::ops,
                               sizeof(T), alignof(T));
    if (!place)
        return -ENOMEM;
    detail::construct_at<T>(place.memory(), std::forward<T>(object));
    place.commit();
    return 0;
}

// --- Threads ---------------------------------------------------------------------------------------------

// Starts a thread that runs body(const devres_stop&), once it is attached. At release it is asked to stop and
// joined, and its body is destroyed; so what it uses has to be attached before it, and it must not wait for
// what only its owner's end brings. An end that is cut off (C12) stops and joins it as well, but does not
// destroy its body. In the child of a fork there is no thread: a release there only destroys the body. The
// body may call pthread_exit(); it must not be cancelled. `name` (15 characters) is what ps and gdb show.
// `*thread`, if given, is for stop_thread.
// The body must neither stop its own thread nor end its owner, as by dropping the last reference or unbinding
// the device: the thread would wait for itself. BUG, naming the owner, the thread and the body.
// Returns:  0; else -errno, and the body is not called: -ECANCELED after a WARN if the owner was released
//           before the thread was attached (A8).
template <managed_owner_ref R, class F>
    requires std::is_invocable_v < std::decay_t<F>
&, const devres_stop& > [[nodiscard]] int thread(const R& owner, F&& body, const char* name = nullptr,
                                                 devres_thread** thread = nullptr)
{
    using callable = std::decay_t<F>;
    using kept = detail::thread_callable<callable>;
    detail::construction place(detail::head_of(owner), detail::thread_kind(), kept::size, kept::align);
    if (!place)
        return -ENOMEM;
    void* const at = static_cast<unsigned char*>(place.memory()) + kept::offset;
    detail::construct_at<callable>(at, std::forward<F>(body));
    return detail::start_thread(place, at, &kept::body, name, thread);
}

// Asks it to stop, joins it and destroys its body, now. From the thread itself: BUG.
// Returns:  0; -ENOENT, after a WARN, if it is not a thread of this owner.
template <managed_owner_ref R>
int stop_thread(const R& owner, devres_thread* thread) noexcept
{
    return detail::end_thread(detail::head_of(owner), thread);
}

} // namespace managed
} // namespace devres
