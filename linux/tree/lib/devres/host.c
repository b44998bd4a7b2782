// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * What the core's environment (lib/devres/core/env/kernel) asks of the kernel, in plain C.
 */
#include <linux/bug.h>
#include <linux/devres_head.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/kasan.h>
#include <linux/printk.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

void __devres_head_init(struct devres_head *head, const struct devres_owner_ops *ops, const char *lock_name,
			struct lock_class_key *key)
{
	spin_lock_init(&head->lock);
	lockdep_set_class_and_name(&head->lock, key, lock_name);
	devres_core_construct(head, ops);
}

/* --- Memory --- */

void *devres_host_alloc(unsigned long bytes, unsigned int gfp, int nid, unsigned long caller)
{
	const unsigned int zero = (__force unsigned int)__GFP_ZERO;
	const unsigned int core_gfp_kernel = 1; /* in the core's numbers; Linux's __GFP_DMA */

	/* C++ has these written down (devres/gfp.h, head.cpp). */
	BUILD_BUG_ON((__force unsigned int)__GFP_ZERO != 1u << 8);
	BUILD_BUG_ON((__force unsigned int)(__GFP_DMA | __GFP_DMA32) != 5);

	/*
	 * A request without a caller is the core's own, for its index, if its flags are the core's: it may be
	 * made where nobody may sleep, and the core does its work without that memory, only more slowly.
	 */
	if (!caller && !(gfp & ~(core_gfp_kernel | zero)))
		gfp = (gfp & zero) | (__force unsigned int)(GFP_NOWAIT | __GFP_NOWARN);
	return kmalloc_node_track_caller_noprof(bytes, (__force gfp_t)gfp, nid, caller);
}

void devres_host_free(void *memory)
{
	kfree(memory);
}

#ifdef CONFIG_KASAN
#include "../../mm/kasan/kasan.h"

/*
 * For memory that the core parcels out. Slots are whole granules, but krealloc moves the end of one to anywhere:
 * what precedes @memory in its granule is in use, and what follows the end in its granule is not.
 */
void devres_host_poison(const void *memory, unsigned long bytes)
{
	const char *granule = PTR_ALIGN_DOWN((const char *)memory, KASAN_GRANULE_SIZE);
	const char *from = PTR_ALIGN((const char *)memory, KASAN_GRANULE_SIZE);
	const char *to = PTR_ALIGN((const char *)memory + bytes, KASAN_GRANULE_SIZE);

	if (granule != from)
		kasan_unpoison(granule, (const char *)memory - granule, false);
	kasan_poison(from, to - from, KASAN_SLAB_FREE, false);
}

void devres_host_unpoison(const void *memory, unsigned long bytes)
{
	const char *granule = PTR_ALIGN_DOWN((const char *)memory, KASAN_GRANULE_SIZE);

	kasan_unpoison(granule, (const char *)memory + bytes - granule, false);
}
#endif

/* --- The lock, which comes first in a head --- */

unsigned long devres_host_lock(void *lock)
{
	unsigned long flags;

	spin_lock_irqsave((spinlock_t *)lock, flags);
	return flags;
}

void devres_host_unlock(void *lock, unsigned long flags)
{
	spin_unlock_irqrestore((spinlock_t *)lock, flags);
}

/* --- Threads that wait for each other --- */

void *devres_host_thread(void)
{
	return current;
}

bool devres_host_wait(const unsigned int *word, unsigned int value, unsigned int ms)
{
	return wait_var_event_timeout((void *)word, smp_load_acquire(word) != value, msecs_to_jiffies(ms));
}

void devres_host_wake(const unsigned int *word)
{
	smp_mb(); /* The change of the word, then the look for who sleeps. */
	wake_up_var((void *)word);
}

/* --- Reports --- */

static void say(char *text, size_t size, const char *function, const struct devres_named *res)
{
	if (res->name)
		snprintf(text, size, "%s: %s '%s': ", function, res->kind, res->name);
	else if (res->code)
		snprintf(text, size, "%s: %s %ps: ", function, res->kind, res->code);
	else
		snprintf(text, size, "%s: ", function);
}

void devres_host_warn(struct devres_head *head, const struct devres_owner_ops *ops, const char *function,
		      const struct devres_named *res, const char *format, __builtin_va_list *args)
{
	char text[240];
	size_t length;

	say(text, sizeof(text), function, res);
	length = strlen(text);
	vsnprintf(text + length, sizeof(text) - length, format, *args);
	if (ops)
		ops->warn(head, text);
	WARN(1, "devres: %s\n", text);
}

void devres_host_bug(struct devres_head *head, const struct devres_owner_ops *ops, const char *function,
		     const struct devres_named *res, const char *what)
{
	char text[240];

	say(text, sizeof(text), function, res);
	pr_crit("devres: %s %s: %s%s\n", ops ? ops->kind : "?", ops ? ops->name(head) : "?", text, what);
	BUG();
}

/* --- Counts --- */

#ifdef CONFIG_DEVRES_COUNTS
static void print_counts(const char *when)
{
	struct devres_counts c;

	devres_head_counts(&c);
	pr_info("devres: %s: heads %lu attaches %lu removals %lu releases %lu\n", when, c.heads, c.attaches,
		c.removals, c.releases);
}

static int __init counts_after_boot(void)
{
	print_counts("boot");
	return 0;
}
late_initcall_sync(counts_after_boot);

static int counts_at_halt(struct notifier_block *unused, unsigned long action, void *data)
{
	print_counts("halt");
	return NOTIFY_DONE;
}

static struct notifier_block at_halt = { .notifier_call = counts_at_halt };

static int __init counts_init(void)
{
	return register_reboot_notifier(&at_halt);
}
core_initcall(counts_init);
#endif
