// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// What a thread knows of itself in Linux. Its identity is its task; an interrupt has that of the task below.
#pragma once

#include "linux/devres_core.h"

namespace devres::detail {

inline const void* this_thread() noexcept
{
    return devres_host_thread();
}

// Only revocation asks, which is not in the kernel.
class release_scope {
public:
    release_scope() noexcept {} // NOLINT(modernize-use-equals-default): so that an unused one is no warning
};

} // namespace devres::detail
