// SPDX-License-Identifier: MIT
//
// Only there to have its precompiled headers used by all others.
