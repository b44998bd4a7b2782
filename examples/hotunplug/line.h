// SPDX-License-Identifier: MIT
//
// The driver's end of the hardware's line, and the thread that listens to it. Nothing here knows of devres:
// these are classes as any program has them, owned by a device through devres_ptr and devm_new.
#pragma once

#include <functional>
#include <thread>

#include "process.h"
#include "samples.h"

namespace hotunplug {

// Opens a terminal as a plain stream of bytes. Returns: an empty one and errno on failure.
unique_fd open_line(const char* path);

class line {
public:
    explicit line(unique_fd fd) noexcept : fd_(std::move(fd)) {}
    ~line();
    line(const line&) = delete;
    line& operator=(const line&) = delete;

    int fd() const noexcept { return fd_.get(); }
    // Returns: 0 or -errno; -EIO if the hardware is gone.
    int command(char letter) noexcept;
    // How many bytes wait to be read. Returns: that or -errno.
    int waiting() noexcept;

private:
    unique_fd fd_;
};

// A thread that puts the line's bytes together to blocks. Its destructor stops it through `stop`, an
// eventfd, and waits for it. Both callbacks run on the thread; after on_hang_up there are no more.
class reader {
public:
    reader(int line, int stop, std::function<void(const block&)> on_block, std::function<void()> on_hang_up);
    ~reader();
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

private:
    void run();

    int line_;
    int stop_;
    std::function<void(const block&)> on_block_;
    std::function<void()> on_hang_up_;
    std::thread thread_; // last: it uses the others
};

} // namespace hotunplug
