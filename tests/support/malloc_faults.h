// SPDX-License-Identifier: MIT
//
// malloc of the whole program, counted and made to fail: link malloc_faults.cpp in.
//
// What fails is what can say so: malloc and its relatives, and operator new with nothrow. A plain operator
// new is somebody's who wants an exception, and is never made to fail. Not there under a sanitizer, which has
// a malloc of its own.
//
// Thread safety: settings and failures are of the calling thread; blocks are counted for all threads.
#pragma once

#include <cstddef>

namespace devres::test::mallocs {

// From now on the allocation number `nth` of this thread fails (0: the next one), once or with all that
// follow.
void fail_once(std::size_t nth) noexcept;
void fail_from(std::size_t nth) noexcept;
// Returns: how many failed since one of the two was called.
std::size_t fail_no_more() noexcept;

// How many blocks are allocated and not freed. Only differences mean something.
long live_blocks() noexcept;

} // namespace devres::test::mallocs
