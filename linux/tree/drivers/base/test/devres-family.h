/* SPDX-License-Identifier: (GPL-2.0-only OR MIT) */
/*
 * The rules of managed resources, as KUnit cases that hold for every family of them. One file per family
 * defines the words below and includes this one. Runs on plain Linux too: what a family lacks there is
 * skipped with a reason, and a case that is known to crash it runs only with the parameter dare=1.
 *
 *	own_t, own_create(test), own_end(test, own)	an owner, and its end
 *	ACTION(name)					the head of an action that uses `data`
 *	CALL(name, own, data)				a call of one
 *	own_##call for each call of the family that the cases use
 *	HAS_ACTIONS_ALL, HAS_TWO_STEP, HAS_GROUPS, HAS_KREALLOC
 *	CRASHES_ON_NEIGHBOUR				1 on a kernel that must not run that case
 *
 * Each case's comment is the rule that it proves.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

static bool dare;
module_param(dare, bool, 0444);
MODULE_PARM_DESC(dare, "also run the cases that are known to crash a kernel without the common core");
static bool bench;
module_param(bench, bool, 0444);
MODULE_PARM_DESC(bench, "run the measurements");
static bool ticks;
module_param(ticks, bool, 0444);
MODULE_PARM_DESC(ticks, "measure in ticks of an x86 processor, not in nanoseconds");

/* What was released, in that order: a letter each. */
static char journal[64];
static unsigned int journal_length;

static void note(char letter)
{
	if (journal_length < sizeof(journal) - 1)
		journal[journal_length++] = letter;
	journal[journal_length] = 0;
}

static void forget(void)
{
	journal_length = 0;
	journal[0] = 0;
}

static char letters[] = "abcdefghijklmnopqrstuvwxyz";
#define L(c) (&letters[(c) - 'a'])

/* Data is a letter, or null. */
ACTION(noting)
{
	note(data ? *(char *)data : '0');
}

ACTION(noting_too)
{
	note(data ? *(char *)data - 'a' + 'A' : '1');
}

/* Does not follow its data. */
ACTION(noting_null)
{
	note(data ? 'x' : '1');
}

static void expect_warn(struct kunit *test)
{
	kunit_info(test, "a WARN that follows is expected\n");
}

/* Resources go in reverse order of adding, whatever mix of kinds they are. */
static void family_order(struct kunit *test)
{
	own_t *own = own_create(test);
	char *memory;

	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	memory = own_kmalloc(own, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting_too, L('b')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('c')));
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "cBa");
}

/* Of equal actions the newest is released. */
static void family_newest_of_equal_actions(struct kunit *test)
{
	own_t *own = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('b')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	own_release_action(own, noting, L('a'));
	KUNIT_EXPECT_STREQ(test, journal, "a");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "aba");
}

/* Null data is data like any other. */
static void family_null_data(struct kunit *test)
{
	own_t *own = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, NULL));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, NULL));
	own_release_action(own, noting, NULL);
	KUNIT_EXPECT_STREQ(test, journal, "0");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "0a0");
}

/* Null data matches null data only: it is not a wildcard. */
static void family_null_is_no_wildcard(struct kunit *test)
{
	own_t *own = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	expect_warn(test);
	own_release_action(own, noting, NULL);
	KUNIT_EXPECT_STREQ(test, journal, "");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "a");
}

/* An action with null data is not found by other data, such as what SLUB's red zone holds behind a node. */
static void family_reads_nothing_past_a_node(struct kunit *test)
{
	void *red_zone = (void *)(unsigned long)0xccccccccccccccccULL;
	own_t *own = own_create(test);

	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting_null, NULL));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	expect_warn(test);
	own_release_action_quietly(own, noting_null, red_zone);
	KUNIT_EXPECT_STREQ(test, journal, "");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "a1");
}

/* remove_action takes the newest of equal ones and does not call it. */
static void family_remove_action(struct kunit *test)
{
	own_t *own;

	if (!HAS_ACTIONS_ALL)
		kunit_skip(test, "this kernel's family has no remove_action");
	own = own_create(test);
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('b')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	own_remove_action(own, noting, L('a'));
	KUNIT_EXPECT_STREQ(test, journal, "");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "ba");
}

