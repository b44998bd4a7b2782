// SPDX-License-Identifier: MIT
#include "line.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "timeline.h"

namespace hotunplug {

unique_fd open_line(const char* path)
{
    unique_fd fd(open(path, O_RDWR | O_NOCTTY | O_CLOEXEC));
    termios settings{};
    if (!fd || tcgetattr(fd.get(), &settings))
        return unique_fd();
    cfmakeraw(&settings);
    if (tcsetattr(fd.get(), TCSANOW, &settings))
        return unique_fd();
    return fd;
}

line::~line()
{
    fd_.reset();
    released(resource::line, "closed");
}

int line::command(char letter) noexcept
{
    return write(fd_.get(), &letter, 1) == 1 ? 0 : -errno;
}

int line::waiting() noexcept
{
    int bytes = 0;
    return ioctl(fd_.get(), FIONREAD, &bytes) ? -errno : bytes;
}

reader::reader(int line, int stop, std::function<void(const block&)> on_block,
               std::function<void()> on_hang_up)
    : line_(line),
      stop_(stop),
      on_block_(std::move(on_block)),
      on_hang_up_(std::move(on_hang_up)),
      thread_([this] { run(); })
{
}

reader::~reader()
{
    eventfd_write(stop_, 1);
    thread_.join();
    released(resource::reader, "stopped by the eventfd and joined");
}

void reader::run()
{
    block b;
    std::size_t filled = 0;
    for (;;) {
        pollfd events[] = {{line_, POLLIN, 0}, {stop_, POLLIN, 0}};
        if (poll(events, 2, -1) < 0 && errno != EINTR)
            return;
        if (events[1].revents)
            return;
        if (!events[0].revents)
            continue;
        const ssize_t got = read(line_, b.data() + filled, b.size() - filled);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) { // a terminal without its other end: nothing, or EIO
            on_hang_up_();
            return;
        }
        filled += static_cast<std::size_t>(got);
        if (filled == b.size()) {
            on_block_(b);
            filled = 0;
        }
    }
}

} // namespace hotunplug
