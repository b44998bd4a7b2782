// SPDX-License-Identifier: MIT
//
// The second way in: a FUSE file system at /dev/dri of a mount namespace that the daemon and its clients have
// for themselves. Needs root, and Linux with FUSE passthrough; reaches programs that nothing can be preloaded
// into.
//
// A card is a regular file, since the kernel leads no character device to user space with mmap. Each look-up
// of its name finds another inode, so that each open has a backing file of its own: the memory of all buffers
// that this open file makes. mmap goes there without asking, and reaches what it made and nothing else.
//
// The thread whose turn it is receives a request, gives the turn away, and makes the call: whoever sleeps in
// one delays nobody. There are as many threads as calls that were ever under way at once.
//
// Thread safety: any thread; start() in the one that starts clients. It must outlive the devices whose cards
// it has.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "../server/fd.h"
#include "../server/node.h"
#include "connection.h"
#include "open_card.h"
#include "requester.h"

namespace vgpu {

class fuse_server final : public card_server {
public:
    // Ends the file system, and closes every file.
    ~fuse_server() override;

    int start() override;
    std::string problem(int err) const override
    {
        return problem_.empty() ? card_server::problem(err) : "--fuse: " + problem_;
    }
    std::vector<std::string> environment(const std::string&) const override { return {}; }
    int add_card(int card, devres::drm_device* drm) override;
    void remove_card(int card) override;
    std::size_t open_files() const override { return count_; }

private:
    // What a thread has while it answers a request.
    struct turn {
        explicit turn(pid_t thread) : who(thread) {}
        requester who;
        std::shared_lock<std::shared_mutex> releasing;
    };

    void work();
    std::unique_ptr<turn> receive(request* r);
    void answer(const request& r, turn& t);
    void look_up(const request& r);
    void list(const request& r);
    void open(const request& r, const requester& who);
    void release(const request& r);
    void ioctl(const request& r, requester& who);
    void interrupt(std::uint64_t unique);
    std::shared_ptr<open_card> find(std::uint64_t handle) const;
    bool has_card(int card) const;
    bool is_open(std::uint64_t node) const;

    connection kernel_;
    unique_fd stop_;
    std::string problem_;
    std::atomic<std::size_t> count_{0};

    std::mutex receiving_;             // whose turn it is
    std::atomic<int> waiting_{0};      // for their turn
    std::vector<std::thread> threads_; // guarded by receiving_
    std::shared_mutex releasing_;

    mutable std::mutex opening_;                // held while a card is opened, so that remove_card can wait
    std::map<int, devres::drm_device*> cards_;  // guarded by opening_
    std::atomic<std::uint64_t> next_number_{1}; // of nodes and of open files

    mutable std::mutex lock_;
    std::map<std::uint64_t, std::shared_ptr<open_card>> files_; // by handle
    std::map<std::uint64_t, requester*> under_way_;             // by the request's number
};

} // namespace vgpu
