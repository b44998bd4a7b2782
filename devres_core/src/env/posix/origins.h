// SPDX-License-Identifier: MIT
//
// Where and when each resource was attached, for messages and dumps: kept beside the resources while the
// process runs with DEVRES_ORIGINS=1 (diagnostics.h), in a table of this folder's own.
//
// Thread safety: any thread. Never under a head's lock, since memory is allocated.
#pragma once

#include <cstddef>
#include <cstdint>

namespace devres::detail {

// The bit of event_listeners that stands for this table.
inline constexpr std::uintptr_t origins_listen = std::uintptr_t{1} << 17;

// Notes that `resource` is being attached now, by the innermost function on this thread's stack that is not
// the library's. Without memory it notes nothing.
void note_origin(const void* resource) noexcept;
void forget_origin(const void* resource) noexcept;

struct origin {
    std::uint64_t milliseconds = 0; // since then
    // `f(int) at file.cpp:12 (program+0x1234)`; the middle part if debugging information can be read, and the
    // last one for addr2line.
    char where[640] = {};
};
// Returns: false if it is not known.
bool origin_of(const void* resource, origin* out) noexcept;

} // namespace devres::detail
