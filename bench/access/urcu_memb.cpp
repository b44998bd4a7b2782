// SPDX-License-Identifier: MIT
#define URCU_API_MAP
#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-memb.h>

#define BENCH_URCU_NAME "urcu_memb"
#include "access/urcu.h"

namespace bench {

namespace {

const bool registered = (add_access<urcu_access>(), add_revoke<urcu_access>(), true);

} // namespace

} // namespace bench
