// SPDX-License-Identifier: MIT
#define URCU_API_MAP
#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-bp.h>

#define BENCH_URCU_NAME "urcu_bp"
#include "access/urcu.h"

namespace bench {

namespace {

const bool registered = (add_access<urcu_access>(), add_revoke<urcu_access>(), add_urcu_unbind(), true);

} // namespace

} // namespace bench
