// SPDX-License-Identifier: MIT
#include "server.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "../wire.h"
#include "caller.h"
#include "card_folder.h"
#include "message.h"
#include "trace.h"

using namespace devres;

namespace vgpu {
namespace {

// What an epoll event is about: a descriptor that listens, or a file by its name.
constexpr std::uint64_t is_listener = 1ull << 63;

ucred credentials(int socket)
{
    ucred who{};
    socklen_t length = sizeof who;
    getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &length);
    return who;
}

bool has_hung_up(int socket)
{
    pollfd one{socket, 0, 0};
    return poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR));
}

} // namespace

open_file::open_file(drm_file* opened, unique_fd connection, std::atomic<std::size_t>& count)
    : file(opened), socket(std::move(connection)), name(name_of_peer(socket.get())), count_(count)
{
    ++count_;
}

open_file::~open_file()
{
    drm_close(file);
    --count_;
}

bool open_file::take_event(const std::vector<std::uint8_t>& event)
{
    return send(socket.get(), event.data(), event.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
           errno != EAGAIN;
}

// --- Life -------------------------------------------------------------------------------------------------

server::server()
{
    const char* base = std::getenv("TMPDIR");
    std::string path = std::string(base && *base ? base : "/tmp") + "/vgpu-XXXXXX";
    if (const char* made = mkdtemp(path.data()))
        folder_ = made;
}

int server::start()
{
    if (folder_.empty())
        return -ENOENT;
    std::error_code ignored;
    for (const char* part : {"/dev/dri", "/sys/dev/char", "/sys/class/drm"})
        std::filesystem::create_directories(folder_ + part, ignored);
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    if (!stop_ || !epoll_)
        return -errno;
    if (const int err = listen_at(folder_ + VGPU_CALLS_SOCKET, 512, &calls_))
        return err;
    for (const int fd : {stop_.get(), calls_.get()}) {
        epoll_event e{EPOLLIN, {.u64 = is_listener | static_cast<std::uint64_t>(fd)}};
        if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e))
            return -errno;
    }
    thread_ = std::thread([this] { run(); });
    return 0;
}

server::~server()
{
    if (thread_.joinable()) {
        eventfd_write(stop_.get(), 1);
        thread_.join();
    }
    std::map<std::uint64_t, std::shared_ptr<open_file>> files;
    {
        std::unique_lock held(lock_);
        stopping_ = true;
        files.swap(files_);
        for (const int fd : callers_)
            shutdown(fd, SHUT_RDWR);
        for (const auto& [name, file] : files)
            set_closing(file->file);
        changed_.wait(held, [this] { return callers_.empty(); });
    }
    files.clear();
    std::error_code ignored;
    if (!folder_.empty())
        std::filesystem::remove_all(folder_, ignored);
}

// --- Listening --------------------------------------------------------------------------------------------

std::vector<std::string> server::environment(const std::string& shim) const
{
    return {"LD_PRELOAD=" + shim, VGPU_DIR_VARIABLE "=" + folder_};
}

int server::add_card(int card, drm_device* drm)
{
    const std::string path = folder_ + "/dev/dri/" + card_name(card);
    describe_card(folder_, card);
    unique_fd socket;
    int err = listen_at(path, 128, &socket);
    if (!err) {
        const std::lock_guard held(accepting_);
        const int fd = socket.get();
        epoll_event e{EPOLLIN, {.u64 = is_listener | static_cast<std::uint64_t>(fd)}};
        err = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
        if (!err)
            listeners_[fd] = {card, drm, std::move(socket)};
    }
    if (err) {
        std::error_code ignored;
        std::filesystem::remove(path, ignored);
        forget_card(folder_, card);
    }
    return err;
}

// Connections that were not accepted are refused.
void server::remove_card(int card)
{
    std::error_code ignored;
    std::filesystem::remove(folder_ + "/dev/dri/" + card_name(card), ignored);
    {
        const std::lock_guard held(accepting_);
        std::erase_if(listeners_, [card](const auto& entry) { return entry.second.card == card; });
    }
    forget_card(folder_, card);
}

