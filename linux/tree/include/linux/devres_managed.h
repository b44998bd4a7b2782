/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The managed family, once, on any devres_head: what devm_*() and drmm_*() both are.
 *
 * Memory comes from NUMA node @nid (NUMA_NO_NODE: any); @ip is the address that
 * the allocator's statistics shall name.
 */
#ifndef _LINUX_DEVRES_MANAGED_H
#define _LINUX_DEVRES_MANAGED_H

#include <linux/devres_head.h>
#include <linux/stdarg.h>

void *managed_kmalloc(struct devres_head *head, size_t size, gfp_t gfp, int nid, unsigned long ip);
void *managed_krealloc(struct devres_head *head, void *p, size_t size, gfp_t gfp, int nid, unsigned long ip);
void managed_kfree(struct devres_head *head, const void *p);
void *managed_kmemdup(struct devres_head *head, const void *src, size_t len, gfp_t gfp, int nid,
		      unsigned long ip);
char *managed_kstrdup(struct devres_head *head, const char *s, gfp_t gfp, int nid, unsigned long ip);
__printf(4, 0)
char *managed_kvasprintf(struct devres_head *head, gfp_t gfp, int nid, const char *fmt, va_list ap,
			 unsigned long ip);
void managed_remove_action(struct devres_head *head, devres_fn action, void *data);
void managed_release_action(struct devres_head *head, devres_fn action, void *data);

/*
 * A typed action. The objection of 2020 was that a common core takes void pointers where drmm_add_action()
 * knew its owner. This defines, for a function `fn(type)`, the thunk that is called through its own type, and
 *
 *	int <owner>_add_<name>(owner, type data)
 *
 * A wrong pointer does not compile, and kCFI has nothing to complain about.
 *
 *	static void stop(struct engine *e);
 *	DEFINE_DEVM_ACTION(stop_engine, struct engine *, stop)
 *	...
 *	ret = devm_add_stop_engine(dev, engine);
 */
#define DEFINE_DEVM_ACTION(_name, _type, _fn)						\
static void __devm_action_##_name(void *data)						\
{											\
	(_fn)((_type)data);								\
}											\
static inline int __must_check devm_add_##_name(struct device *dev, _type data)	\
{											\
	return devm_add_action_or_reset(dev, __devm_action_##_name, (void *)data);	\
}

#define DEFINE_DRMM_ACTION(_name, _type, _fn)						\
static void __drmm_action_##_name(struct drm_device *drm, void *data)			\
{											\
	(_fn)(drm, (_type)data);							\
}											\
static inline int __must_check drmm_add_##_name(struct drm_device *drm, _type data)	\
{											\
	return drmm_add_action_or_reset(drm, __drmm_action_##_name, (void *)data);	\
}

#endif
