// SPDX-License-Identifier: MIT
//
// Included before everything else in the library's own sources, which the model compiles as they are: their
// std::atomic becomes one that lets other threads go on at each operation.
//
// Sees: every order in which the sections, looks and changes of several threads can follow each other.
// Does not: memory orders. Those are what ThreadSanitizer watches in the tests, and what the models of the
// locks and of revocation are for.
#pragma once

// All of the standard library that these sources use comes first, with its own std::atomic.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <concepts>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "hooks.h"

namespace std {

template <class T>
class model_atomic {
public:
    constexpr model_atomic() noexcept : value_() {}
    constexpr model_atomic(T value) noexcept : value_(value) {} // NOLINT(google-explicit-constructor)
    model_atomic(const model_atomic&) = delete;
    model_atomic& operator=(const model_atomic&) = delete;

    T load(memory_order = memory_order_seq_cst) const noexcept
    {
        ::model::life::step(this);
        return value_;
    }
    operator T() const noexcept { return load(); } // NOLINT(google-explicit-constructor)
    void store(T value, memory_order = memory_order_seq_cst) noexcept
    {
        ::model::life::step(this);
        if (!is_lost(value))
            value_ = value;
    }
    T exchange(T value, memory_order = memory_order_seq_cst) noexcept
    {
        ::model::life::step(this);
        return std::exchange(value_, value);
    }
    bool compare_exchange_strong(T& expected, T value, memory_order = memory_order_seq_cst,
                                 memory_order = memory_order_seq_cst) noexcept
    {
        ::model::life::step(this);
        if (value_ != expected && ::model::life::planted != ::model::life::fault::blind_change) {
            expected = value_;
            return false;
        }
        value_ = value;
        return true;
    }
    T fetch_add(T value, memory_order = memory_order_seq_cst) noexcept
    {
        ::model::life::step(this);
        return std::exchange(value_, value_ + value);
    }
    T fetch_sub(T value, memory_order = memory_order_seq_cst) noexcept
    {
        ::model::life::step(this);
        return std::exchange(value_, value_ - value);
    }

private:
    // The life is in the lowest three bits of a state (src/list/state.h).
    static bool is_lost(T value) noexcept
    {
        using ::model::life::fault;
        if constexpr (is_same_v<T, uint32_t>)
            return (::model::life::planted == fault::lost_abandoned && (value & 7) == 5) ||
                   (::model::life::planted == fault::lost_cancelled && (value & 7) == 6);
        return false;
    }

    T value_;
};

} // namespace std

#define atomic model_atomic
