// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * drmm_*() and drmres_*(): the managed resources of a struct drm_device, as typed names of devres_head.
 *
 * They live as long as the drm_device does, which can outlive the device below it for as long as a client
 * holds a file. The mechanism is that of devm_*(), so a rule that holds there holds here.
 */
#include <drm/drm_device.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include <linux/devres_managed.h>
#include <linux/export.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "drm_internal.h"

static struct drm_device *drm_of(struct devres_head *head)
{
	return container_of(head, struct drm_device, devres);
}

/* The first resource that was added drops the parent: what comes after it has no node and no name. */
static int drm_node(struct drm_device *drm)
{
	return drm->dev ? dev_to_node(drm->dev) : NUMA_NO_NODE;
}

static const char *drm_owner_name(struct devres_head *head)
{
	struct drm_device *drm = drm_of(head);

	return drm->dev ? dev_name(drm->dev) : "(gone)";
}

static void drm_owner_release(struct devres_head *head, devres_fn release, void *res)
{
	((drmres_release_t)release)(drm_of(head), res);
}

static bool drm_owner_match(struct devres_head *head, devres_fn match, void *res, void *match_data)
{
	return ((drmres_match_t)match)(drm_of(head), res, match_data);
}

static void drm_owner_visit(struct devres_head *head, devres_fn visit, void *res, void *data)
{
	((void (*)(struct drm_device *, void *, void *))visit)(drm_of(head), res, data);
}

static void drm_owner_log(struct devres_head *head, const char *op, const void *node, const char *name,
			  unsigned long size)
{
	drm_dbg_drmres(drm_of(head), "%s %p %s (%lu bytes)\n", op, node, name, size);
}

static void drm_owner_warn(struct devres_head *head, const char *text)
{
	drm_warn(drm_of(head), "drmres: %s\n", text);
}

static const struct devres_owner_ops drm_owner = {
	.kind = "drm_device",
	.name = drm_owner_name,
	.release = drm_owner_release,
	.action = drm_owner_release, /* void action(drm, data) is of the same type as a release function */
	.match = drm_owner_match,
	.visit = drm_owner_visit,
	.log = drm_owner_log,
	.warn = drm_owner_warn,
};

void drm_managed_init(struct drm_device *drm)
{
	devres_head_init(&drm->devres, &drm_owner);
}

void drm_managed_release(struct drm_device *drm)
{
	devres_head_end(&drm->devres);
}

void drmm_add_final_kfree(struct drm_device *drm, void *container)
{
	WARN_ON(drm->managed.final_kfree);
	WARN_ON((void *)drm < container);
	WARN_ON((void *)(drm + 1) > container + ksize(container));
	drm->managed.final_kfree = container;
}

/* --- Actions --- */

int __drmm_add_action(struct drm_device *drm, drmres_release_t action, void *data, const char *name)
{
	return devres_head_add_action(&drm->devres, (devres_fn)action, data, GFP_KERNEL, drm_node(drm), name,
				      _RET_IP_);
}
EXPORT_SYMBOL(__drmm_add_action);

int __drmm_add_action_or_reset(struct drm_device *drm, drmres_release_t action, void *data, const char *name)
{
	int ret = __drmm_add_action(drm, action, data, name);

	if (ret)
		action(drm, data);
	return ret;
}
EXPORT_SYMBOL(__drmm_add_action_or_reset);

void drmm_remove_action(struct drm_device *drm, drmres_release_t action, void *data)
{
	managed_remove_action(&drm->devres, (devres_fn)action, data);
}
EXPORT_SYMBOL(drmm_remove_action);

void drmm_release_action(struct drm_device *drm, drmres_release_t action, void *data)
{
	managed_release_action(&drm->devres, (devres_fn)action, data);
}
EXPORT_SYMBOL(drmm_release_action);

bool drmm_is_action_added(struct drm_device *drm, drmres_release_t action, void *data)
{
	return devres_head_is_action_added(&drm->devres, (devres_fn)action, data);
}
EXPORT_SYMBOL(drmm_is_action_added);

/* --- Memory and strings --- */

void *drmm_kmalloc(struct drm_device *drm, size_t size, gfp_t gfp)
{
	return managed_kmalloc(&drm->devres, size, gfp, drm_node(drm), _RET_IP_);
}
EXPORT_SYMBOL(drmm_kmalloc);

