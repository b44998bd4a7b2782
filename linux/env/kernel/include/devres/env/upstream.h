// SPDX-License-Identifier: (GPL-2.0-only OR MIT)
//
// What an owner gives its head in Linux: not a source of memory, which is always kmalloc, but its ops.
#pragma once

#include "linux/devres_core.h"

namespace devres::detail {

using upstream = ::devres_owner_ops;

} // namespace devres::detail
