// SPDX-License-Identifier: MIT
//
// What the tests are built with.
#pragma once

#include <devres/env/built_with.h>

#if defined(DEVRES_ASAN)
#define DEVRES_TEST_ASAN 1
#endif
#if defined(DEVRES_TSAN)
#define DEVRES_TEST_TSAN 1
#endif
#if defined(__cpp_exceptions)
#define DEVRES_TEST_EXCEPTIONS 1
#endif
