// SPDX-License-Identifier: MIT
//
// Words of the kernel that this library does not give, and that a port brings along: types, a macro, a lock.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>

using u32 = std::uint32_t;

struct mutex : std::mutex {};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
