// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * The managed family on any devres_head. devm_*() and drmm_*() are typed names for these functions.
 */
#include <linux/bug.h>
#include <linux/devres_managed.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <asm/sections.h>

/* A string of devm_kstrdup_const() that was never copied: no resource of anybody. */
static bool is_const_string(const void *p)
{
	return is_kernel_rodata((unsigned long)p);
}

void *managed_kmalloc(struct devres_head *head, size_t size, gfp_t gfp, int nid, unsigned long ip)
{
	return size ? devres_head_kmalloc(head, size, gfp, nid, ip) : ZERO_SIZE_PTR;
}

void managed_kfree(struct devres_head *head, const void *p)
{
	if (ZERO_OR_NULL_PTR(p) || is_const_string(p))
		return;
	WARN(devres_head_kfree(head, p), "%pS: not memory managed by this owner\n", p);
}

void *managed_krealloc(struct devres_head *head, void *p, size_t size, gfp_t gfp, int nid, unsigned long ip)
{
	if (!size) {
		managed_kfree(head, p);
		return ZERO_SIZE_PTR;
	}
	if (ZERO_OR_NULL_PTR(p))
		return devres_head_kmalloc(head, size, gfp, nid, ip);
	if (WARN(is_const_string(p), "krealloc of a string that is not managed\n"))
		return NULL;
	return devres_head_krealloc(head, p, size, gfp, nid, ip);
}

void *managed_kmemdup(struct devres_head *head, const void *src, size_t len, gfp_t gfp, int nid,
		      unsigned long ip)
{
	void *copy = managed_kmalloc(head, len, gfp, nid, ip);

	return ZERO_OR_NULL_PTR(copy) ? copy : memcpy(copy, src, len);
}

char *managed_kstrdup(struct devres_head *head, const char *s, gfp_t gfp, int nid, unsigned long ip)
{
	return s ? managed_kmemdup(head, s, strlen(s) + 1, gfp, nid, ip) : NULL;
}

char *managed_kvasprintf(struct devres_head *head, gfp_t gfp, int nid, const char *fmt, va_list ap,
			 unsigned long ip)
{
	va_list measured;
	size_t size;
	char *text;

	va_copy(measured, ap);
	size = vsnprintf(NULL, 0, fmt, measured) + 1;
	va_end(measured);

	text = managed_kmalloc(head, size, gfp, nid, ip);
	if (text)
		vsnprintf(text, size, fmt, ap);
	return text;
}

void managed_remove_action(struct devres_head *head, devres_fn action, void *data)
{
	WARN(devres_head_remove_action(head, action, data), "no such action: %ps\n", action);
}

void managed_release_action(struct devres_head *head, devres_fn action, void *data)
{
	WARN(devres_head_release_action(head, action, data), "no such action: %ps\n", action);
}

/* DRM can be a module; the device core cannot. */
EXPORT_SYMBOL_GPL(__devres_head_init);
EXPORT_SYMBOL_GPL(devres_head_alloc);
EXPORT_SYMBOL_GPL(devres_head_free);
EXPORT_SYMBOL_GPL(devres_head_add);
EXPORT_SYMBOL_GPL(devres_head_find);
EXPORT_SYMBOL_GPL(devres_head_get);
EXPORT_SYMBOL_GPL(devres_head_remove);
EXPORT_SYMBOL_GPL(devres_head_destroy);
EXPORT_SYMBOL_GPL(devres_head_release);
EXPORT_SYMBOL_GPL(devres_head_for_each);
EXPORT_SYMBOL_GPL(devres_head_release_all);
EXPORT_SYMBOL_GPL(devres_head_drain);
EXPORT_SYMBOL_GPL(devres_head_end);
EXPORT_SYMBOL_GPL(devres_head_empty);
EXPORT_SYMBOL_GPL(devres_head_open_group);
EXPORT_SYMBOL_GPL(devres_head_close_group);
EXPORT_SYMBOL_GPL(devres_head_remove_group);
EXPORT_SYMBOL_GPL(devres_head_release_group);
EXPORT_SYMBOL_GPL(devres_head_add_action);
EXPORT_SYMBOL_GPL(devres_head_is_action_added);
EXPORT_SYMBOL_GPL(devres_head_remove_action);
EXPORT_SYMBOL_GPL(devres_head_release_action);
EXPORT_SYMBOL_GPL(devres_head_counts);
EXPORT_SYMBOL_GPL(managed_kmalloc);
EXPORT_SYMBOL_GPL(managed_krealloc);
EXPORT_SYMBOL_GPL(managed_kfree);
EXPORT_SYMBOL_GPL(managed_kmemdup);
EXPORT_SYMBOL_GPL(managed_kstrdup);
EXPORT_SYMBOL_GPL(managed_kvasprintf);
EXPORT_SYMBOL_GPL(managed_remove_action);
EXPORT_SYMBOL_GPL(managed_release_action);
