// SPDX-License-Identifier: MIT
//
// The calling thread as an address: one instruction to get, and of no other thread that is alive.
#pragma once

#include <devres/detail/language.h>

namespace devres::detail {

extern constinit thread_local char thread_anchor __attribute__((tls_model("initial-exec")));

inline const void* this_thread() noexcept
{
    return &thread_anchor;
}

} // namespace devres::detail