/* Memory of size 0 is ZERO_SIZE_PTR, and freeing that is nothing. */
static void family_size_zero(struct kunit *test)
{
	own_t *own = own_create(test);

	KUNIT_EXPECT_PTR_EQ(test, own_kmalloc(own, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	if (own_kmalloc(own, 0, GFP_KERNEL) == ZERO_SIZE_PTR)
		own_kfree(own, ZERO_SIZE_PTR);
	own_kfree(own, NULL);
	own_end(test, own);
}

/* Memory is as large as asked for, zeroed if asked for, and can be freed in any order. */
static void family_memory(struct kunit *test)
{
	static const size_t sizes[] = { 1, 7, 8, 24, 64, 100, 500, 4000, 70000 };
	char *memory[ARRAY_SIZE(sizes)];
	own_t *own = own_create(test);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		memory[i] = own_kmalloc(own, sizes[i], GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, memory[i]);
		KUNIT_EXPECT_NULL(test, memchr_inv(memory[i], 0, sizes[i]));
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)memory[i], __alignof__(u64)));
		memset(memory[i], i + 1, sizes[i]);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		KUNIT_EXPECT_NULL(test, memchr_inv(memory[i], i + 1, sizes[i]));
	for (i = 0; i < ARRAY_SIZE(sizes); i += 2)
		own_kfree(own, memory[i]);
	KUNIT_EXPECT_NULL(test, own_kmalloc_array(own, SIZE_MAX / 2, 3, GFP_KERNEL));
	own_end(test, own);
}

/* Strings: null stays null. */
static void family_strings(struct kunit *test)
{
	own_t *own = own_create(test);
	char *copy = own_kstrdup(own, letters, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, letters);
	KUNIT_EXPECT_PTR_NE(test, copy, (char *)letters);
	KUNIT_EXPECT_NULL(test, own_kstrdup(own, NULL, GFP_KERNEL));
#if HAS_KREALLOC
	copy = own_kasprintf(own, GFP_KERNEL, "%s-%d", "one", 2);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, "one-2");
	copy = own_kmemdup(own, "xyz", 4, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, copy);
	KUNIT_EXPECT_STREQ(test, copy, "xyz");
#endif
	own_end(test, own);
}

/* krealloc keeps contents to the smaller size, and the place in the order of release. */
static void family_krealloc(struct kunit *test)
{
#if HAS_KREALLOC && HAS_GROUPS
	own_t *own = own_create(test);
	char *memory = own_kmalloc(own, 16, GFP_KERNEL);
	void *group;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	memset(memory, 'x', 16);
	group = own_open_group(own, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, group);
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	memory = own_krealloc(own, memory, 5000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 'x', 16));
	/* Its place is older than the group: only the action is in there. */
	KUNIT_EXPECT_EQ(test, 1, own_release_group(own, group));
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 'x', 16));
	memset(memory, 'y', 5000);
	memory = own_krealloc(own, memory, 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_NULL(test, memchr_inv(memory, 'y', 20));
	KUNIT_EXPECT_PTR_EQ(test, own_krealloc(own, memory, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	memory = own_krealloc(own, NULL, 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	own_end(test, own);
#else
	kunit_skip(test, "this kernel's family has no krealloc");
#endif
}

/* Memory comes from the zone that its flags name, also among other memory and after it has moved. */
static void family_zone(struct kunit *test)
{
#ifdef CONFIG_ZONE_DMA
	own_t *own = own_create(test);
	char *memory;

	KUNIT_ASSERT_NOT_NULL(test, own_kmalloc(own, 16, GFP_KERNEL));
	memory = own_kmalloc(own, 16, GFP_KERNEL | GFP_DMA);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_EQ(test, page_zonenum(virt_to_page(memory)), ZONE_DMA);
#if HAS_KREALLOC
	memory = own_krealloc(own, memory, 200, GFP_KERNEL | GFP_DMA);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_EQ(test, page_zonenum(virt_to_page(memory)), ZONE_DMA);
	memory = own_krealloc(own, memory, 5000, GFP_KERNEL | GFP_DMA);
	KUNIT_ASSERT_NOT_NULL(test, memory);
	KUNIT_EXPECT_EQ(test, page_zonenum(virt_to_page(memory)), ZONE_DMA);
#endif
	own_end(test, own);
#else
	kunit_skip(test, "this kernel has no zone for DMA");
#endif
}

/* What a callback adds is not lost: it is released before the owner is gone. */
static own_t *adding_owner;

ACTION(adding)
{
	note('(');
	if (own_add_action(adding_owner, noting, data))
		note('!');
	note(')');
}

static void family_callback_adds(struct kunit *test)
{
	own_t *own = own_create(test);

	adding_owner = own;
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('z')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, adding, L('a')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('b')));
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "b()za");
}

