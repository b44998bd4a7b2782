// SPDX-License-Identifier: MIT
//
// The identity of a thread of the model.
#pragma once

#include "hooks.h"

namespace devres::detail {

inline const void* this_thread() noexcept
{
    return model::life::this_thread();
}

// Whether a thread is inside a release callback is asked by revocation, which has a model of its own.
class release_scope {
public:
    release_scope() noexcept {} // NOLINT(modernize-use-equals-default): so that an unused one is no warning
};

} // namespace devres::detail
