// SPDX-License-Identifier: MIT
//
// What the library's log says of this process's resources: as a trace for Perfetto or chrome://tracing, and
// as bars for the picture. tools/trace_to_chrome.py makes the same of what DEVRES_LOG=1 prints.
//
// Thread safety: any thread may add events at any time; the rest is for when they have ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <devres/devres.h>

namespace hotunplug {

// The arguments of a log hook (<devres/diagnostics.h>).
void trace_add(const char* op, devres::devres_head* head, const char* kind, const char* name,
               std::size_t size);

// One resource, from its ADD to its REL or REM. Times are the timeline's.
struct bar {
    std::string owner; // kind of owner
    std::string name;
    std::int64_t from_ns;
    std::int64_t to_ns; // the largest number: it is still there
};
// In the order of attaching.
std::vector<bar> trace_bars();

// Returns: false if the file cannot be written.
bool trace_write_json(const std::string& path);

} // namespace hotunplug
