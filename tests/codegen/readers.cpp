// SPDX-License-Identifier: MIT
//
// The ways into something revocable, one function each, for check_fast_path.py to look at.
//
// `inside` is a no-op that can be found in the disassembly: what it stands on is the successful path.
#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/revocable.h>

#define DEVRES_INSIDE() asm volatile("nopl 0x7654321(%%rax)" ::: "memory")

using namespace devres;

extern "C" {

bool fast_path_revocable(const revocable<int>& r, int* out)
{
    if (auto guard = r.try_access()) {
        DEVRES_INSIDE();
        *out = *guard;
        return true;
    }
    return false;
}

bool fast_path_revocable_with(const revocable<int>& r, int* out)
{
    return r.try_access_with([out](int& value) {
        DEVRES_INSIDE();
        *out = value;
    });
}

bool fast_path_devres_ptr(const devres_ptr<int>& p, int* out)
{
    if (auto guard = p.try_access()) {
        DEVRES_INSIDE();
        *out = *guard;
        return true;
    }
    return false;
}

bool fast_path_drm_dev_enter(drm_device* drm)
{
    int idx = 0;
    if (!drm_dev_enter(drm, &idx))
        return false;
    DEVRES_INSIDE();
    drm_dev_exit(idx);
    return true;
}

bool fast_path_drm_dev_guard(drm_device* drm)
{
    if (drm_dev_guard guard{drm}) {
        DEVRES_INSIDE();
        return true;
    }
    return false;
}

// Controls: what the check is there to find.
bool control_call(const revocable<int>& r, void (*f)())
{
    if (auto guard = r.try_access()) {
        DEVRES_INSIDE();
        f();
        return true;
    }
    return false;
}

bool control_locked(std::atomic<int>& shared)
{
    shared.fetch_add(1);
    DEVRES_INSIDE();
    return true;
}

bool control_exchange(std::atomic<int>& shared)
{
    shared.store(1, std::memory_order_seq_cst);
    DEVRES_INSIDE();
    return true;
}

bool control_fence()
{
    asm volatile("mfence" ::: "memory");
    DEVRES_INSIDE();
    return true;
}
}
