# SPDX-License-Identifier: MIT
# kfree takes the resource off the list under its guard, and gives the memory back after it.
# source: devres_core/src/managed/memory.cpp
# expect: calling function 'unlink_and_free_locked' requires holding
/^bool free_memory\(/,/^\}/ {
    /unused = unlink_and_free_locked/ d
    s/^    if \(unused\)/    if (found.res)\n        unused = unlink_and_free_locked(head, found.res);\n&/
}
