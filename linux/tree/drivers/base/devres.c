// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * devm_*() and devres_*(): the managed resources of a struct device, as typed names of devres_head.
 *
 * What a resource is, in which order they go and what happens when two threads meet is not told here: see
 * <linux/devres_head.h>. Here a device becomes its head, and callbacks get their type back.
 */
#include <linux/device.h>
#include <linux/devres_managed.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include <asm/sections.h>

#include "base.h"
#include "trace.h"

static struct device *device_of(struct devres_head *head)
{
	return container_of(head, struct device, devres);
}

#ifdef CONFIG_DEBUG_DEVRES
static int log_devres;
module_param_named(log, log_devres, int, 0644);
#else
#define log_devres 0
#endif

static const char *device_owner_name(struct devres_head *head)
{
	return dev_name(device_of(head));
}

static void device_owner_release(struct devres_head *head, devres_fn release, void *res)
{
	((dr_release_t)release)(device_of(head), res);
}

static void device_owner_action(struct devres_head *head, devres_fn action, void *data)
{
	((void (*)(void *))action)(data);
}

static bool device_owner_match(struct devres_head *head, devres_fn match, void *res, void *match_data)
{
	return ((dr_match_t)match)(device_of(head), res, match_data);
}

static void device_owner_visit(struct devres_head *head, devres_fn visit, void *res, void *data)
{
	((void (*)(struct device *, void *, void *))visit)(device_of(head), res, data);
}

static void device_owner_log(struct devres_head *head, const char *op, const void *node, const char *name,
			     unsigned long size)
{
	struct device *dev = device_of(head);

	trace_devres_log(dev, op, (void *)node, name, size);
	if (unlikely(log_devres))
		dev_err(dev, "DEVRES %3s %p %s (%lu bytes)\n", op, node, name, size);
}

static void device_owner_warn(struct devres_head *head, const char *text)
{
	dev_warn(device_of(head), "devres: %s\n", text);
}

static const struct devres_owner_ops device_owner = {
	.kind = "device",
	.name = device_owner_name,
	.release = device_owner_release,
	.action = device_owner_action,
	.match = device_owner_match,
	.visit = device_owner_visit,
	.log = device_owner_log,
	.warn = device_owner_warn,
};

void device_devres_init(struct device *dev)
{
	devres_head_init(&dev->devres, &device_owner);
}

/* At the end of a device, whose memory goes next. */
void device_devres_end(struct device *dev)
{
	devres_head_end(&dev->devres);
}

/* At the end of a binding. What callbacks add on the way goes as well. */
int devres_release_all(struct device *dev)
{
	if (WARN_ON(!devres_head_is_init(&dev->devres)))
		return -ENODEV;
	return devres_head_drain(&dev->devres);
}

/* --- Resources in two steps --- */

