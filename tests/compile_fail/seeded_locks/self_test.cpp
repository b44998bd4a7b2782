// SPDX-License-Identifier: MIT
//
// The self-test of seeded_locks.sh is compiled from here: right as it stands.
#include "self_test.h"

int toy_owner::add()
{
    lock_.lock();
    const int count = add_locked();
    lock_.unlock();
    return count;
}
