// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// How a callback of an owner is called in Linux: by its owner, who knows its C type. What the list has is the
// pointer, which it never calls.
#pragma once

#include "list/memory.h"

namespace devres::detail {

// SAFETY of the casts: the two heads are one object, and a function pointer comes back as what it was.
inline ::devres_head* c_head(devres_head* head) noexcept
{
    return reinterpret_cast<::devres_head*>(head);
}
template <class Function>
devres_fn c_function(Function f) noexcept
{
    return reinterpret_cast<devres_fn>(f);
}

inline void call_release(devres_head* head, dr_release_t release, void* res) noexcept
{
    upstream_of(head)->release(c_head(head), c_function(release), res);
}

inline bool call_match(devres_head* head, dr_match_t match, void* res, void* match_data) noexcept
{
    return upstream_of(head)->match(c_head(head), c_function(match), res, match_data);
}

inline void call_visit(devres_head* head, void (*visit)(devres_head*, void*, void*), void* res,
                       void* data) noexcept
{
    upstream_of(head)->visit(c_head(head), c_function(visit), res, data);
}

} // namespace devres::detail
