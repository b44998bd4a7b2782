// SPDX-License-Identifier: MIT
//
// What devres_alloc makes: its release function and name stand in front of the header.
#pragma once

#include <devres/devres.h>

namespace devres::detail {

struct alignas(16) raw_prefix {
    dr_release_t release;
    const char* name;
    std::size_t size;
};

inline raw_prefix& raw_of(resource* res) noexcept
{
    return reinterpret_cast<raw_prefix*>(res)[-1];
}
inline const raw_prefix& raw_of(const resource* res) noexcept
{
    return reinterpret_cast<const raw_prefix*>(res)[-1];
}

extern const resource_ops raw_ops;
void free_raw(resource* res) noexcept;

} // namespace devres::detail
