// SPDX-License-Identifier: MIT
//
// What readers reach for. Each read loads the value, which is always one, so that the sum proves every read.
#pragma once

#include "subjects/cell.h"

#include <atomic>
#include <cstdint>

namespace bench {

struct payload {
    explicit payload(cell* destroyed = nullptr) noexcept : destroyed_(destroyed) {}
    ~payload()
    {
        if (destroyed_)
            fire(destroyed_);
    }
    payload(const payload&) = delete;
    payload& operator=(const payload&) = delete;

    std::uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{1};
    cell* destroyed_;
};

} // namespace bench
