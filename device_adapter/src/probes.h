// SPDX-License-Identifier: MIT
//
// A USDT probe, which bpftrace can attach to (docs/tracing.md): one instruction that does nothing. Without
// <sys/sdt.h> there is none.
#pragma once

#include <devres/device.h>

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#else
#define STAP_PROBE3(...) ((void)0)
#endif

namespace devres::detail {

// Locking: none held.
inline void probe_unbind(device* dev) noexcept
{
    STAP_PROBE3(devres, unbind, &dev->devres, devres_owner_kind(&dev->devres),
                devres_owner_name(&dev->devres));
}

} // namespace devres::detail
