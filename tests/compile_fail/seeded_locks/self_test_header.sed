# SPDX-License-Identifier: MIT
# The script itself: an inline function of a header uses a guarded field and does not say that it needs the lock.
# source: tests/compile_fail/seeded_locks/self_test.cpp
# seeds: tests/compile_fail/seeded_locks/self_test.h
# expect: writing variable 'count_' requires holding lock 'lock_'
/add_locked/ s/DEVRES_REQUIRES\(lock_\) //
