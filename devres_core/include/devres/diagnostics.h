// SPDX-License-Identifier: MIT
//
// How misuse is reported and how the life of resources can be watched.
//
// WARN: one line to the handler (default: stderr), counted; the call that found the misuse returns its
// error and has changed nothing. BUG: one line to stderr, then abort; only where going on would corrupt
// memory. Both name the function, the owner (kind and name) and the resource.
//
// Environment, read when the library is loaded:
//   DEVRES_PANIC_ON_WARN=1   a WARN aborts
//   DEVRES_LOG=1             installs a log hook that prints one line per event to stderr
//   DEVRES_WAIT_WARN_MS=n    as devres_set_wait_warning(n)
//   DEVRES_ORIGINS=1         messages and dumps say where and how long ago a resource was attached; costs a
//                            microsecond or more for each, and 48 bytes. Of one that is attached at the
//                            place of another which is just being removed on another thread, it may not
//
// Thread safety: every function here may be called by any thread at any time. Handlers are called
// without a lock held, on the thread that found the misuse, possibly on several threads at once.
#pragma once

#include <devres/detail/language.h>

#include <cstddef>

namespace devres {

struct devres_head;

// `message` is one line without a newline (but for those in a name that it says), valid during the call. The
// handler must not throw.
using devres_warn_handler = void (*)(const char* message);

// Installs `handler` for WARN; null restores the default.
// Returns: the handler that was installed before; null if it was the default.
devres_warn_handler devres_set_warn_handler(devres_warn_handler handler) noexcept;

// Returns: how many WARNs this process has reported so far, whatever handler was installed.
std::size_t devres_warn_count() noexcept;

// One event in the life of a resource. `op` is "ADD" (attached), "REM" (handed out or dropped without its
// release) or "REL" (released). What a cut-off (C12) frees unreleased is told by its WARN alone. `kind` is
// the owner's kind ("device"), `name` the resource's name (the given one, else the action's symbol or the
// object's type), `size` its payload in bytes. A function that the program does not export (static, or
// without -rdynamic) is named by file and offset, which addr2line understands.
using devres_log_fn = void (*)(const char* op, devres_head* head, const char* kind, const char* name,
                               std::size_t size);

// Installs a log hook; null turns logging off. Off costs one predicted branch per event.
// Locking:  the hook is called without the head's lock; it may look at the head's owner but must not
//           assume that the resource still exists. It may end the owner, but for "ADD" of a callable whose
//           handle is a member of it. A hook that is installed in a callback is not told of what the pass
//           under way still releases.
// Returns:  the hook that was installed before.
devres_log_fn devres_set_log(devres_log_fn fn) noexcept;

// A wait for readers that lasts longer than this is reported by a WARN, again after twice the time, and goes
// on: what is being ended, and each guard that it waits for, with its thread and the place where it was taken
// (V11); of more than 32 guards, how many more there are. Waits that have begun keep the limit they began
// with. 0: never. Default: 10 seconds.
// Returns:  the limit that was set before.
unsigned devres_set_wait_warning(unsigned milliseconds) noexcept;

// The owner of a head, for messages: through the head's devres_owner_ops.
// Returns: never null; valid as long as the owner says so (for device and drm_device: as long as it lives).
const char* devres_owner_kind(const devres_head* head) noexcept;
const char* devres_owner_name(devres_head* head) noexcept;

} // namespace devres
