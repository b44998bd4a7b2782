// SPDX-License-Identifier: MIT
//
// Clang's thread-safety annotations; nothing on other compilers.
#pragma once

#include <devres/detail/language.h>

#if defined(__clang__)
#define DEVRES_TSA(x) __attribute__((x))
#else
#define DEVRES_TSA(x)
#endif

#define DEVRES_CAPABILITY DEVRES_TSA(capability("lock"))
#define DEVRES_SCOPED_CAPABILITY DEVRES_TSA(scoped_lockable)
#define DEVRES_GUARDED_BY(x) DEVRES_TSA(guarded_by(x))
#define DEVRES_REQUIRES(...) DEVRES_TSA(requires_capability(__VA_ARGS__))
#define DEVRES_ACQUIRE(...) DEVRES_TSA(acquire_capability(__VA_ARGS__))
#define DEVRES_TRY_ACQUIRE(...) DEVRES_TSA(try_acquire_capability(__VA_ARGS__))
#define DEVRES_RELEASE(...) DEVRES_TSA(release_capability(__VA_ARGS__))
#define DEVRES_ASSERT_CAPABILITY(x) DEVRES_TSA(assert_capability(x))
#define DEVRES_RETURN_CAPABILITY(x) DEVRES_TSA(lock_returned(x))
#define DEVRES_EXCLUDES(...) DEVRES_TSA(locks_excluded(__VA_ARGS__))
#define DEVRES_NO_THREAD_SAFETY_ANALYSIS DEVRES_TSA(no_thread_safety_analysis)
