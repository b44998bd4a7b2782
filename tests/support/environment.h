// SPDX-License-Identifier: MIT
//
// What the tests are built with.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define DEVRES_TEST_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DEVRES_TEST_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define DEVRES_TEST_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEVRES_TEST_TSAN 1
#endif
#endif

#if defined(__cpp_exceptions)
#define DEVRES_TEST_EXCEPTIONS 1
#endif
