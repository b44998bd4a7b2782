// SPDX-License-Identifier: MIT
#include "access/ours.h"

#include "access/read.h"
#include "access/revoke.h"

namespace bench {

namespace {

const bool registered = [] {
    add_access<revocable_access>();
    add_revoke<revocable_access>();
    add_access<devres_ptr_access>();
    add_revoke<devres_ptr_access>();
    add_revoke<unbind_access>();
    add_access<drm_enter_access>();
    add_access<drm_guard_access>();
    add_revoke<drm_enter_access>();
    return true;
}();

} // namespace

} // namespace bench
