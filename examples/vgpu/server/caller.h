// SPDX-License-Identifier: MIT
//
// One connection to `calls`: the calls of one thread of a client, one after another.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include <sys/types.h>

#include "../driver/ioctl.h"
#include "message.h"
#include "server.h"

namespace vgpu {

class caller final : private user_memory {
public:
    caller(server& daemon, int connection, pid_t process)
        : server_(daemon), connection_(connection), process_(process)
    {
    }

    // Until the client closes the connection.
    void run();

private:
    bool answer(std::int64_t result, std::size_t size = 0, int fd = -1);
    bool use(unique_fd shown);
    bool ioctl();
    bool map();
    bool close();
    std::shared_ptr<open_file> file() const;

    long read(std::uint64_t address, void* to, std::size_t size) override;
    long write(std::uint64_t address, const void* from, std::size_t size) override;
    void give_up_when(int readable) override { gives_up_when_ = readable; }
    // Sends READ or WRITE, and receives what the client answers.
    long ask();
    long await_data();

    server& server_;
    const int connection_;
    const pid_t process_;
    int gives_up_when_ = -1;
    std::map<std::uint64_t, std::weak_ptr<open_file>> known_; // files whose descriptor the client has shown
    message in_;
    message transfer_; // while a call is made
};

} // namespace vgpu
