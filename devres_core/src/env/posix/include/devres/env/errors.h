// SPDX-License-Identifier: MIT
//
// The numbers of errors, as macros: ENOENT and its like.
#pragma once

#include <cerrno>