void *__devres_alloc_node(dr_release_t release, size_t size, gfp_t gfp, int nid, const char *name)
{
	return devres_head_alloc((devres_fn)release, size, gfp, nid, name, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__devres_alloc_node);

void devres_free(void *res)
{
	devres_head_free(res);
}
EXPORT_SYMBOL_GPL(devres_free);

void devres_add(struct device *dev, void *res)
{
	devres_head_add(&dev->devres, res);
}
EXPORT_SYMBOL_GPL(devres_add);

void *devres_find(struct device *dev, dr_release_t release, dr_match_t match, void *match_data)
{
	return devres_head_find(&dev->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL_GPL(devres_find);

void *devres_get(struct device *dev, void *new_res, dr_match_t match, void *match_data)
{
	return devres_head_get(&dev->devres, new_res, (devres_fn)match, match_data);
}
EXPORT_SYMBOL_GPL(devres_get);

void *devres_remove(struct device *dev, dr_release_t release, dr_match_t match, void *match_data)
{
	return devres_head_remove(&dev->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL_GPL(devres_remove);

int devres_destroy(struct device *dev, dr_release_t release, dr_match_t match, void *match_data)
{
	return devres_head_destroy(&dev->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL_GPL(devres_destroy);

int devres_release(struct device *dev, dr_release_t release, dr_match_t match, void *match_data)
{
	return devres_head_release(&dev->devres, (devres_fn)release, (devres_fn)match, match_data);
}
EXPORT_SYMBOL_GPL(devres_release);

void devres_for_each_res(struct device *dev, dr_release_t release, dr_match_t match, void *match_data,
			 void (*fn)(struct device *, void *, void *), void *data)
{
	devres_head_for_each(&dev->devres, (devres_fn)release, (devres_fn)match, match_data,
			     (devres_fn)fn, data);
}
EXPORT_SYMBOL_GPL(devres_for_each_res);

/* --- Groups --- */

void *devres_open_group(struct device *dev, void *id, gfp_t gfp)
{
	return devres_head_open_group(&dev->devres, id, gfp);
}
EXPORT_SYMBOL_GPL(devres_open_group);

void devres_close_group(struct device *dev, void *id)
{
	devres_head_close_group(&dev->devres, id);
}
EXPORT_SYMBOL_GPL(devres_close_group);

void devres_remove_group(struct device *dev, void *id)
{
	devres_head_remove_group(&dev->devres, id);
}
EXPORT_SYMBOL_GPL(devres_remove_group);

int devres_release_group(struct device *dev, void *id)
{
	return devres_head_release_group(&dev->devres, id);
}
EXPORT_SYMBOL_GPL(devres_release_group);

/* --- Actions --- */

int __devm_add_action(struct device *dev, void (*action)(void *), void *data, const char *name)
{
	return devres_head_add_action(&dev->devres, (devres_fn)action, data, GFP_KERNEL, NUMA_NO_NODE, name,
				      _RET_IP_);
}
EXPORT_SYMBOL_GPL(__devm_add_action);

void devm_remove_action(struct device *dev, void (*action)(void *), void *data)
{
	managed_remove_action(&dev->devres, (devres_fn)action, data);
}
EXPORT_SYMBOL_GPL(devm_remove_action);

void devm_release_action(struct device *dev, void (*action)(void *), void *data)
{
	managed_release_action(&dev->devres, (devres_fn)action, data);
}
EXPORT_SYMBOL_GPL(devm_release_action);

/* --- Memory and strings --- */

void *devm_kmalloc(struct device *dev, size_t size, gfp_t gfp)
{
	return managed_kmalloc(&dev->devres, size, gfp, dev_to_node(dev), _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kmalloc);

void *devm_krealloc(struct device *dev, void *p, size_t size, gfp_t gfp)
{
	return managed_krealloc(&dev->devres, p, size, gfp, dev_to_node(dev), _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_krealloc);

void devm_kfree(struct device *dev, const void *p)
{
	managed_kfree(&dev->devres, p);
}
EXPORT_SYMBOL_GPL(devm_kfree);

void *devm_kmemdup(struct device *dev, const void *src, size_t len, gfp_t gfp)
{
	return managed_kmemdup(&dev->devres, src, len, gfp, dev_to_node(dev), _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kmemdup);

char *devm_kstrdup(struct device *dev, const char *s, gfp_t gfp)
{
	return managed_kstrdup(&dev->devres, s, gfp, dev_to_node(dev), _RET_IP_);
}
EXPORT_SYMBOL_GPL(devm_kstrdup);

const char *devm_kstrdup_const(struct device *dev, const char *s, gfp_t gfp)
{
	return is_kernel_rodata((unsigned long)s) ? s : devm_kstrdup(dev, s, gfp);
}
EXPORT_SYMBOL_GPL(devm_kstrdup_const);

char *devm_kvasprintf(struct device *dev, gfp_t gfp, const char *fmt, va_list ap)
{
	return managed_kvasprintf(&dev->devres, gfp, dev_to_node(dev), fmt, ap, _RET_IP_);
}
EXPORT_SYMBOL(devm_kvasprintf);

char *devm_kasprintf(struct device *dev, gfp_t gfp, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = managed_kvasprintf(&dev->devres, gfp, dev_to_node(dev), fmt, ap, _RET_IP_);
	va_end(ap);
	return text;
}
EXPORT_SYMBOL_GPL(devm_kasprintf);

/* --- Pages and per-cpu memory: a device's own, so not in the common family --- */

struct managed_pages {
	unsigned long addr;
	unsigned int order;
};

static void managed_pages_release(struct device *dev, void *res)
{
	struct managed_pages *pages = res;

	free_pages(pages->addr, pages->order);
}

static int managed_pages_match(struct device *dev, void *res, void *addr)
{
	struct managed_pages *pages = res;

	return pages->addr == (unsigned long)addr;
}

unsigned long devm_get_free_pages(struct device *dev, gfp_t gfp_mask, unsigned int order)
{
	struct managed_pages *pages = devres_alloc(managed_pages_release, sizeof(*pages), GFP_KERNEL);

	if (!pages)
		return 0;
	pages->order = order;
	pages->addr = __get_free_pages(gfp_mask, order);
	if (!pages->addr) {
		devres_free(pages);
		return 0;
	}
	devres_add(dev, pages);
	return pages->addr;
}
EXPORT_SYMBOL_GPL(devm_get_free_pages);

void devm_free_pages(struct device *dev, unsigned long addr)
{
	WARN_ON(devres_release(dev, managed_pages_release, managed_pages_match, (void *)addr));
}
EXPORT_SYMBOL_GPL(devm_free_pages);

static void managed_percpu_release(struct device *dev, void *res)
{
	free_percpu(*(void __percpu **)res);
}

static int managed_percpu_match(struct device *dev, void *res, void *pcpu)
{
	return (__force void *)*(void __percpu **)res == pcpu;
}

void __percpu *__devm_alloc_percpu(struct device *dev, size_t size, size_t align)
{
	void __percpu **res = devres_alloc(managed_percpu_release, sizeof(*res), GFP_KERNEL);

	if (!res)
		return NULL;
	*res = __alloc_percpu(size, align);
	if (!*res) {
		devres_free(res);
		return NULL;
	}
	devres_add(dev, res);
	return *res;
}
EXPORT_SYMBOL_GPL(__devm_alloc_percpu);

void devm_free_percpu(struct device *dev, void __percpu *pdata)
{
	WARN_ON(devres_release(dev, managed_percpu_release, managed_percpu_match, (__force void *)pdata));
}
EXPORT_SYMBOL_GPL(devm_free_percpu);
