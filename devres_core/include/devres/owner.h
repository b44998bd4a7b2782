// SPDX-License-Identifier: MIT
//
// What may stand where an owner is asked for: a pointer to one, or a proof that one is in some state.
//
// An owner is any type with a public member `devres_head devres`. A proof is a type of an adapter's, such as
// one that is handed out for the time in which its owner is in use, and cannot be kept. The core knows proofs
// only by the two names that managed_proof asks for.
//
// A helper that serves all of them takes the owner by const reference:
//
//     template <managed_owner_ref R>
//     int managed_clk_get(const R& owner, clk* c)
//     {
//         return managed::add_action_or_reset(owner, clk_put, c);
//     }
//
// One that is declared as `template <managed_owner O> int f(O* owner)` takes pointers only: C++ deduces no O
// from a proof, even if that converts to a pointer. The caller then says which: f<the_owner>(proof).
#pragma once

#include <devres/detail/language.h>

#include <concepts>
#include <type_traits>

namespace devres {

struct devres_head;

// Any type with a public member `devres_head devres`: all that the managed family asks of an owner.
template <class O>
concept managed_owner = requires(O& owner)
{
    {
        &owner.devres
        } -> std::same_as<devres_head*>;
};

// A class that leads to an owner with `->` and names two types:
//   devres_owner     the owner's
//   devres_actions   how actions that are attached with the proof find what they take as first parameter (see
//                    detail/action.h)
template <class P>
concept managed_proof = managed_owner<typename P::devres_owner> && requires(const P& proof)
{
    typename P::devres_actions;
    {
        proof.operator->()
        } -> std::same_as<typename P::devres_owner*>;
};

// O* for a managed_owner O, or a managed_proof.
template <class R>
concept managed_owner_ref =
    (std::is_pointer_v<R> && managed_owner<std::remove_pointer_t<R>>) || managed_proof<R>;

namespace detail {

// True of an adapter's owner whose functions take the place of their call, too, and have a default for that:
// as actions they are given none.
template <class T>
inline constexpr bool has_placed_functions = false;

template <managed_owner_ref R>
devres_head* head_of(const R& owner) noexcept
{
    return &owner->devres;
}

} // namespace detail
} // namespace devres
