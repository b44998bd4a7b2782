// SPDX-License-Identifier: MIT
//
// An open file: what is read from it, and who waits for that.
//
// Nobody sleeps here. A read that finds nothing is answered when an event comes, or its thread is
// interrupted.
//
// Thread safety: any thread. Its lock is taken inside gpu::lock.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include <sys/types.h>

#include "../driver/gpu.h"
#include "connection.h"
#include "requester.h"

namespace vgpu {

class open_card final : public event_sink {
public:
    // `count`: how many there are.
    open_card(connection& kernel, devres::drm_file* file, const requester& who, uid_t user,
              std::uint64_t node, std::atomic<std::size_t>& count);
    // Closes it.
    ~open_card();
    open_card(const open_card&) = delete;
    open_card& operator=(const open_card&) = delete;

    devres::drm_file* file() const { return file_; }
    std::uint64_t node() const { return node_; }
    pid_t group() const { return group_; }
    // Makes the memory of its buffers what mmap leads to. Returns: its number, or -errno.
    int open_backing();

    bool take_event(const std::vector<std::uint8_t>& event) override;
    void read(std::uint64_t unique, const fuse_read_in& in, const requester& who);
    void poll(std::uint64_t unique, const fuse_poll_in& in);
    void interrupt(std::uint64_t unique);

private:
    struct sleeping_read {
        std::uint64_t unique;
        std::size_t size;
    };
    void answer_locked(const sleeping_read& to);

    connection& kernel_;
    devres::drm_file* const file_;
    const std::uint64_t node_;
    const pid_t group_;
    const std::shared_ptr<buffer_memory> memory_;
    int backing_ = -1;
    std::atomic<std::size_t>& count_;

    std::mutex lock_;
    std::deque<std::vector<std::uint8_t>> events_;
    std::deque<sleeping_read> reads_;
    std::uint64_t poll_handle_ = 0;
    bool is_polled_ = false;
};

} // namespace vgpu
