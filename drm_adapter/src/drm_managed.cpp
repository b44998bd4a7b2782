// SPDX-License-Identifier: MIT
//
// The drmm_* functions that cannot be inline.

#include <cstdarg>

#include <devres/drm_managed.h>

namespace devres {

int drmm_mutex_init(drm_device* drm, pthread_mutex_t* mutex) noexcept
{
    if (const int err = ::pthread_mutex_init(mutex, nullptr))
        return -err;
    return drmm_add_action_or_reset(drm, &::pthread_mutex_destroy, mutex);
}

char* drmm_kasprintf(drm_device* drm, gfp_t gfp, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = drmm_kvasprintf(drm, gfp, format, args);
    va_end(args);
    return s;
}

char* drmm_kasprintf(drm_device* drm, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = drmm_kvasprintf(drm, GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

} // namespace devres
