// SPDX-License-Identifier: MIT
//
// The daemon: opens files for who connects to a card, and makes the calls that come through connections to
// `calls`.
//
// One thread accepts, and notices when clients close; one thread for each connection to `calls` makes its
// calls. A file is closed when the client has closed it and no call of it is under way.
//
// Thread safety: any thread. It must outlive the devices whose nodes it listens for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/types.h>

#include "../driver/gpu.h"
#include "fd.h"
#include "node.h"

namespace vgpu {

// A file that a client has open. Destroying it closes it.
struct open_file final : event_sink {
    // `count`: how many there are.
    open_file(devres::drm_file* opened, unique_fd connection, std::atomic<std::size_t>& count);
    ~open_file();
    open_file(const open_file&) = delete;
    open_file& operator=(const open_file&) = delete;

    // Events are messages on the client's descriptor.
    bool take_event(const std::vector<std::uint8_t>& event) override;

    devres::drm_file* const file;
    const unique_fd socket;
    const std::uint64_t name;
    pid_t process = 0;

private:
    std::atomic<std::size_t>& count_;
};

class server final : public card_server {
public:
    // Makes a folder of its own for clients to see.
    server();
    // Every client's connection is closed, and with it every file.
    ~server() override;
    server(const server&) = delete;
    server& operator=(const server&) = delete;

    int start() override;
    // The folder that clients see as /dev and /sys.
    const std::string& folder() const { return folder_; }
    std::vector<std::string> environment(const std::string& shim) const override;
    int add_card(int card, devres::drm_device* drm) override;
    void remove_card(int card) override;
    std::size_t open_files() const override { return count_; }

    // Null: there is none of that name.
    std::shared_ptr<open_file> find(std::uint64_t name) const;
    // Returns once the thread that accepts has seen what the client of this file did to it.
    void wait_if_closed(std::uint64_t name) const;

private:
    void run();
    void accept_card(int listener);
    void accept_caller();
    void drop(std::uint64_t key);
    void serve(unique_fd connection);

    std::string folder_;
    unique_fd stop_;
    unique_fd epoll_;
    unique_fd calls_;
    std::thread thread_;
    std::atomic<std::size_t> count_{0};

    struct listening_card {
        int card;
        devres::drm_device* drm;
        unique_fd socket;
    };
    std::mutex accepting_;                    // held while a listener is used, so that remove_card can wait
    std::map<int, listening_card> listeners_; // by descriptor; guarded by accepting_

    mutable std::mutex lock_;
    mutable std::condition_variable changed_;
    std::map<std::uint64_t, std::shared_ptr<open_file>> files_; // by name
    std::set<int> callers_;                                     // connections to `calls`
    bool stopping_ = false;
};

} // namespace vgpu
