// SPDX-License-Identifier: MIT
//
// container_of: from a pointer to a member back to the object that holds it.
#pragma once

#include <cstddef>
#include <type_traits>

namespace devres {

namespace detail {

template <class P>
struct member_pointer;

template <class M, class C>
struct member_pointer<M C::*> {
    using owner_type = C;
    using member_type = M;
};

} // namespace detail

// The object whose member `Member` is `*member`: container_of<&my_owner::devres>(head).
// Returns:  never null; const if `member` is.
// Requires: `member` points to that member of an object of that class, and not of another one.
// Cost:     one subtraction. Needs no offsetof, so it works for classes of any layout.
template <auto Member, class M>
auto* container_of(M* member) noexcept
{
    using traits = detail::member_pointer<decltype(Member)>;
    static_assert(std::is_same_v<std::remove_const_t<M>, std::remove_const_t<typename traits::member_type>>,
                  "container_of: the pointer is not a pointer to that member");
    using owner = std::conditional_t<std::is_const_v<M>, const typename traits::owner_type,
                                     typename traits::owner_type>;
    using byte = std::conditional_t<std::is_const_v<M>, const std::byte, std::byte>;
    // A pointer to a data member *is* its offset in the Itanium C++ ABI, which both compilers use.
    static_assert(sizeof(Member) == sizeof(std::ptrdiff_t));
    const auto offset = __builtin_bit_cast(std::ptrdiff_t, Member);
    // SAFETY: `member` lies `offset` bytes inside an owner, as required above.
    return reinterpret_cast<owner*>(reinterpret_cast<byte*>(member) - offset);
}

} // namespace devres
