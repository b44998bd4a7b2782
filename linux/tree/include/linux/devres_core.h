/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The border between the kernel's C and the core's C++: plain C types, and no other header, because the C++
 * side must not see include/linux (its limits.h and sched.h would shadow those of the C library).
 *
 * Kernel code includes <linux/devres_head.h> instead.
 */
#ifndef _LINUX_DEVRES_CORE_H
#define _LINUX_DEVRES_CORE_H

#ifdef __cplusplus
extern "C" {
#else
#include <linux/types.h>
#endif

struct devres_head;
struct lock_class_key;

/* Any callback of an owner. Only the owner, who knows its type, calls it. */
typedef void (*devres_fn)(void);

struct devres_owner_ops {
	const char *kind;				/* for messages: "device" */
	const char *(*name)(struct devres_head *head);
	void (*release)(struct devres_head *head, devres_fn release, void *res);
	void (*action)(struct devres_head *head, devres_fn action, void *data);
	bool (*match)(struct devres_head *head, devres_fn match, void *res, void *match_data);
	void (*visit)(struct devres_head *head, devres_fn visit, void *res, void *data);
	void (*log)(struct devres_head *head, const char *op, const void *node, const char *name,
		    unsigned long size);
	void (*warn)(struct devres_head *head, const char *text);
};

/* What all owners together have done since boot, without group markers; zero unless CONFIG_DEVRES_COUNTS. */
struct devres_counts {
	unsigned long heads;	/* that were initialised */
	unsigned long attaches;	/* resources put on a head */
	unsigned long removals;	/* taken off it, and handed to somebody or freed without release */
	unsigned long releases;	/* released */
};
void devres_head_counts(struct devres_counts *counts);

/* --- The core, called by C ---------------------------------------------------------------------------- */

void devres_core_construct(struct devres_head *head, const struct devres_owner_ops *ops);
/* The owner ends: what is left is released, and whoever releases a resource of it does not touch it again. */
void devres_head_end(struct devres_head *head);
bool devres_head_is_init(const struct devres_head *head);
bool devres_head_empty(const struct devres_head *head);

/* Resources in two steps: allocate, then add. @caller is for the allocator's statistics. */
void *devres_head_alloc(devres_fn release, unsigned long size, unsigned int gfp, int nid, const char *name,
			unsigned long caller);
void devres_head_free(void *res);
void devres_head_add(struct devres_head *head, void *res);
void *devres_head_find(struct devres_head *head, devres_fn release, devres_fn match, void *match_data);
void *devres_head_get(struct devres_head *head, void *new_res, devres_fn match, void *match_data);
void *devres_head_remove(struct devres_head *head, devres_fn release, devres_fn match, void *match_data);
int devres_head_destroy(struct devres_head *head, devres_fn release, devres_fn match, void *match_data);
int devres_head_release(struct devres_head *head, devres_fn release, devres_fn match, void *match_data);
void devres_head_for_each(struct devres_head *head, devres_fn release, devres_fn match, void *match_data,
			  devres_fn visit, void *data);

/* One pass; and passes until nothing is left, for the end of an owner. */
int devres_head_release_all(struct devres_head *head);
int devres_head_drain(struct devres_head *head);

/* Groups. */
void *devres_head_open_group(struct devres_head *head, void *id, unsigned int gfp);
void devres_head_close_group(struct devres_head *head, void *id);
void devres_head_remove_group(struct devres_head *head, void *id);
int devres_head_release_group(struct devres_head *head, void *id);

/* Actions: the newest of equal ones is meant, null @data matches null data only. Missing: -ENOENT. */
int devres_head_add_action(struct devres_head *head, devres_fn action, void *data, unsigned int gfp, int nid,
			   const char *name, unsigned long caller);
int devres_head_remove_action(struct devres_head *head, devres_fn action, void *data);
int devres_head_release_action(struct devres_head *head, devres_fn action, void *data);
bool devres_head_is_action_added(struct devres_head *head, devres_fn action, void *data);

/* Memory. If @p is not plain memory of this head: -ENOENT, or null. */
void *devres_head_kmalloc(struct devres_head *head, unsigned long size, unsigned int gfp, int nid,
			  unsigned long caller);
void *devres_head_krealloc(struct devres_head *head, void *p, unsigned long size, unsigned int gfp, int nid,
			   unsigned long caller);
int devres_head_kfree(struct devres_head *head, const void *p);

/* --- The kernel, called by the core (lib/devres/host.c) ----------------------------------------------- */

void *devres_host_alloc(unsigned long bytes, unsigned int gfp, int nid, unsigned long caller);
void devres_host_free(void *memory);
unsigned long devres_host_lock(void *lock);
void devres_host_unlock(void *lock, unsigned long flags);
void *devres_host_thread(void);
/* Sleeps until @word is not @value; false if that took longer than @ms. */
bool devres_host_wait(const unsigned int *word, unsigned int value, unsigned int ms);
void devres_host_wake(const unsigned int *word);
/* @head may be null; so may @kind and the rest of what names a resource. */
struct devres_named {
	const char *kind, *name;
	const void *code;
};
void devres_host_warn(struct devres_head *head, const struct devres_owner_ops *ops, const char *function,
		      const struct devres_named *res, const char *format, __builtin_va_list *args);
void devres_host_bug(struct devres_head *head, const struct devres_owner_ops *ops, const char *function,
		     const struct devres_named *res, const char *what) __attribute__((noreturn));
void devres_host_poison(const void *memory, unsigned long bytes);
void devres_host_unpoison(const void *memory, unsigned long bytes);

#ifdef __cplusplus
}
#endif
#endif
