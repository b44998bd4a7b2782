// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// The numbers of the errors that the core returns. Linux's own header stays off the C++ include path.
#pragma once

#define ENOENT 2
#define ENOMEM 12
