// SPDX-License-Identifier: MIT
//
// What a client's process and the daemon say to each other.
#pragma once

#include <cstdint>

namespace hotunplug {

// One call of a client's. `command` is a scope_ioctl, or open_command.
struct request {
    std::uint32_t command;
    std::uint32_t argument;
};
inline constexpr std::uint32_t open_command = 1000; // answered with the memory's file descriptor

struct reply {
    std::int64_t result; // what drm_open or drm_ioctl returned
};

// Words on a client's control socket, in the order in which they are said.
inline constexpr char go_word = 'g'; // demo: go on; said before each of the three parts
inline constexpr char working_word =
    'w';                               // client: open, mapped, measured; and polling, if that is what it does
inline constexpr char gone_word = 'n'; // client: the call it was inside came back with -ENODEV
inline constexpr char done_word = 'd'; // client: cannot open again, and its memory is what it was
inline constexpr char close_word = 'c'; // demo: close

} // namespace hotunplug
