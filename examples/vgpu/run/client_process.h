// SPDX-License-Identifier: MIT
//
// A client: somebody else's program, started so that it finds the virtual display.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "../server/fd.h"

namespace vgpu {

class client_process {
public:
    // Starts it in a process group of its own. Its output is kept, and its input stays open and empty.
    // `environment`: what it finds there besides ours, as "NAME=value".
    client_process(std::vector<std::string> command, std::vector<std::string> environment);
    ~client_process();
    client_process(client_process&&) = default;
    client_process& operator=(client_process&&) = delete;

    const std::string& name() const { return name_; }
    pid_t pid() const { return pid_; }
    bool has_started() const { return pid_ > 0; }
    int output() const { return output_.get(); }
    int end_is_readable() const { return pidfd_.get(); }

    // Takes what it has written. False: it has closed its output.
    bool read_output();
    // True if it has ended, with `*status` as waitpid tells it.
    bool has_ended();
    int status() const { return status_; }
    // The last line it wrote that is not empty.
    std::string last_line() const;
    const std::string& text() const { return text_; }

    void press_enter();
    // Ends it and everything it started, and waits for it.
    void kill();

    // What its threads are doing, as the system tells it: "poll", "futex", ...; empty if the system does not
    // tell.
    std::string system_call() const;

private:
    std::string name_;
    pid_t pid_ = -1;
    unique_fd pidfd_;
    unique_fd input_;
    unique_fd output_;
    std::string text_;
    bool ended_ = false;
    int status_ = 0;
};

} // namespace vgpu
