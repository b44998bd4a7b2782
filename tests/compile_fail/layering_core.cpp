// SPDX-License-Identifier: MIT
//
// Compiled with the include path of devres::core, the one its own headers are compiled with: whatever
// includes a header of an adapter from there fails to build.
#include <devres/devres.h>

// CASE_DEVICE: devres/device\.h.*(No such file|not found)
#ifdef CASE_DEVICE
#include <devres/device.h>
#endif

// CASE_DEVM: devres/devm\.h.*(No such file|not found)
#ifdef CASE_DEVM
#include <devres/devm.h>
#endif

// CASE_DRM_DEVICE: devres/drm_device\.h.*(No such file|not found)
#ifdef CASE_DRM_DEVICE
#include <devres/drm_device.h>
#endif

// CASE_DRM_MANAGED: devres/drm_managed\.h.*(No such file|not found)
#ifdef CASE_DRM_MANAGED
#include <devres/drm_managed.h>
#endif
