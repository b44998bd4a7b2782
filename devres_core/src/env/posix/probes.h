// SPDX-License-Identifier: MIT
//
// USDT probes: places in a running program that bpftrace, perf or SystemTap can attach to. Each is one
// instruction that does nothing, in builds that found <sys/sdt.h>; elsewhere there are none.
//
//   devres:attach, devres:release, devres:remove   head, owner's kind, owner's name, resource's name, bytes
//   devres:wait, devres:wait_end                   head, function that waits for readers, or null
//
// What the first three have to say is put together only while a tracer is attached, or for a log hook.
//
// Thread safety: any thread. Never under a lock, since a name is asked of the owner.
#pragma once

#include <cstddef>
#include <cstdint>

namespace devres {

struct devres_head;

namespace detail {

// The bit of event_listeners that stands for the log hook. Those below are the tracers' count, which the
// kernel changes.
inline constexpr std::uintptr_t hook_listens = std::uintptr_t{1} << 16;

void probe_event(const char* op, devres_head* head, const char* kind, const char* name,
                 std::size_t bytes) noexcept;
void probe_wait(devres_head* head, const char* function) noexcept;
void probe_wait_end(devres_head* head, const char* function) noexcept;

} // namespace detail
} // namespace devres
