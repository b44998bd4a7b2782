// SPDX-License-Identifier: MIT
//
// The name of a type for messages, without RTTI.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace devres::detail {

template <class T>
consteval auto type_name_array()
{
    constexpr std::string_view text = __PRETTY_FUNCTION__; // "... [with T = x]" (gcc), "... [T = x]" (clang)
    constexpr std::size_t first = text.find("T = ") + 4;
    constexpr std::size_t length = text.rfind(']') - first;
    std::array<char, length + 1> name{};
    for (std::size_t i = 0; i < length; ++i)
        name[i] = text[first + i];
    return name;
}

template <class T>
inline constexpr auto type_name_storage = type_name_array<T>();

template <class T>
inline constexpr const char* type_name = type_name_storage<T>.data();

} // namespace devres::detail
