// SPDX-License-Identifier: MIT
//
// Which sanitizer what includes this is built with: DEVRES_ASAN, DEVRES_TSAN.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define DEVRES_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DEVRES_ASAN 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
#define DEVRES_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEVRES_TSAN 1
#endif
#endif
