// SPDX-License-Identifier: MIT
//
// Reporting misuse from an adapter, in the words of diagnostics.h.
//
// Thread safety: any thread; warn() calls user code, so never under a head's lock.
#pragma once

namespace devres {

struct devres_head;

namespace detail {

[[gnu::format(printf, 3, 4)]] void warn(const char* function, devres_head* owner, const char* format,
                                        ...) noexcept;
[[noreturn]] void bug(const char* function, devres_head* owner, const char* what) noexcept;

// True, after a WARN that names the newest resources, if there are any on `head`.
bool warn_if_not_empty(const char* function, devres_head* head) noexcept;

// True if the calling thread is inside a release callback of a resource of `head`, in a pass or a claim of
// its own.
// Locking: takes the head's lock.
bool releasing_here(devres_head* head) noexcept;

// True if the calling thread is inside the constructor of something in the managed memory of `head`.
// Locking: takes the head's lock.
bool constructing_here(devres_head* head) noexcept;

} // namespace detail
} // namespace devres
