// SPDX-License-Identifier: MIT
//
// What the module (program, shared library or plug-in) that holds this copy of the library does when it is
// loaded.
#pragma once

namespace devres::detail {

// Checks that there is one copy of the library in the process (V12; BUG if not), and keeps this module
// loaded: threads that have read come back to it at their end.
// Called once, by the library's first constructor, before other threads can have used it.
void join_process() noexcept;

} // namespace devres::detail
