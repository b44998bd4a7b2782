// SPDX-License-Identifier: MIT
//
// The thread that has made a call, and its memory.
//
// The kernel says who it is (fuse_in_header.pid), not the client. It stays blocked in its call until the call
// is answered, whatever signal it gets, and so do its process's exec and the reuse of its number: what is
// read and written is the memory that the client itself could read and write at this address, and nobody
// else's. The one exception is root aborting the connection under /sys/fs/fuse/connections. A client that
// keeps its own page faults from ending, as userfaultfd can, is waited for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <sys/types.h>

#include "../driver/ioctl.h"

namespace vgpu {

class requester final : public user_memory {
public:
    // 0: a thread that has no number here, since it is in a pid namespace outside ours.
    explicit requester(pid_t thread) : thread_(thread) {}

    pid_t process() const; // 0: not known
    pid_t group() const;

    long read(std::uint64_t address, void* to, std::size_t size) override;
    long write(std::uint64_t address, const void* from, std::size_t size) override;
    void give_up_when(int) override {} // nobody is asked
    bool is_interrupted() const override { return interrupted_; }
    void interrupt() { interrupted_ = true; }

private:
    const pid_t thread_;
    std::atomic<bool> interrupted_{false};
};

} // namespace vgpu