/* A callback that frees its neighbour of the same pass gets a WARN; the neighbour goes once, at its place. */
static own_t *freeing_owner;

ACTION(freeing)
{
	note('(');
	own_release_action_quietly(freeing_owner, noting, data);
	note(')');
}

static void family_callback_frees_neighbour(struct kunit *test)
{
	own_t *own;

	if (CRASHES_ON_NEIGHBOUR && !dare)
		kunit_skip(test, "crashes this kernel: uses freed memory (dare=1 shows it)");
	own = own_create(test);
	freeing_owner = own;
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('z')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L('a')));
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, freeing, L('a')));
	expect_warn(test);
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "()az");
}

/* A thousand actions, removed in an order that is neither end's, leave nothing behind. */
static void family_many(struct kunit *test)
{
	enum { many = 1000 };
	own_t *own = own_create(test);
	unsigned int i;

	for (i = 0; i < many; i++)
		KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting_too, (void *)&letters[i % 26]));
	for (i = 0; i < many; i++)
		own_release_action(own, noting_too, (void *)&letters[(i * 7) % many % 26]);
	forget();
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "");
}

/* Any threads may add and take away on one owner at any time. */
struct family_thread {
	own_t *own;
	char data[8];
	struct completion done;
};

ACTION(counting)
{
	(*(char *)data)++;
}

static int family_thread_main(void *arg)
{
	struct family_thread *me = arg;
	int round, i;

	for (round = 0; round < 200; round++) {
		void *memory = own_kmalloc(me->own, 40, GFP_KERNEL);

		for (i = 0; i < 8; i++)
			if (own_add_action(me->own, counting, &me->data[i]))
				break;
		cond_resched();
		for (i = 0; i < 8; i++)
			own_release_action(me->own, counting, &me->data[i]);
		if (memory)
			own_kfree(me->own, memory);
	}
	complete(&me->done);
	return 0;
}

static void family_threads(struct kunit *test)
{
	enum { threads = 4 };
	struct family_thread *all = kunit_kcalloc(test, threads, sizeof(*all), GFP_KERNEL);
	own_t *own = own_create(test);
	unsigned int t, i;

	KUNIT_ASSERT_NOT_NULL(test, all);
	for (t = 0; t < threads; t++) {
		struct task_struct *task;

		all[t].own = own;
		init_completion(&all[t].done);
		task = kthread_run(family_thread_main, &all[t], "devres-family/%u", t);
		KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	}
	for (t = 0; t < threads; t++)
		wait_for_completion(&all[t].done);
	for (t = 0; t < threads; t++)
		for (i = 0; i < 8; i++)
			KUNIT_EXPECT_EQ(test, all[t].data[i], (char)200);
	own_end(test, own);
}

/* --- Resources in two steps --- */

#if HAS_TWO_STEP

static void release_letter(own_t *own, void *res)
{
	note(*(char *)res);
}

static void release_other(own_t *own, void *res)
{
	note('-');
}

static int match_letter(own_t *own, void *res, void *letter)
{
	return *(char *)res == *(char *)letter;
}

static char *make_letter(struct kunit *test, char c)
{
	char *res = own_res_alloc(release_letter, 8, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, res);
	KUNIT_EXPECT_NULL(test, memchr_inv(res, 0, 8));
	res[0] = c;
	return res;
}

