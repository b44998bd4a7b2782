// SPDX-License-Identifier: MIT
//
// Reporting misuse from inside the library.
//
// Thread safety: any thread. warn() calls user code, so never with a head's lock held; bug() may be called
// under it, since it does not come back.
#pragma once

#include <atomic>
#include <cstddef>

#include <devres/detail/report.h>
#include <devres/devres.h>

namespace devres::detail {

// What a message says of a resource. Taken under the lock, turned into text without it.
struct description {
    const char* kind = nullptr; // "action"
    const char* name = nullptr; // a given name or a type, or null
    const void* code = nullptr; // the function whose symbol names it, or null
    std::size_t size = 0;
};

description describe(const resource* res) noexcept;
description describe_action(action_payload action) noexcept;

// The owner of a message that has none to name.
inline constexpr devres_head* no_owner = nullptr;

[[gnu::format(printf, 4, 5)]] void warn(const char* function, devres_head* owner, const description& res,
                                        const char* format, ...) noexcept;
[[noreturn]] void bug(const char* function, const devres_head* owner, const resource* res,
                      const char* what) noexcept;

extern std::atomic<devres_log_fn> log_hook [[gnu::visibility("hidden")]];
void log_event(const char* op, devres_head* head, const description& res) noexcept;

inline bool logging() noexcept
{
    return log_hook.load(std::memory_order_acquire) != nullptr;
}

} // namespace devres::detail
