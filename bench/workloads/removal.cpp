// SPDX-License-Identifier: MIT
#include "workloads/removal.h"

#include "subjects/floors.h"
#include "subjects/functions.h"
#include "subjects/linux_removal.h"
#include "subjects/ours_removal.h"
#ifdef BENCH_HAVE_TALLOC
#include "subjects/talloc.h"
#endif
#ifdef BENCH_HAVE_APR
#include "subjects/apr.h"
#endif

namespace bench {

namespace {

template <class Subject>
void add_named(const char* kind)
{
    add_removal<Subject>(kind, Subject::name);
}

// Memory of 64 bytes, by its address.
void add_free_one()
{
    add_named<devm_kfree>("Free");
    add_named<drmm_kfree>("Free");
    add_named<managed_kfree>("Free");
    add_named<linux_devm_kfree>("Free");
    add_named<linux_drmm_kfree>("Free");
#ifdef BENCH_HAVE_TALLOC
    add_removal<talloc_free_block>("Free", "talloc");
#endif
    add_removal<unchecked_list<no_mutex, 64>>("Free", "floor_unchecked_list");
    add_removal<unchecked_list<linux_model::spinlock, 64>>("Free", "floor_unchecked_list_spinlock");
    add_removal<unchecked_list<std::mutex, 64>>("Free", "floor_unchecked_list_mutex");
}

// An action, dropped without being called.
void add_remove_action()
{
    add_named<devm_remove_action>("Remove");
    add_named<drmm_remove_action>("Remove");
    add_named<devm_handle_cancel>("Remove");
    add_named<devm_node_remove>("Remove");
    add_named<linux_devm_remove_action>("Remove");
#ifdef BENCH_HAVE_TALLOC
    add_removal<talloc_remove>("Remove", "talloc");
#endif
#ifdef BENCH_HAVE_APR
    add_removal<apr_remove>("Remove", "apr");
#endif
    add_removal<list_erase>("Remove", "list_function_mutex");
    add_removal<unchecked_list<no_mutex, 16>>("Remove", "floor_unchecked_list");
    add_removal<unchecked_list<linux_model::spinlock, 16>>("Remove", "floor_unchecked_list_spinlock");
    add_removal<unchecked_list<std::mutex, 16>>("Remove", "floor_unchecked_list_mutex");
}

// An action, called.
void add_release_action()
{
    add_named<devm_release_action>("Release");
    add_named<drmm_release_action>("Release");
    add_named<devm_handle_run>("Release");
    add_named<devm_delete>("Release");
    add_named<devm_node_release>("Release");
    add_named<linux_devm_release_action>("Release");
    add_named<linux_drmm_release_action>("Release");
#ifdef BENCH_HAVE_TALLOC
    add_removal<talloc_release>("Release", "talloc");
#endif
#ifdef BENCH_HAVE_APR
    add_removal<apr_release>("Release", "apr");
#endif
    add_removal<list_erase_and_call>("Release", "list_function_mutex");
}

const bool registered = (add_free_one(), add_remove_action(), add_release_action(), true);

} // namespace

} // namespace bench
