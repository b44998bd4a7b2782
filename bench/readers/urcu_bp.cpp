// SPDX-License-Identifier: MIT
#define URCU_API_MAP
#define _LGPL_SOURCE
#define URCU_INLINE_SMALL_FUNCTIONS
#include <urcu/urcu-bp.h>

#define BENCH_URCU_NAME "urcu_bp"
#include "access/urcu.h"

#include "readers/measure.h"

namespace bench {

namespace {

const bool registered = (add_readers_case(urcu_access::name, "RevokeAmong", revoke_among<urcu_access>),
                         add_readers_case(urcu_access::name, "FirstGuard", first_guard<urcu_access>));

} // namespace

} // namespace bench