static char *add_letter(struct kunit *test, own_t *own, char c)
{
	char *res = make_letter(test, c);

	own_res_add(own, res);
	return res;
}

static void visit_letter(own_t *own, void *res, void *data)
{
	note(*(char *)res);
}
#endif

/* find gives the newest that the match accepts; null accepts any. */
static void family_find(struct kunit *test)
{
#if HAS_TWO_STEP
	own_t *own = own_create(test);
	char *newest, *b;

	KUNIT_EXPECT_NULL(test, own_res_find(own, release_letter, NULL, NULL));
	add_letter(test, own, 'a');
	b = add_letter(test, own, 'b');
	newest = add_letter(test, own, 'a');
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_find(own, release_letter, NULL, NULL), newest);
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_find(own, release_letter, match_letter, L('a')), newest);
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_find(own, release_letter, match_letter, L('b')), b);
	KUNIT_EXPECT_NULL(test, own_res_find(own, release_letter, match_letter, L('c')));
	KUNIT_EXPECT_NULL(test, own_res_find(own, release_other, NULL, NULL));
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "aba");
#else
	kunit_skip(test, "this kernel's family has no find");
#endif
}

/* get finds what is there and frees the new one, or adds the new one. */
static void family_get(struct kunit *test)
{
#if HAS_TWO_STEP
	own_t *own = own_create(test);
	char *first = make_letter(test, 'a');

	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_get(own, first, match_letter, L('a')), first);
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_get(own, make_letter(test, 'a'), match_letter, L('a')), first);
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "a");
#else
	kunit_skip(test, "this kernel's family has no get");
#endif
}

/* remove hands over, destroy frees without release, release releases. */
static void family_remove(struct kunit *test)
{
#if HAS_TWO_STEP
	own_t *own = own_create(test);
	char *older = add_letter(test, own, 'a'), *newer = add_letter(test, own, 'a');

	add_letter(test, own, 'b');
	add_letter(test, own, 'c');
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_remove(own, release_letter, match_letter, L('a')), newer);
	own_res_free(newer);
	KUNIT_EXPECT_EQ(test, 0, own_res_destroy(own, release_letter, match_letter, L('b')));
	KUNIT_EXPECT_STREQ(test, journal, "");
	KUNIT_EXPECT_EQ(test, 0, own_res_release(own, release_letter, match_letter, L('c')));
	KUNIT_EXPECT_STREQ(test, journal, "c");
	KUNIT_EXPECT_EQ(test, -ENOENT, own_res_release(own, release_letter, match_letter, L('c')));
	KUNIT_EXPECT_EQ(test, -ENOENT, own_res_destroy(own, release_letter, match_letter, L('c')));
	KUNIT_EXPECT_NULL(test, own_res_remove(own, release_letter, match_letter, L('c')));
	KUNIT_EXPECT_PTR_EQ(test, (char *)own_res_find(own, release_letter, NULL, NULL), older);
	own_res_free(NULL);
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "ca");
#else
	kunit_skip(test, "this kernel's family has no remove");
#endif
}

/* for_each visits the newest first. */
static void family_for_each(struct kunit *test)
{
#if HAS_TWO_STEP
	own_t *own = own_create(test);

	add_letter(test, own, 'a');
	own_res_add(own, own_res_alloc(release_other, 0, GFP_KERNEL));
	add_letter(test, own, 'b');
	add_letter(test, own, 'c');
	own_res_for_each(own, release_letter, NULL, NULL, visit_letter, NULL);
	own_res_for_each(own, release_letter, match_letter, L('b'), visit_letter, NULL);
	own_res_for_each(own, release_letter, NULL, NULL, NULL, NULL);
	KUNIT_EXPECT_STREQ(test, journal, "cbab");
	forget();
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "cb-a");
#else
	kunit_skip(test, "this kernel's family has no for_each");
#endif
}

/* --- Groups --- */

#if HAS_GROUPS
#define A ((void *)&letters[0])
#define B ((void *)&letters[1])

static void in(struct kunit *test, own_t *own, char c)
{
	KUNIT_ASSERT_EQ(test, 0, own_add_action(own, noting, L(c)));
}

