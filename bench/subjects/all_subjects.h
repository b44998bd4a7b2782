// SPDX-License-Identifier: MIT
//
// The lists of who competes. A peer that is not installed is left out here, and main.cpp says so.
#pragma once

#include "subjects/floors.h"
#include "subjects/functions.h"
#include "subjects/linux.h"
#include "subjects/ours.h"
#ifdef BENCH_HAVE_TALLOC
#include "subjects/talloc.h"
#endif
#ifdef BENCH_HAVE_APR
#include "subjects/apr.h"
#endif

namespace bench {

// Subjects whose constructor makes a head and nothing else.
template <class F>
void for_each_bare_head(F f)
{
    f.template operator()<managed>();
    f.template operator()<linux_devm>();
    f.template operator()<linux_drmm>();
#ifdef BENCH_HAVE_TALLOC
    f.template operator()<talloc_subject>();
#endif
#ifdef BENCH_HAVE_APR
    f.template operator()<apr_subject>();
#endif
    f.template operator()<vector_function>();
    f.template operator()<vector_function_mutex>();
    f.template operator()<list_function_mutex>();
    f.template operator()<floor_malloc>();
    f.template operator()<floor_arena>();
}

template <class F>
void for_each_attach_subject(F f)
{
    f.template operator()<devm>();
    f.template operator()<drmm>();
    for_each_bare_head(f);
}

} // namespace bench
