// SPDX-License-Identifier: MIT
//
// What the self-test of seeded_locks.sh changes: a field that a lock guards, and two functions that use it.
#pragma once

#include <devres/detail/annotations.h>

class DEVRES_CAPABILITY toy_lock {
public:
    void lock() DEVRES_ACQUIRE() {}
    void unlock() DEVRES_RELEASE() {}
};

class toy_owner {
public:
    int add() DEVRES_EXCLUDES(lock_);
    int add_locked() DEVRES_REQUIRES(lock_) { return ++count_; }

private:
    toy_lock lock_;
    int count_ DEVRES_GUARDED_BY(lock_) = 0;
};
