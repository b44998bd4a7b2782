// SPDX-License-Identifier: MIT
#include "workloads/threads.h"

#include "subjects/all_subjects.h"
#include "subjects/locked.h"

namespace bench {

namespace {

template <class Subject>
void add_both()
{
    add_two_heads<Subject>();
    add_one_head<Subject>();
}

const bool registered = [] {
    add_both<devm>();
    add_both<drmm>();
    add_both<managed>();
    add_both<linux_devm>();
    add_two_heads<linux_drmm>(); // its release of everything takes no lock: nobody else may be there
    add_both<vector_function_mutex>();
    add_both<list_function_mutex>();
#ifdef BENCH_HAVE_TALLOC
    add_two_heads<talloc_subject>();
    add_one_head<locked<talloc_subject>>("talloc_mutex");
#endif
#ifdef BENCH_HAVE_APR
    add_two_heads<apr_subject>();
    add_one_head<locked<apr_subject>>("apr_mutex");
#endif
    add_two_heads<floor_malloc>();
    add_two_heads<floor_arena>();
    return true;
}();

} // namespace

} // namespace bench
