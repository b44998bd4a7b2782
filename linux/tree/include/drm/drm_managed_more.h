/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/* What drmm has from the common core and did not have before; part of <drm/drm_managed.h>. */
#ifndef _DRM_MANAGED_MORE_H_
#define _DRM_MANAGED_MORE_H_

#include <linux/compiler.h>
#include <linux/numa.h>
#include <linux/stdarg.h>

typedef int (*drmres_match_t)(struct drm_device *drm, void *res, void *match_data);

#define drmres_alloc(release, size, gfp) __drmres_alloc_node(release, size, gfp, NUMA_NO_NODE, #release)
#define drmres_alloc_node(release, size, gfp, nid) __drmres_alloc_node(release, size, gfp, nid, #release)
void *__drmres_alloc_node(drmres_release_t release, size_t size, gfp_t gfp, int nid, const char *name);
void drmres_free(void *res);
void drmres_add(struct drm_device *drm, void *res);
void *drmres_find(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data);
void *drmres_get(struct drm_device *drm, void *new_res, drmres_match_t match, void *match_data);
void *drmres_remove(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data);
int drmres_destroy(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data);
int drmres_release(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data);
void drmres_for_each(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data,
		     void (*fn)(struct drm_device *, void *, void *), void *data);

void * __must_check drmm_open_group(struct drm_device *drm, void *id, gfp_t gfp);
void drmm_close_group(struct drm_device *drm, void *id);
void drmm_remove_group(struct drm_device *drm, void *id);
int drmm_release_group(struct drm_device *drm, void *id);

void drmm_remove_action(struct drm_device *drm, drmres_release_t action, void *data);
bool drmm_is_action_added(struct drm_device *drm, drmres_release_t action, void *data);

void * __must_check drmm_krealloc(struct drm_device *drm, void *p, size_t size, gfp_t gfp);
void *drmm_kmemdup(struct drm_device *drm, const void *src, size_t len, gfp_t gfp);
__printf(3, 0) char *drmm_kvasprintf(struct drm_device *drm, gfp_t gfp, const char *fmt, va_list ap);
__printf(3, 4) char *drmm_kasprintf(struct drm_device *drm, gfp_t gfp, const char *fmt, ...);

#endif