void *drmm_krealloc(struct drm_device *drm, void *p, size_t size, gfp_t gfp)
{
	return managed_krealloc(&drm->devres, p, size, gfp, drm_node(drm), _RET_IP_);
}
EXPORT_SYMBOL(drmm_krealloc);

void drmm_kfree(struct drm_device *drm, void *p)
{
	managed_kfree(&drm->devres, p);
}
EXPORT_SYMBOL(drmm_kfree);

void *drmm_kmemdup(struct drm_device *drm, const void *src, size_t len, gfp_t gfp)
{
	return managed_kmemdup(&drm->devres, src, len, gfp, drm_node(drm), _RET_IP_);
}
EXPORT_SYMBOL(drmm_kmemdup);

char *drmm_kstrdup(struct drm_device *drm, const char *s, gfp_t gfp)
{
	return managed_kstrdup(&drm->devres, s, gfp, drm_node(drm), _RET_IP_);
}
EXPORT_SYMBOL_GPL(drmm_kstrdup);

char *drmm_kvasprintf(struct drm_device *drm, gfp_t gfp, const char *fmt, va_list ap)
{
	return managed_kvasprintf(&drm->devres, gfp, drm_node(drm), fmt, ap, _RET_IP_);
}
EXPORT_SYMBOL(drmm_kvasprintf);

char *drmm_kasprintf(struct drm_device *drm, gfp_t gfp, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = managed_kvasprintf(&drm->devres, gfp, drm_node(drm), fmt, ap, _RET_IP_);
	va_end(ap);
	return text;
}
EXPORT_SYMBOL(drmm_kasprintf);

void __drmm_mutex_release(struct drm_device *drm, void *lock)
{
	mutex_destroy(lock);
}
EXPORT_SYMBOL(__drmm_mutex_release);

/* --- Resources in two steps, which drmm never had --- */

void *__drmres_alloc_node(drmres_release_t release, size_t size, gfp_t gfp, int nid, const char *name)
{
	return devres_head_alloc((devres_fn)release, size, gfp, nid, name, _RET_IP_);
}
EXPORT_SYMBOL(__drmres_alloc_node);

void drmres_free(void *res)
{
	devres_head_free(res);
}
EXPORT_SYMBOL(drmres_free);

void drmres_add(struct drm_device *drm, void *res)
{
	devres_head_add(&drm->devres, res);
}
EXPORT_SYMBOL(drmres_add);

void *drmres_find(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data)
{
	return devres_head_find(&drm->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL(drmres_find);

void *drmres_get(struct drm_device *drm, void *new_res, drmres_match_t match, void *match_data)
{
	return devres_head_get(&drm->devres, new_res, (devres_fn)match, match_data);
}
EXPORT_SYMBOL(drmres_get);

void *drmres_remove(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data)
{
	return devres_head_remove(&drm->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL(drmres_remove);

int drmres_destroy(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data)
{
	return devres_head_destroy(&drm->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL(drmres_destroy);

int drmres_release(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data)
{
	return devres_head_release(&drm->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL(drmres_release);

void drmres_for_each(struct drm_device *drm, drmres_release_t release, drmres_match_t match, void *match_data,
		     void (*fn)(struct drm_device *, void *, void *), void *data)
{
	devres_head_for_each(&drm->devres, (devres_fn)release, (devres_fn)match, match_data,
			     (devres_fn)fn, data);
}
EXPORT_SYMBOL(drmres_for_each);

/* --- Groups, which drmm never had --- */

void *drmm_open_group(struct drm_device *drm, void *id, gfp_t gfp)
{
	return devres_head_open_group(&drm->devres, id, gfp);
}
EXPORT_SYMBOL(drmm_open_group);

void drmm_close_group(struct drm_device *drm, void *id)
{
	devres_head_close_group(&drm->devres, id);
}
EXPORT_SYMBOL(drmm_close_group);

void drmm_remove_group(struct drm_device *drm, void *id)
{
	devres_head_remove_group(&drm->devres, id);
}
EXPORT_SYMBOL(drmm_remove_group);

int drmm_release_group(struct drm_device *drm, void *id)
{
	return devres_head_release_group(&drm->devres, id);
}
EXPORT_SYMBOL(drmm_release_group);
