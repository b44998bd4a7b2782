// SPDX-License-Identifier: MIT
//
// How a callback that the user gave is called. Here it is simply called; in a kernel whose owners have
// callbacks of other types, the owner calls it.
//
// Locking: call_match() and call_visit() are called under the head's lock, call_release() without it.
#pragma once

#include <devres/devres.h>

namespace devres::detail {

inline void call_release(devres_head* head, dr_release_t release, void* res)
{
    release(head, res);
}

inline bool call_match(devres_head* head, dr_match_t match, void* res, void* match_data)
{
    return match(head, res, match_data);
}

inline void call_visit(devres_head* head, void (*visit)(devres_head*, void*, void*), void* res, void* data)
{
    visit(head, res, data);
}

} // namespace devres::detail
