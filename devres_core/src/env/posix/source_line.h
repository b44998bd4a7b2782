// SPDX-License-Identifier: MIT
//
// From an address to a line of source (DEVRES_ORIGINS).
#pragma once

#include <cstddef>

namespace devres::detail {

// Puts `file:line` of the code at that address, as the debugging information of its module says, into `text`.
// Reads that with elfutils' libdw, if the system has it, and takes what the module itself holds: nothing is
// looked for on the network. The first call takes milliseconds.
// Returns: false if it is not known; then `text` is empty.
// Thread safety: any thread. Not under a head's lock, since memory is allocated and files are read.
bool source_line_of(const void* code, char* text, std::size_t bytes) noexcept;

} // namespace devres::detail
