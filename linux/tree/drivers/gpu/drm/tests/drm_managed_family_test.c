// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
/*
 * The family's rules on a struct drm_device. On plain Linux the cases that fail are defects of its drmm.
 */
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_kunit_helpers.h>
#include <drm/drm_managed.h>
#include <kunit/device.h>
#include <kunit/test.h>

#define FAMILY "drmm"
#define own_t struct drm_device
#if __has_include(<linux/devres_managed.h>)
#include <linux/devres_managed.h>
#define HAS_COMMON_CORE 1
#else
#define HAS_COMMON_CORE 0
#define drmm_remove_action(drm, action, data) ((void)0)
#endif
#define HAS_ACTIONS_ALL HAS_COMMON_CORE
#define HAS_TWO_STEP HAS_COMMON_CORE
#define HAS_GROUPS HAS_COMMON_CORE
#define HAS_KREALLOC HAS_COMMON_CORE
#define CRASHES_ON_NEIGHBOUR (!HAS_COMMON_CORE)

#define ACTION(name) static void name(struct drm_device *drm, void *data)

static struct drm_device *own_create(struct kunit *test)
{
	struct device *dev = drm_kunit_helper_alloc_device(test);
	struct drm_device *drm;

	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(dev));
	drm = __drm_kunit_helper_alloc_drm_device(test, dev, sizeof(*drm), 0, DRIVER_MODESET);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(drm));
	return drm;
}

static void own_end(struct kunit *test, struct drm_device *drm)
{
	drm_kunit_helper_free_device(test, drm->dev);
}

#define own_add_action drmm_add_action
#define own_remove_action drmm_remove_action
#define own_release_action drmm_release_action
#define own_release_action_quietly drmm_release_action
#define own_kmalloc drmm_kmalloc
#define own_kmalloc_array drmm_kmalloc_array
#define own_krealloc drmm_krealloc
#define own_kfree drmm_kfree
#define own_kstrdup drmm_kstrdup
#define own_kmemdup drmm_kmemdup
#define own_kasprintf drmm_kasprintf
#define own_res_alloc drmres_alloc
#define own_res_free drmres_free
#define own_res_add drmres_add
#define own_res_find drmres_find
#define own_res_get drmres_get
#define own_res_remove drmres_remove
#define own_res_destroy drmres_destroy
#define own_res_release drmres_release
#define own_res_for_each drmres_for_each
#define own_open_group drmm_open_group
#define own_close_group drmm_close_group
#define own_remove_group drmm_remove_group
#define own_release_group drmm_release_group

#include "../../../base/test/devres-family.h"

#if HAS_COMMON_CORE
static void note_letter(struct drm_device *drm, char *letter)
{
	note(drm ? *letter : '-');
}
DEFINE_DRMM_ACTION(letter, char *, note_letter)

/* A typed action gets the drm_device and its own pointer; with another pointer it does not compile. */
static void drmm_typed_action(struct kunit *test)
{
	struct drm_device *drm = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, drmm_add_letter(drm, L('q')));
	KUNIT_EXPECT_FALSE(test, drmm_is_action_added(drm, noting, NULL));
	KUNIT_ASSERT_EQ(test, 0, drmm_add_action(drm, noting, NULL));
	KUNIT_EXPECT_TRUE(test, drmm_is_action_added(drm, noting, NULL));
	own_end(test, drm);
	KUNIT_EXPECT_STREQ(test, journal, "0q");
}
#endif

static struct kunit_case drmm_family_cases[] = {
	FAMILY_CASES,
#if HAS_COMMON_CORE
	KUNIT_CASE(drmm_typed_action),
#endif
	{}
};

static struct kunit_suite drmm_family = {
	.name = "devres-family-drmm",
	.init = family_init,
	.test_cases = drmm_family_cases,
};
kunit_test_suite(drmm_family);

MODULE_DESCRIPTION("The rules of managed resources on a struct drm_device");
MODULE_LICENSE("Dual MIT/GPL");
