// SPDX-License-Identifier: MIT
//
// How an object is made from arguments: with parentheses, or with braces where only these work.
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <devres/detail/language.h>

namespace devres::detail {

// Aggregates take braces: clang 14 lacks parenthesised aggregate initialisation.
template <class T, class... Args>
concept can_be_made_from = std::is_constructible_v<T, Args...> || requires(Args&&... args)
{
    T{std::forward<Args>(args)...};
};

template <class T, class... Args>
void construct_at(void* memory, Args&&... args)
{
    if constexpr (std::is_constructible_v<T, Args...>)
        ::new (memory) T(std::forward<Args>(args)...);
    else
        ::new (memory) T{std::forward<Args>(args)...};
}

} // namespace devres::detail
