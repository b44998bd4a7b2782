// SPDX-License-Identifier: MIT
#include "client.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>
#include <sys/socket.h>

#include "driver.h"
#include "protocol.h"
#include "samples.h"
#include "timeline.h"

namespace hotunplug {
namespace {

// The process itself. Each step returns false when something was not as expected, which ends it.
class caller {
public:
    caller(const client& self, int requests, int control)
        : lane_(client_lane(self.number())), habit_(self.does()), requests_(requests), control_(control)
    {
    }

    bool run()
    {
        return await(control_, go_word) && open() && measure() && say(working_word) &&
               await(control_, go_word) && call_until_gone() && say(gone_word) && await(control_, go_word) &&
               open_again() && look_at_memory() && say(done_word) && await(control_, close_word) && close();
    }

private:
    bool open()
    {
        unique_fd memory;
        const long result = call(open_command, 0, &memory);
        if (result)
            return wrong("open", result);
        void* mapped = mmap(nullptr, sizeof(samples), PROT_READ, MAP_SHARED, memory.get(), 0);
        if (mapped == MAP_FAILED)
            return wrong("mmap", -errno);
        memory_ = static_cast<const samples*>(mapped); // SAFETY: the driver made one there
        mark(lane_, event::opened, "opens the device, maps its memory");
        return true;
    }

    bool measure()
    {
        const long blocks = call(scope_ioctl_measure);
        if (blocks <= 0)
            return wrong("measure", blocks);
        note(lane_, "measures; %ld block%s in its memory now", blocks, blocks == 1 ? "" : "s");
        return memory_is_right();
    }

    // Inside the driver when the plug is pulled.
    bool call_until_gone()
    {
        switch (habit_) {
        case habit::waits:
            note(lane_, "wait for a block that never comes");
            return gone("wait", call(scope_ioctl_wait, samples::capacity + 1));
        case habit::measures:
            note(lane_, "measure, which waits for the hardware");
            return gone("measure", call(scope_ioctl_measure));
        case habit::polls:
            break;
        }
        note(lane_, "polls the line again and again");
        int good = 0, io_errors = 0;
        for (;;) {
            const long result = call(scope_ioctl_waiting);
            if (result >= 0) {
                if (++good == 1 && !say(working_word))
                    return false;
            } else if (result == -EIO) {
                ++io_errors;
            } else {
                note(lane_, "polled: %d times well, %d times -EIO", good, io_errors);
                return gone("then", result);
            }
        }
    }

    bool open_again()
    {
        const long result = call(open_command);
        return gone("opens again", result);
    }

    bool look_at_memory()
    {
        if (!memory_is_right())
            return false;
        note(lane_, "memory: all %u blocks as they were measured", memory_->complete.load());
        return true;
    }

    // The daemon sees the connection end, as it would if this process had been killed.
    bool close()
    {
        mark(lane_, event::closed, "closes");
        munmap(const_cast<samples*>(memory_), sizeof *memory_); // SAFETY: mapped by open()
        ::close(requests_);
        return true;
    }

    bool memory_is_right()
    {
        const std::uint32_t complete = memory_->complete.load(std::memory_order_acquire);
        for (std::uint32_t n = 0; n < complete; ++n)
            if (memory_->blocks[n] != measured(n))
                return wrong("memory: block", n);
        return complete > 0 || wrong("memory: blocks", 0);
    }

    long call(std::uint32_t command, std::uint32_t argument = 0, unique_fd* fd = nullptr)
    {
        reply answer{};
        if (!send(requests_, request{command, argument}) || !receive(requests_, &answer, fd))
            return -ECONNRESET;
        return answer.result;
    }

    bool say(char word) { return send(control_, word); }

    bool gone(const char* what, long result)
    {
        if (result != -ENODEV)
            return wrong(what, result);
        note(lane_, "%s: -ENODEV", what);
        return true;
    }

    bool wrong(const char* what, long result)
    {
        mark(lane_, event::wrong, "%s: %ld", what, result);
        return false;
    }

    lane lane_;
    habit habit_;
    int requests_;
    int control_;
    const samples* memory_ = nullptr;
};

} // namespace

client::client(int number) : number_(number)
{
    connection calls = connect_pair();
    connection control = connect_pair();
    pid_ = fork_keeping({calls.theirs.get(), control.theirs.get()});
    if (pid_ == 0) {
        start_watchdog(20);
        const bool well = caller(*this, calls.theirs.get(), control.theirs.get()).run();
        _exit(well ? 0 : 1);
    }
    requests_ = std::move(calls.ours);
    control_ = std::move(control.ours);
}

bool client::join()
{
    shutdown(control_.get(), SHUT_RDWR); // whatever it waits for, it ends
    return ended_well(pid_);
}

} // namespace hotunplug
