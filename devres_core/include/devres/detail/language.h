// SPDX-License-Identifier: MIT
//
// One line for whoever compiles for an older C++, instead of a thousand. The headers that include no other of
// ours include it.
#pragma once

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "devres needs C++20: compile with -std=c++20 or newer"
// There is no such file: compilers go on after #error, but not after this.
#include <devres/detail/needs_cxx20>
#endif
