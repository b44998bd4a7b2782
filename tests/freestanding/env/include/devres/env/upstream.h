// SPDX-License-Identifier: MIT
//
// What a test may give a head as its source of memory: it counts what was taken from it. The bytes are those
// of memory.h all the same.
#pragma once

namespace devres::detail {

struct upstream {
    int requests = 0;
    int live = 0;
};

} // namespace devres::detail
