// SPDX-License-Identifier: MIT
//
// The name of a type, or of a function given as a template argument, for messages, without RTTI.
#pragma once

#include <devres/detail/language.h>

#include <cstddef>

namespace devres::detail {

template <std::size_t Size>
struct name_text {
    char text[Size] = {};
};

// What compilers call a function template with one argument: "... [with T = x]" (gcc), "... [T = x]" (clang).
// Returns: where the argument's name begins; a constant expression only if there is one.
consteval const char* argument_begin(const char* pretty) noexcept
{
    while (!(pretty[0] == ' ' && pretty[1] == '=' && pretty[2] == ' '))
        ++pretty;
    pretty += 3;
    return *pretty == '&' ? pretty + 1 : pretty; // clang's way to write a function
}
consteval std::size_t argument_length(const char* pretty) noexcept
{
    const char* first = argument_begin(pretty);
    std::size_t length = 0;
    for (std::size_t i = 0; first[i]; ++i)
        if (first[i] == ']')
            length = i; // the last one ends it
    return length;
}
template <std::size_t Length>
consteval name_text<Length + 1> argument_name(const char* pretty) noexcept
{
    name_text<Length + 1> name;
    for (std::size_t i = 0; i < Length; ++i)
        name.text[i] = argument_begin(pretty)[i];
    return name;
}

template <class T>
consteval auto type_name_text()
{
    return argument_name<argument_length(__PRETTY_FUNCTION__)>(__PRETTY_FUNCTION__);
}
template <auto V>
consteval auto value_name_text()
{
    return argument_name<argument_length(__PRETTY_FUNCTION__)>(__PRETTY_FUNCTION__);
}

template <class T>
inline constexpr auto type_name_storage = type_name_text<T>();
template <class T>
inline constexpr const char* type_name = type_name_storage<T>.text;

template <auto V>
inline constexpr auto value_name_storage = value_name_text<V>();
// Clang has no name for a lambda: null, and messages name the function that it converts to.
template <auto V>
inline constexpr const char* value_name =
    value_name_storage<V>.text[0] == '{' && value_name_storage<V>.text[1] == '}' ? nullptr
                                                                                 : value_name_storage<V>.text;

} // namespace devres::detail
