// SPDX-License-Identifier: MIT
//
// A USDT probe, which bpftrace can attach to (docs/tracing.md): one instruction that does nothing. Without
// <sys/sdt.h> there is none.
#pragma once

#include <devres/drm_device.h>

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#else
#define STAP_PROBE3(...) ((void)0)
#endif

namespace devres::detail {

// Locking: none held.
inline void probe_unplug(drm_device* drm) noexcept
{
    STAP_PROBE3(devres, unplug, &drm->devres, devres_owner_kind(&drm->devres),
                devres_owner_name(&drm->devres));
}

} // namespace devres::detail
