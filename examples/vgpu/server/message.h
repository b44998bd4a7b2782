// SPDX-License-Identifier: MIT
//
// The daemon's side of wire.h: one message at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "../wire.h"
#include "fd.h"

namespace vgpu {

struct message {
    vgpu_message head{};
    std::uint8_t bytes[VGPU_PAYLOAD_MAX];
    std::size_t size = 0; // of bytes
};

// `fd`, if not -1, goes with it. False: the other end is closed.
bool send_message(int to, const message& m, int fd = -1);
// Blocks. `*fd` gets a descriptor that came with it. False: the other end is closed, or what came is no
// message.
bool receive_message(int from, message* m, unique_fd* fd);

// Makes a socket that listens at `path`. Returns: 0 or -errno.
int listen_at(const std::string& path, int backlog, unique_fd* socket);

// The name that the kernel gave a client's end of a connection, as wire.h says it; 0: it has none.
std::uint64_t name_of_peer(int socket);
std::uint64_t name_of(int socket);

} // namespace vgpu
