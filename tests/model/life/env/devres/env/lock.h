// SPDX-License-Identifier: MIT
//
// The locks of the model (src/env/env.h says what is asked of them).
#pragma once

#include <devres/detail/annotations.h>

#include "hooks.h"

namespace devres::detail {

class DEVRES_CAPABILITY head_lock {
public:
    struct token {};

    bool try_acquire(token*) noexcept { return false; } // the way in that may fail at any time
    token acquire() noexcept
    {
        model::life::acquire(this, model::life::of::head);
        return {};
    }
    void release(token) noexcept { model::life::release(this, model::life::of::head); }
    void acquire_exclusive() noexcept { model::life::acquire(this, model::life::of::head); }
    void release_exclusive() noexcept { model::life::release(this, model::life::of::head); }

private:
    char its_own_address_ = 0;
};

class DEVRES_CAPABILITY lock {
public:
    void acquire() noexcept DEVRES_ACQUIRE() { model::life::acquire(this, model::life::of::handle); }
    void release() noexcept DEVRES_RELEASE() { model::life::release(this, model::life::of::handle); }

private:
    char its_own_address_ = 0;
};

} // namespace devres::detail
