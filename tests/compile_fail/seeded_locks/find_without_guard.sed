# SPDX-License-Identifier: MIT
# devres_find walks the list without its guard.
# source: devres_core/src/list/two_step.cpp
# expect: calling function 'match_locked' requires holding
/^void\* devres_find\(/,/^\}/ {
    /callback_guard held/ d
}