static void open(struct kunit *test, own_t *own, void *id)
{
	KUNIT_ASSERT_PTR_EQ(test, own_open_group(own, id, GFP_KERNEL), id);
}
#endif

#define GROUPS_OR_SKIP(test)							\
do {										\
	if (!HAS_GROUPS)							\
		kunit_skip(test, "this kernel's family has no groups");	\
} while (0)

/* Releasing a group releases what is in it, the groups inside included, and nothing else. */
static void family_groups_nested(struct kunit *test)
{
	GROUPS_OR_SKIP(test);
#if HAS_GROUPS
	own_t *own = own_create(test);

	in(test, own, 'a');
	open(test, own, A);
	in(test, own, 'b');
	open(test, own, B);
	in(test, own, 'c');
	own_close_group(own, B);
	in(test, own, 'd');
	own_close_group(own, A);
	in(test, own, 'e');
	KUNIT_EXPECT_EQ(test, 3, own_release_group(own, A));
	KUNIT_EXPECT_STREQ(test, journal, "dcb");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "dcbea");
#endif
}

/* Of two that overlap, the other survives with what lies outside: A( 1 B( 2 )A 3 )B. */
static void family_groups_overlapping(struct kunit *test)
{
	GROUPS_OR_SKIP(test);
#if HAS_GROUPS
	own_t *own = own_create(test);

	open(test, own, A);
	in(test, own, 'a');
	open(test, own, B);
	in(test, own, 'b');
	own_close_group(own, A);
	in(test, own, 'c');
	own_close_group(own, B);
	KUNIT_EXPECT_EQ(test, 2, own_release_group(own, A));
	KUNIT_EXPECT_STREQ(test, journal, "ba");
	KUNIT_EXPECT_EQ(test, 1, own_release_group(own, B));
	KUNIT_EXPECT_STREQ(test, journal, "bac");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "bac");
#endif
}

/* A group that is closed around an open one takes it along. */
static void family_groups_open_inside(struct kunit *test)
{
	GROUPS_OR_SKIP(test);
#if HAS_GROUPS
	own_t *own = own_create(test);

	open(test, own, A);
	in(test, own, 'a');
	open(test, own, B);
	in(test, own, 'b');
	own_close_group(own, A);
	KUNIT_EXPECT_EQ(test, 2, own_release_group(own, A));
	KUNIT_EXPECT_STREQ(test, journal, "ba");
	in(test, own, 'c');
	expect_warn(test);
	KUNIT_EXPECT_EQ(test, 0, own_release_group(own, B));
	KUNIT_EXPECT_STREQ(test, journal, "ba");
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "bac");
#endif
}

/* Removing a group keeps what is in it; null means the newest open one; of equal ids the newest is meant. */
static void family_groups_lookup(struct kunit *test)
{
	GROUPS_OR_SKIP(test);
#if HAS_GROUPS
	own_t *own = own_create(test);

	open(test, own, A);
	in(test, own, 'a');
	own_close_group(own, NULL);
	open(test, own, A);
	in(test, own, 'b');
	own_close_group(own, NULL);
	open(test, own, B);
	in(test, own, 'c');
	own_remove_group(own, NULL);
	KUNIT_EXPECT_STREQ(test, journal, "");
	KUNIT_EXPECT_EQ(test, 1, own_release_group(own, A));
	KUNIT_EXPECT_STREQ(test, journal, "b");
	own_remove_group(own, A);
	own_end(test, own);
	KUNIT_EXPECT_STREQ(test, journal, "bca");
#endif
}

/* --- Measurements: nanoseconds, which are instructions under QEMU's -icount shift=0 --- */

ACTION(nothing)
{
}

#define MOST_ROUNDS 2000
static u64 attach_times[MOST_ROUNDS], release_times[MOST_ROUNDS], empty_times[MOST_ROUNDS],
	   removal_times[MOST_ROUNDS];

