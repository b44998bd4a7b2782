// SPDX-License-Identifier: MIT
//
// What an action is, to the type system: void(*)(T*), or void(*)(Owner, T*), or a lambda that is one.
//
// T is deduced from the action alone; the data only has to convert to T*. The function is kept with its
// type in a thunk, so nothing is ever called through another function type.
//
// Does not: know any owner. Where an action's first parameter comes from is the owner adapter's business:
// a type with `static auto from(devres_head*)` whose result converts to that parameter.
#pragma once

#include <concepts>
#include <type_traits>

#include <devres/detail/type_name.h>
#include <devres/devres.h>

namespace devres::detail {

// --- Signatures --------------------------------------------------------------------------------------

template <class Fn>
struct action_signature {
    static constexpr bool valid = false;
};

template <class R, class T>
struct action_signature<R (*)(T*)> {
    static constexpr bool valid = true;
    static constexpr bool takes_owner = false;
    static constexpr bool takes_place = false;
    using data_type = T;
};

template <class R, class T>
struct action_signature<R (*)(T*, const char* file, int line)> {
    static constexpr bool valid = has_placed_functions<T>;
    static constexpr bool takes_owner = false;
    static constexpr bool takes_place = true;
    using data_type = T;
};

template <class R, class Owner, class T>
struct action_signature<R (*)(Owner, T*)> {
    static constexpr bool valid = true;
    static constexpr bool takes_owner = true;
    static constexpr bool takes_place = false;
    using owner_type = Owner;
    using data_type = T;
};

template <class R, class... Args>
struct action_signature<R (*)(Args...) noexcept> : action_signature<R (*)(Args...)> {
};

// A lambda without captures, as the function pointer it converts to.
template <class A>
auto action_function(A action) noexcept
{
    if constexpr (std::is_pointer_v<A>)
        return action;
    else if constexpr (requires { +action; })
        return +action;
    else
        return nullptr;
}

template <class A>
using action_function_t = decltype(action_function(std::declval<std::decay_t<A>>()));

template <class A>
concept callable_without_arguments = std::invocable < std::decay_t<A>
& > ;

// For a call without data whose callable wants some.
template <class F>
struct callable_check {
    static_assert(
        callable_without_arguments<F>,
        "devres: what is attached without data is called without arguments; let it capture what it needs, as "
        "in [fd] { close(fd); }, or give the data, too, as in add_action(owner, function, data)");
};

// --- Owners ------------------------------------------------------------------------------------------

// The plain adapter: the owner itself, as the type it was attached with (a subclass stays one).
template <managed_owner O>
struct owner_of {
    // A pointer to the owner or to a base of it: much else can be made of a pointer, without being meant.
    template <class P>
    static constexpr bool converts_to =
        std::is_pointer_v<P> && !std::is_void_v<std::remove_pointer_t<P>> && std::is_convertible_v<O*, P>;
    static O* from(devres_head* head) noexcept
    {
        using has_head = typename member_pointer<decltype(&O::devres)>::owner_type;
        static_assert(
            requires(has_head * base) { static_cast<O*>(base); },
            "devres: this owner has its head in a virtual base, from which no way leads to it: give "
            "the owner as data");
        // SAFETY: only heads of an O get a thunk with this adapter.
        return static_cast<O*>(container_of<&O::devres>(head));
    }
};

template <class R>
struct adapter_of_ref;
template <managed_owner O>
struct adapter_of_ref<O*> {
    using type = owner_of<O>;
};
template <managed_proof P>
struct adapter_of_ref<P> {
    using type = typename P::devres_actions;
};

// How actions attached through an R, which is a pointer to an owner or a proof, find their first parameter.
template <managed_owner_ref R>
using adapter_of = typename adapter_of_ref<R>::type;

// --- The check and the thunk ---------------------------------------------------------------------------

template <class Adapter, class A, class D>
struct checked_action {
    using function = action_function_t<A>;
    using signature = action_signature<function>;

    static_assert(
        signature::valid,
        "devres: an action is a function (or a lambda without captures) that takes T*, or the owner and T*; "
        "what captures, or is a member function, is attached without data, as in [fd] { close(fd); }");

    static constexpr bool data_fits = [] {
        if constexpr (signature::valid)
            return std::is_convertible_v<D, typename signature::data_type*>;
        else
            return true;
    }();
    static_assert(data_fits, "devres: the data is not what the action takes");

    static constexpr bool owner_fits = [] {
        if constexpr (signature::valid) {
            if constexpr (signature::takes_owner)
                return Adapter::template converts_to<typename signature::owner_type>;
            else
                return true;
        } else {
            return true;
        }
    }();
    static_assert(owner_fits, "devres: this owner is not what the action takes as its first parameter");
    static constexpr bool ok = signature::valid && data_fits && owner_fits;

    static void run(devres_head* head, resource* res) noexcept
    {
        // SAFETY: only ops made here are paired with a function stored by erase().
        const auto* payload = static_cast<const action_payload*>(res->payload());
        call(head, reinterpret_cast<function>(payload->fn), payload->data);
    }

    static void call([[maybe_unused]] devres_head* head, function fn, void* data) noexcept
    {
        // SAFETY: `data` was a data_type* when it was stored.
        auto* typed = static_cast<typename signature::data_type*>(data);
        if constexpr (signature::takes_owner)
            fn(Adapter::from(head), typed);
        else if constexpr (signature::takes_place)
            fn(typed, nullptr, 0);
        else
            fn(typed);
    }

    static void* erase_data(D data) noexcept
    {
        typename signature::data_type* typed = data;
        // SAFETY: the qualifiers come back with the type, in call().
        return const_cast<void*>(static_cast<const volatile void*>(typed));
    }

    static action_payload erase(A action, D data) noexcept
    {
        function fn = action_function(action);
        return {reinterpret_cast<void (*)()>(fn), erase_data(data)};
    }

    static constexpr resource_ops ops{resource_kind::action, &run, nullptr};
};

// An action that is known when the program is compiled: called directly, named by the compiler.
template <class Adapter, auto Action, class D>
struct static_action : checked_action<Adapter, std::remove_const_t<decltype(Action)>, D> {
    using checked = checked_action<Adapter, std::remove_const_t<decltype(Action)>, D>;

    static void run(devres_head* head, resource* res) noexcept
    {
        // SAFETY: only ops made here are paired with data stored by erase().
        call_directly(head, static_cast<const action_payload*>(res->payload())->data);
    }

    static void call_directly([[maybe_unused]] devres_head* head, void* data) noexcept
    {
        // SAFETY: `data` was a data_type* when it was stored.
        auto* typed = static_cast<typename checked::signature::data_type*>(data);
        if constexpr (checked::signature::takes_owner)
            Action(Adapter::from(head), typed);
        else if constexpr (checked::signature::takes_place)
            Action(typed, nullptr, 0);
        else
            Action(typed);
    }

    static constexpr resource_ops ops{resource_kind::action, &run, value_name<Action>};
};

} // namespace devres::detail
