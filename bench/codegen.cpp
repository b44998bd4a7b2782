// SPDX-License-Identifier: MIT
//
// Functions to be looked at, not run: codegen.py disassembles what the compiler makes of the fast paths.
#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/revocable.h>

using looked_at = unsigned long;

extern "C" looked_at look_revocable(const devres::revocable<looked_at>& r);
extern "C" looked_at look_devres_ptr(const devres::devres_ptr<looked_at>& r);
extern "C" looked_at look_drm_dev_enter(devres::drm_device* drm, const volatile looked_at* p);

looked_at look_revocable(const devres::revocable<looked_at>& r)
{
    if (auto guard = r.try_access()) [[likely]]
        return *guard;
    return 0;
}

looked_at look_devres_ptr(const devres::devres_ptr<looked_at>& r)
{
    if (auto guard = r.try_access()) [[likely]]
        return *guard;
    return 0;
}

looked_at look_drm_dev_enter(devres::drm_device* drm, const volatile looked_at* p)
{
    int idx;
    if (!devres::drm_dev_enter(drm, &idx)) [[unlikely]]
        return 0;
    const looked_at seen = *p;
    devres::drm_dev_exit(idx);
    return seen;
}
