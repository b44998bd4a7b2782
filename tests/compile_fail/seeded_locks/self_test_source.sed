# SPDX-License-Identifier: MIT
# The script itself: a locked function is called after the lock is left.
# source: tests/compile_fail/seeded_locks/self_test.cpp
# expect: calling function 'add_locked' requires holding lock 'lock_'
/add_locked/ s/^/    lock_.unlock();\n/
/^    lock_.unlock\(\);$/ d