static int by_time(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/*
 * The mean of the quicker three quarters: the others may have been interrupted, and a clock of 256 ns, as
 * User Mode Linux's, makes a median of short rounds useless.
 */
static u64 typical(u64 *times, unsigned int rounds)
{
	unsigned int i, kept = max(1u, rounds * 3 / 4);
	u64 sum = 0;

	sort(times, rounds, sizeof(*times), by_time, NULL);
	for (i = 0; i < kept; i++)
		sum += times[i];
	return div_u64(sum, kept);
}

static int add_many(own_t *own, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (own_add_action(own, nothing, &letters[0] + i))
			return -ENOMEM;
	return 0;
}

/*
 * Nanoseconds, or ticks of the processor, of which QEMU's -icount shift=0 makes one per instruction. By hand:
 * get_cycles() is always 0 on User Mode Linux.
 */
static u64 now(void)
{
#ifdef __x86_64__
	u32 low, high;

	if (ticks) {
		asm volatile("rdtsc" : "=a" (low), "=d" (high) : : "memory");
		return (u64)high << 32 | low;
	}
#endif
	return ktime_get_ns();
}

static void family_bench(struct kunit *test)
{
	static const unsigned int sizes[] = { 3, 10, 100, 1000, 10000 };
	unsigned int s, i, round;

	if (!bench)
		kunit_skip(test, "bench=1 runs the measurements");
	for (s = 0; s < ARRAY_SIZE(sizes); s++) {
		unsigned int n = sizes[s], taken = n < 1000 ? 1 : 100, step = n / taken;
		unsigned int rounds = clamp(20000 / n, 20u, (unsigned int)MOST_ROUNDS);
		u64 attach, release, empty, removal, start;

		if (IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_LOCKDEP))
			rounds = 1;
		for (round = 0; round < rounds; round++) {
			own_t *own = own_create(test);

			start = now();
			if (add_many(own, n))
				return;
			attach_times[round] = now() - start;
			start = now();
			own_end(test, own);
			release_times[round] = now() - start;

			/* The same without resources is what ending the owner costs. */
			own = own_create(test);
			start = now();
			own_end(test, own);
			empty_times[round] = now() - start;

			own = own_create(test);
			if (add_many(own, n))
				return;
			/* The index, if there is to be one, is made by the first removal. */
			own_release_action(own, nothing, &letters[0] + n / 2);
			if (own_add_action(own, nothing, &letters[0] + n / 2))
				return;
			start = now();
			for (i = 0; i < taken; i++)
				own_release_action(own, nothing, &letters[0] + i * step);
			removal_times[round] = now() - start;
			own_end(test, own);
		}
		attach = typical(attach_times, rounds);
		release = typical(release_times, rounds);
		empty = typical(empty_times, rounds);
		removal = typical(removal_times, rounds);
		kunit_info(test, "bench %s %5u: attach %llu release %llu remove-one %llu\n", FAMILY, n,
			   div_u64(attach, n), div_u64(release - min(release, empty), n),
			   div_u64(removal, taken));
	}
}

static int family_init(struct kunit *test)
{
	forget();
	return 0;
}

#define FAMILY_CASES				\
	KUNIT_CASE(family_order),		\
	KUNIT_CASE(family_newest_of_equal_actions),	\
	KUNIT_CASE(family_null_data),		\
	KUNIT_CASE(family_null_is_no_wildcard),	\
	KUNIT_CASE(family_reads_nothing_past_a_node),	\
	KUNIT_CASE(family_remove_action),	\
	KUNIT_CASE(family_size_zero),		\
	KUNIT_CASE(family_memory),		\
	KUNIT_CASE(family_strings),		\
	KUNIT_CASE(family_krealloc),		\
	KUNIT_CASE(family_zone),		\
	KUNIT_CASE(family_callback_adds),	\
	KUNIT_CASE(family_callback_frees_neighbour),	\
	KUNIT_CASE(family_many),		\
	KUNIT_CASE(family_threads),		\
	KUNIT_CASE(family_find),		\
	KUNIT_CASE(family_get),			\
	KUNIT_CASE(family_remove),		\
	KUNIT_CASE(family_for_each),		\
	KUNIT_CASE(family_groups_nested),	\
	KUNIT_CASE(family_groups_overlapping),	\
	KUNIT_CASE(family_groups_open_inside),	\
	KUNIT_CASE(family_groups_lookup),	\
	KUNIT_CASE(family_bench)
