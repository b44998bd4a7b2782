/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * A list of managed resources that any owner embeds: what struct device and struct drm_device have in common.
 *
 * The owner puts a struct devres_head into its own struct and gives it an ops table, whose functions call the
 * owner's callbacks through their own C types. The mechanism behind is C++ (lib/devres/core); nothing of it
 * shows here. The functions are in <linux/devres_core.h>.
 *
 * Locking: every function may be called by any thread at any time. None calls a release callback, and none
 * allocates, with the head's lock held; ops->match and ops->visit do run under it, with interrupts off.
 * Context: functions that take gfp allocate with it. devres_head_drain() may sleep; all others may be called
 * in atomic context, if the release callbacks that they call may.
 *
 * This header is part of <linux/device.h>, so it must not name a CONFIG symbol: fixdep would rebuild nearly
 * the whole kernel whenever that symbol changes.
 */
#ifndef _LINUX_DEVRES_HEAD_H
#define _LINUX_DEVRES_HEAD_H

#include <linux/devres_core.h>
#include <linux/lockdep_types.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>

/* The rest of the head, in words; lib/devres/head.cpp checks that the core's fits. */
#define DEVRES_HEAD_WORDS (64 / sizeof(unsigned long))

struct devres_head {
	/* All zero means that devres_head_init() was never called. */
	spinlock_t lock;
	u32 irq_flags;
	unsigned long opaque[DEVRES_HEAD_WORDS];
};

#define devres_head_init(head, ops)						\
do {										\
	static struct lock_class_key __key;					\
										\
	__devres_head_init(head, ops, #head, &__key);				\
} while (0)
void __devres_head_init(struct devres_head *head, const struct devres_owner_ops *ops, const char *lock_name,
			struct lock_class_key *key);

#endif
