// SPDX-License-Identifier: MIT
//
// Compiled with the include path of devres::device: it sees core's headers and its own, not drm's.
#include <devres/devm.h>
#include <devres/devres.h>

// CASE_DRM_DEVICE: devres/drm_device\.h.*(No such file|not found)
#ifdef CASE_DRM_DEVICE
#include <devres/drm_device.h>
#endif
