// SPDX-License-Identifier: MIT
//
// The functions of devres.h with the owner itself, or a proof of it, in place of its head. What they do,
// return and require is said there.
#pragma once

#include <devres/devres.h>

namespace devres {

template <managed_owner_ref R>
void devres_add(const R& owner, void* res) noexcept
{
    devres_add(detail::head_of(owner), res);
}
template <managed_owner_ref R>
void* devres_find(const R& owner, dr_release_t release, dr_match_t match = nullptr,
                  void* match_data = nullptr) noexcept
{
    return devres_find(detail::head_of(owner), release, match, match_data);
}
template <managed_owner_ref R>
void* devres_get(const R& owner, void* new_res, dr_match_t match = nullptr,
                 void* match_data = nullptr) noexcept
{
    return devres_get(detail::head_of(owner), new_res, match, match_data);
}
template <managed_owner_ref R>
[[nodiscard]] void* devres_remove(const R& owner, dr_release_t release, dr_match_t match = nullptr,
                                  void* match_data = nullptr) noexcept
{
    return devres_remove(detail::head_of(owner), release, match, match_data);
}
template <managed_owner_ref R>
int devres_destroy(const R& owner, dr_release_t release, dr_match_t match = nullptr,
                   void* match_data = nullptr) noexcept
{
    return devres_destroy(detail::head_of(owner), release, match, match_data);
}
template <managed_owner_ref R>
int devres_release(const R& owner, dr_release_t release, dr_match_t match = nullptr,
                   void* match_data = nullptr) noexcept
{
    return devres_release(detail::head_of(owner), release, match, match_data);
}
template <managed_owner_ref R>
void devres_for_each_res(const R& owner, dr_release_t release, dr_match_t match, void* match_data,
                         void (*fn)(devres_head* head, void* res, void* data), void* data) noexcept
{
    devres_for_each_res(detail::head_of(owner), release, match, match_data, fn, data);
}

template <managed_owner_ref R>
int devres_release_all(const R& owner) noexcept
{
    return devres_release_all(detail::head_of(owner));
}
template <managed_owner_ref R>
int devres_drain(const R& owner) noexcept
{
    return devres_drain(detail::head_of(owner));
}

template <managed_owner_ref R>
[[nodiscard]] void* devres_open_group(const R& owner, void* id, gfp_t gfp = GFP_KERNEL) noexcept
{
    return devres_open_group(detail::head_of(owner), id, gfp);
}
template <managed_owner_ref R>
void devres_close_group(const R& owner, void* id) noexcept
{
    devres_close_group(detail::head_of(owner), id);
}
template <managed_owner_ref R>
void devres_remove_group(const R& owner, void* id) noexcept
{
    devres_remove_group(detail::head_of(owner), id);
}
template <managed_owner_ref R>
int devres_release_group(const R& owner, void* id) noexcept
{
    return devres_release_group(detail::head_of(owner), id);
}

template <managed_owner_ref R>
void devres_node_add(const R& owner, devres_node* node) noexcept
{
    devres_node_add(detail::head_of(owner), node);
}
template <managed_owner_ref R>
bool devres_node_remove(const R& owner, devres_node* node) noexcept
{
    return devres_node_remove(detail::head_of(owner), node);
}
template <managed_owner_ref R>
int devres_node_release(const R& owner, devres_node* node) noexcept
{
    return devres_node_release(detail::head_of(owner), node);
}

} // namespace devres
