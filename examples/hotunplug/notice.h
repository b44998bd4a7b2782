// SPDX-License-Identifier: MIT
//
// What threads of the daemon tell its main loop, so that nothing in the demo waits by sleeping.
#pragma once

namespace hotunplug {

enum class notice : char {
    asleep = 's',  // a client's call sleeps in the driver
    hang_up = 'h', // the line has no other end any more
};

// Opens the way to the main loop; call before threads are started.
void notices_start();

// Any thread. Never blocks as long as the main loop lives.
void notify(notice what);

// The main loop waits for `count` of these, in any order with others, which stay for later.
// Returns: false if the way is closed.
bool await_notices(notice what, int count);

} // namespace hotunplug
