// SPDX-License-Identifier: MIT
//
// Allocation flags, so that a kernel probe body compiles unchanged.
//
// In user space every allocation may sleep, so only __GFP_ZERO changes what a call does; the others
// are accepted and ignored.
#pragma once

#include <devres/detail/language.h>

namespace devres {

using gfp_t = unsigned int;

inline constexpr gfp_t __GFP_ZERO = 1u << 8; // NOLINT(bugprone-reserved-identifier): the kernel's name
inline constexpr gfp_t GFP_KERNEL = 1u << 0;
inline constexpr gfp_t GFP_ATOMIC = 1u << 1;
inline constexpr gfp_t GFP_NOWAIT = 1u << 2;

// What a managed allocation of zero bytes returns: not null, not to be followed, ignored by kfree.
inline void* const ZERO_SIZE_PTR = reinterpret_cast<void*>(16); // SAFETY: never dereferenced

} // namespace devres
