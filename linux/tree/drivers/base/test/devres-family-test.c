// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * The family's rules on a struct device, and what only devm_*() has.
 */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/device.h>

#define FAMILY "devm"
#define own_t struct device
#define HAS_ACTIONS_ALL 1
#define HAS_TWO_STEP 1
#define HAS_GROUPS 1
#define HAS_KREALLOC 1
#define CRASHES_ON_NEIGHBOUR 0
#if __has_include(<linux/devres_managed.h>)
#include <linux/devres_managed.h>
#define HAS_COMMON_CORE 1
#else
#define HAS_COMMON_CORE 0
#endif

#define ACTION(name) static void name(void *data)

static struct device *own_create(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "devres-family");

	KUNIT_ASSERT_FALSE(test, IS_ERR(dev));
	return dev;
}

static void own_end(struct kunit *test, struct device *dev)
{
	kunit_device_unregister(test, dev);
}

#define own_add_action devm_add_action
#define own_remove_action devm_remove_action
#define own_release_action devm_release_action
#define own_release_action_quietly devm_release_action
#define own_kmalloc devm_kmalloc
#define own_kmalloc_array devm_kmalloc_array
#define own_krealloc devm_krealloc
#define own_kfree devm_kfree
#define own_kstrdup devm_kstrdup
#define own_kmemdup devm_kmemdup
#define own_kasprintf devm_kasprintf
#define own_res_alloc devres_alloc
#define own_res_free devres_free
#define own_res_add devres_add
#define own_res_find devres_find
#define own_res_get devres_get
#define own_res_remove devres_remove
#define own_res_destroy devres_destroy
#define own_res_release devres_release
#define own_res_for_each devres_for_each_res
#define own_open_group devres_open_group
#define own_close_group devres_close_group
#define own_remove_group devres_remove_group
#define own_release_group devres_release_group

#include "devres-family.h"

/* Pages and per-cpu memory go with the device, or before it by hand. */
static void devm_pages_and_percpu(struct kunit *test)
{
	struct device *dev = own_create(test);
	unsigned long kept = devm_get_free_pages(dev, GFP_KERNEL, 1);
	unsigned long freed = devm_get_free_pages(dev, GFP_KERNEL, 0);
	int __percpu *kept_count = devm_alloc_percpu(dev, int);
	int __percpu *freed_count = devm_alloc_percpu(dev, int);

	KUNIT_ASSERT_NE(test, kept, 0UL);
	KUNIT_ASSERT_NE(test, freed, 0UL);
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)kept_count);
	KUNIT_ASSERT_NOT_NULL(test, (__force void *)freed_count);
	memset((void *)kept, 1, 2 * PAGE_SIZE);
	devm_free_pages(dev, freed);
	devm_free_percpu(dev, freed_count);
	*per_cpu_ptr(kept_count, 0) = 1;
	own_end(test, dev);
}

/* A string in read-only data is not copied, not freed and not reallocated. */
static void devm_const_strings(struct kunit *test)
{
	struct device *dev = own_create(test);
	const char *constant = "constant", *copy;

	KUNIT_EXPECT_PTR_EQ(test, devm_kstrdup_const(dev, constant, GFP_KERNEL), constant);
	copy = devm_kstrdup_const(dev, letters, GFP_KERNEL);
	KUNIT_EXPECT_PTR_NE(test, copy, (const char *)letters);
	devm_kfree(dev, constant);
	devm_kfree(dev, copy);
	own_end(test, dev);
}

#if HAS_COMMON_CORE
static void note_letter(char *letter)
{
	note(*letter);
}
DEFINE_DEVM_ACTION(letter, char *, note_letter)

/* A typed action is called through its own type; with another pointer it does not compile. */
static void devm_typed_action(struct kunit *test)
{
	struct device *dev = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, devm_add_letter(dev, L('q')));
	own_end(test, dev);
	KUNIT_EXPECT_STREQ(test, journal, "q");
}

/* Nothing is left over: what was attached has been removed or released. */
static void devm_counts(struct kunit *test)
{
	struct devres_counts before, after;
	struct device *dev;
	int i;

	devres_head_counts(&before);
	dev = own_create(test);
	for (i = 0; i < 20; i++)
		KUNIT_ASSERT_EQ(test, 0, devm_add_action(dev, noting, L('a')));
	devm_remove_action(dev, noting, L('a'));
	own_end(test, dev);
	devres_head_counts(&after);
	KUNIT_EXPECT_GE(test, after.heads, before.heads + 1);
	KUNIT_EXPECT_EQ(test, after.attaches - before.attaches,
			after.removals - before.removals + after.releases - before.releases);
}
#endif

static struct kunit_case devm_family_cases[] = {
	FAMILY_CASES,
	KUNIT_CASE(devm_pages_and_percpu),
	KUNIT_CASE(devm_const_strings),
#if HAS_COMMON_CORE
	KUNIT_CASE(devm_typed_action),
	KUNIT_CASE(devm_counts),
#endif
	{}
};

static struct kunit_suite devm_family = {
	.name = "devres-family-devm",
	.init = family_init,
	.test_cases = devm_family_cases,
};
kunit_test_suite(devm_family);

MODULE_DESCRIPTION("The rules of managed resources on a struct device");
MODULE_LICENSE("Dual MIT/GPL");