void server::run()
{
    for (;;) {
        epoll_event events[32];
        const int count = epoll_wait(epoll_.get(), events, 32, -1);
        if (count < 0 && errno != EINTR)
            return;
        for (int i = 0; i < count; ++i) {
            const std::uint64_t what = events[i].data.u64;
            if (!(what & is_listener)) {
                drop(what);
                continue;
            }
            const int fd = static_cast<int>(what & ~is_listener);
            if (fd == stop_.get())
                return;
            if (fd == calls_.get())
                accept_caller();
            else
                accept_card(fd);
        }
    }
}

// The number of a listener that was closed may be a new one's by now: then this one waits for nobody, and
// goes.
void server::accept_card(int listener)
{
    unique_fd refused;
    std::shared_ptr<open_file> opened;
    message answer;
    answer.head.word = VGPU_DONE;
    {
        std::optional<traced_call>
            call; // if it is held (see hold_at), then without the lock that remove_card() takes
        const std::lock_guard held(accepting_);
        const auto found = listeners_.find(listener);
        if (found == listeners_.end())
            return;
        unique_fd connection(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection)
            return;
        const std::uint64_t name = name_of_peer(connection.get());
        const ucred who = credentials(connection.get());
        const pid_t group = getpgid(who.pid);
        call.emplace(group, "open");
        drm_file* file = nullptr;
        answer.head.result = name ? drm_open(found->second.drm, &file) : -EINVAL;
        call->set_result(static_cast<long>(answer.head.result));
        if (answer.head.result) {
            refused = std::move(connection);
        } else {
            drop(name); // the kernel gives a name again, perhaps before its end was noticed here
            opened = std::make_shared<open_file>(file, std::move(connection), count_);
            set_client(file, who.pid, who.uid, *opened);
            opened->process = group;
            const std::lock_guard also(lock_);
            files_[name] = opened;
        }
    }
    send_message(opened ? opened->socket.get() : refused.get(), answer);
    if (opened) {
        epoll_event e{0, {.u64 = opened->name}}; // hang-up is told in any case
        epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, opened->socket.get(), &e);
    }
}

// The client has closed its last descriptor.
void server::drop(std::uint64_t name)
{
    std::shared_ptr<open_file> file = find(name);
    if (!file || !has_hung_up(file->socket.get()))
        return;
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, file->socket.get(), nullptr);
    set_closing(file->file);
    {
        traced_call call(file->process, "close");
        {
            const std::lock_guard held(lock_);
            files_[name].reset(); // its name is taken until it is closed
        }
        file.reset(); // closes it, unless a call is under way
    }
    const std::lock_guard held(lock_);
    files_.erase(name);
    changed_.notify_all();
}

std::shared_ptr<open_file> server::find(std::uint64_t name) const
{
    const std::lock_guard held(lock_);
    const auto found = files_.find(name);
    return found == files_.end() ? nullptr : found->second;
}

void server::wait_if_closed(std::uint64_t name) const
{
    {
        const std::shared_ptr<open_file> file = find(name);
        if (file && !has_hung_up(file->socket.get()))
            return; // another descriptor of it is open
    }
    std::unique_lock held(lock_);
    changed_.wait(held, [&] { return stopping_ || !files_.contains(name); });
}

// --- Callers ----------------------------------------------------------------------------------------------

void server::accept_caller()
{
    unique_fd connection(accept4(calls_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection)
        return;
    {
        const std::lock_guard held(lock_);
        if (stopping_)
            return;
        callers_.insert(connection.get());
    }
    std::thread([this, c = std::move(connection)]() mutable { serve(std::move(c)); }).detach();
}

void server::serve(unique_fd connection)
{
    {
        caller one(*this, connection.get(), getpgid(credentials(connection.get()).pid));
        one.run();
    }
    // The destructor waits for the set to be empty, and this thread touches nothing of the server's
    // afterwards.
    const std::lock_guard held(lock_);
    callers_.erase(connection.get());
    connection.reset();
    changed_.notify_all();
}

} // namespace vgpu
