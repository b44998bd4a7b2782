# SPDX-License-Identifier: MIT
# An owner's end looks around without holding the list.
# source: devres_core/src/list/end.cpp
# expect: calling function 'look_locked' requires holding
/int run\(devres_head/,/^    \}/ {
    /const guard held\(head, function\);/ d
}
