// SPDX-License-Identifier: MIT
#include "hardware.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "samples.h"
#include "timeline.h"

namespace hotunplug {
namespace {

// Words between the process and the hand on it.
constexpr char hold_word = 'h', holding_word = 'H', unanswered_word = 'u', pull_word = 'p', closed_word = 'c';

struct line_path {
    char text[64];
};

class machine {
public:
    explicit machine(int control) : control_(control), line_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {}

    int run()
    {
        line_path path{};
        if (!line_ || grantpt(line_.get()) || unlockpt(line_.get()) ||
            ptsname_r(line_.get(), path.text, sizeof path.text)) {
            std::perror("hotunplug: no pseudo-terminal");
            return 1;
        }
        send(control_, path);
        for (;;) {
            pollfd events[] = {{control_, POLLIN, 0}, {line_open_ ? line_.get() : -1, POLLIN, 0}};
            if (poll(events, 2, -1) < 0) {
                if (errno == EINTR)
                    continue;
                return 1;
            }
            // What has come over the line first: the hand asks about it.
            if (events[1].revents)
                listen();
            else if (events[0].revents && !obey())
                return 0;
        }
    }

private:
    // One command of the driver's.
    void listen()
    {
        char command = 0;
        if (read(line_.get(), &command, 1) != 1) {
            line_open_ = false; // the driver has closed it
            note(hardware_lane, "the line was closed by the driver");
            return;
        }
        if (command == stop_command) {
            ++stops_;
            note(hardware_lane, "told to stop measuring");
        } else if (holding_) {
            note(hardware_lane, "asked to measure, stays silent");
            send(control_, unanswered_word);
        } else {
            if (command == start_command)
                note(hardware_lane, "told to start, measures block %u", next_);
            else
                note(hardware_lane, "measures block %u", next_);
            answer(measured(next_++));
        }
    }

    void answer(const block& b) const
    {
        for (std::size_t done = 0; done < b.size();) {
            const ssize_t written = write(line_.get(), b.data() + done, b.size() - done);
            if (written < 0 && errno != EINTR)
                return;
            done += written > 0 ? static_cast<std::size_t>(written) : 0;
        }
    }

    // One word of the hand's. Returns: false at the end.
    bool obey()
    {
        char word = 0;
        if (!receive(control_, &word))
            return false;
        switch (word) {
        case hold_word:
            holding_ = true;
            send(control_, holding_word);
            return true;
        case pull_word:
            mark(hardware_lane, event::gone, "the plug is pulled: the line's other end closes");
            return false;
        case closed_word:
            while (line_open_)
                listen();
            send(control_, stops_);
            return true;
        default:
            return false;
        }
    }

    int control_;
    unique_fd line_;
    bool line_open_ = true;
    bool holding_ = false;
    std::uint32_t next_ = 0;
    int stops_ = 0;
};

} // namespace

hardware::hardware()
{
    connection both = connect_pair();
    pid_ = fork_keeping({both.theirs.get()});
    if (pid_ == 0) {
        start_watchdog(20);
        const int status = machine(both.theirs.get()).run();
        _exit(status);
    }
    control_ = std::move(both.ours);
    both.theirs.reset();

    line_path path{};
    if (receive(control_.get(), &path))
        line_ = path.text;
}

bool hardware::hold()
{
    return send(control_.get(), hold_word) && await(control_.get(), holding_word);
}

bool hardware::await_unanswered(int count)
{
    for (int i = 0; i < count; ++i)
        if (!await(control_.get(), unanswered_word))
            return false;
    return true;
}

bool hardware::pull()
{
    return send(control_.get(), pull_word);
}

int hardware::stops_after_close()
{
    int stops = -1;
    return send(control_.get(), closed_word) && receive(control_.get(), &stops) ? stops : -1;
}

bool hardware::join()
{
    shutdown(control_.get(), SHUT_RDWR); // whatever it waits for, it ends
    return ended_well(pid_);
}

} // namespace hotunplug
