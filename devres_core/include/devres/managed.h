// SPDX-License-Identifier: MIT
//
// The managed family on any owner: what Linux spells devm_* for a device and drmm_* for a drm_device.
//
// An owner is any type with a public member `devres_head devres`. Everything attached here is released with
// that head, newest first. The adapters give the same functions their kernel names; a class of your own
// needs nothing but the member.
//
// Thread safety: every function may be called by any thread at any time while the owner lives.
// Cost: attaching is one short critical section and no malloc but for growth (see devres_core/README.md);
// removing one by pointer, by (action, data) or by handle does not depend on how many there are.
// Errors: 0 or -errno, or null. Misuse is a WARN and changes nothing. Numbers like A1: devres_core/README.md.
#pragma once

#include <cerrno>
#include <cstdarg>
#include <type_traits>
#include <utility>

#include <devres/detail/action.h>
#include <devres/detail/attach.h>
#include <devres/detail/construct.h>
#include <devres/detail/type_name.h>
#include <devres/devres.h>

namespace devres {

namespace detail {
struct handle_access;
}

// A handle of one callable that was attached (A9). Move-only; dropping it leaves the callable attached.
//
// Thread safety: distinct handles any thread; one handle one thread at a time. Works after the owner is
// gone: -ENOENT. Cost: O(1).
class [[nodiscard]] devres_action {
public:
    devres_action() noexcept = default;
    devres_action(devres_action&& other) noexcept : res_(std::exchange(other.res_, nullptr)) {}
    devres_action& operator=(devres_action&& other) noexcept
    {
        devres_action taken(std::move(other)); // a handle that is moved to itself gets back what it had
        std::swap(res_, taken.res_);
        return *this;
    }
    ~devres_action()
    {
        if (res_)
            detail::handle_drop(res_);
    }

    // Drops the callable without calling it.
    // Returns: 0; -ENOENT if it was released, run or cancelled before, or the handle is empty.
    int cancel() noexcept { return consume(&detail::handle_cancel); }

    // Calls the callable now, without any lock, and drops it.
    // Returns: as cancel().
    int run() noexcept { return consume(&detail::handle_run); }

    // True while the handle refers to a callable, called or not.
    explicit operator bool() const noexcept { return res_ != nullptr; }

private:
    friend struct detail::handle_access;
    explicit devres_action(detail::resource* res) noexcept : res_(res) {}

    int consume(int (*how)(detail::resource*)) noexcept
    {
        return res_ ? how(std::exchange(res_, nullptr)) : -ENOENT;
    }

    detail::resource* res_ = nullptr;
};

namespace detail {

struct handle_access {
    static devres_action make(resource* res) noexcept { return devres_action(res); }
};

template <class T>
struct object_resource {
    static void destroy(devres_head*, resource* res) noexcept
    {
        static_cast<T*>(res->payload())->~T(); // SAFETY: paired with T by these ops
    }
    static constexpr resource_ops ops{resource_kind::object, &destroy, type_name<T>};
};

template <class F>
struct callable_resource {
    static void call(devres_head*, resource* res) noexcept
    {
        F& f = *static_cast<F*>(res->payload()); // SAFETY: paired with F by these ops
        f();
    }
    static void call_and_destroy(devres_head* head, resource* res) noexcept
    {
        call(head, res);
        drop(head, res);
    }
    static void drop(devres_head*, resource* res) noexcept
    {
        static_cast<F*>(res->payload())->~F(); // SAFETY: as above
    }
    static constexpr callable_ops ops{{resource_kind::callable, &call_and_destroy, type_name<F>},
                                      std::is_trivially_destructible_v<F> ? nullptr : &drop};
};

// The families below differ only in how an action finds its owner (`Adapter`, see detail/action.h).

template <class Adapter, class A, class D>
int add_action(devres_head* head, A action, D data) noexcept
{
    using checked = checked_action<Adapter, A, D>;
    if constexpr (checked::ok)
        return attach_action(head, &checked::ops, checked::erase(action, data));
    else
        return -EINVAL;
}

template <class Adapter, class A, class D>
int add_action_or_reset(devres_head* head, A action, D data) noexcept
{
    using checked = checked_action<Adapter, A, D>;
    if constexpr (checked::ok) {
        const int err = attach_action(head, &checked::ops, checked::erase(action, data));
        if (err)
            checked::call(head, action_function(action), checked::erase_data(data));
        return err;
    } else {
        return -EINVAL;
    }
}

template <class Adapter, auto Action, class D>
int add_action(devres_head* head, D data) noexcept
{
    using checked = static_action<Adapter, Action, D>;
    if constexpr (checked::ok)
        return attach_action(head, &checked::ops, checked::erase(Action, data));
    else
        return -EINVAL;
}

template <class Adapter, auto Action, class D>
int add_action_or_reset(devres_head* head, D data) noexcept
{
    const int err = add_action<Adapter, Action>(head, data);
    if constexpr (static_action<Adapter, Action, D>::ok)
        if (err)
            static_action<Adapter, Action, D>::call_directly(
                head, static_action<Adapter, Action, D>::erase_data(data));
    return err;
}

template <class Adapter, class A, class D>
action_payload erase_action(A action, D data) noexcept
{
    using checked = checked_action<Adapter, A, D>;
    if constexpr (checked::ok)
        return checked::erase(action, data);
    else
        return {};
}

template <class F>
int add_callable(devres_head* head, F&& f, devres_action* handle)
{
    using callable = std::decay_t<F>;
    constexpr const callable_ops* ops = &callable_resource<callable>::ops;
    const sharing shared = handle ? sharing::with_handle : sharing::none;
    resource* res = nullptr;
    if constexpr (std::is_trivially_copyable_v<callable> && alignof(callable) <= alignof(std::max_align_t)) {
        if constexpr (std::is_same_v<std::remove_const_t<std::remove_reference_t<F>>, callable>) {
            static_assert(std::is_constructible_v<callable, F>);
            res = attach_bytes(head, ops, __builtin_addressof(f), sizeof(callable), shared);
        } else { // a function, which decays to its pointer
            const callable whole(std::forward<F>(f));
            res = attach_bytes(head, ops, __builtin_addressof(whole), sizeof(callable), shared);
        }
        if (!res)
            return -ENOMEM;
    } else {
        construction place(head, ops, sizeof(callable), alignof(callable), shared);
        if (!place)
            return -ENOMEM;
        if (handle)
            *handle = {}; // now: it may be a member of the owner, which the constructor may end
        construct_at<callable>(place.memory(), std::forward<F>(f));
        res = place.commit(); // null: the owner was released meanwhile, and the callable with it
    }
    if (handle && res)
        *handle = handle_access::make(res);
    return 0;
}

template <class F>
int add_callable_or_reset(devres_head* head, F&& f, devres_action* handle)
{
    const int err = add_callable(head, std::forward<F>(f), handle);
    // `f` is still whole: it is moved from only once there is a place for it.
    if (err) {
        if constexpr (std::is_invocable_v<F&>) {
            f();
        } else { // a const one, of which only a copy may be called
            std::decay_t<F> copy(f);
            copy();
        }
    }
    return err;
}

// What the allocating functions by type return.
template <class T>
T* plain_memory(void* memory) noexcept
{
    static_assert(std::is_trivially_default_constructible_v<T> && std::is_trivially_destructible_v<T>,
                  "devres: memory by type is for plain types, which need neither constructor nor destructor; "
                  "make others with managed::create<T> or the owner's _new<T>");
    static_assert(alignof(T) <= alignof(std::max_align_t),
                  "devres: memory by type is aligned for fundamental types only; "
                  "make others with managed::create<T> or the owner's _new<T>");
    return static_cast<T*>(memory); // SAFETY: memory of that size and alignment, or ZERO_SIZE_PTR, or null
}

template <class T, class... Args>
T* create(devres_head* head, Args&&... args)
{
    static_assert(std::is_object_v<T> && !std::is_array_v<T>, "devres: only single objects can be created");
    construction place(head, &object_resource<std::remove_cv_t<T>>::ops, sizeof(T), alignof(T));
    if (!place)
        return nullptr;
    construct_at<T>(place.memory(), std::forward<Args>(args)...);
    resource* made = place.commit();
    return made ? static_cast<T*>(made->payload()) : nullptr; // SAFETY: a T was just made there
}

} // namespace detail

namespace managed {

// --- Actions (A1-A3) -------------------------------------------------------------------------------------

// Calls action(data) when the owner releases its resources. The action may also take the owner first.
// Returns:  0 or -ENOMEM. The same pair may be added several times.
// A wrong type of data or owner does not compile.
template <managed_owner_ref R, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int add_action(const R& owner, A action, D data) noexcept
{
    return detail::add_action<detail::adapter_of<R>>(detail::head_of(owner), action, data);
}

// As add_action; on failure the action is called at once.
template <managed_owner_ref R, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int add_action_or_reset(const R& owner, A action, D data) noexcept
{
    return detail::add_action_or_reset<detail::adapter_of<R>>(detail::head_of(owner), action, data);
}

// The same with the action as a template argument, add_action<put_away>(owner, data): it is called directly
// when it is released, and messages know its name from the compiler. The functions below take it as they do
// any other.
template <auto Action, managed_owner_ref R, class D>
[[nodiscard]] int add_action(const R& owner, D data) noexcept
{
    return detail::add_action<detail::adapter_of<R>, Action>(detail::head_of(owner), data);
}
template <auto Action, managed_owner_ref R, class D>
[[nodiscard]] int add_action_or_reset(const R& owner, D data) noexcept
{
    return detail::add_action_or_reset<detail::adapter_of<R>, Action>(detail::head_of(owner), data);
}

// A callable without arguments, moved into managed memory (A9). `handle`, if given, can cancel or run it; it
// lets go of what it referred to before, even if to move the callable throws.
// Returns:  0, also if the owner was released meanwhile, and the callable with it (A8); -ENOMEM. What moving
//           the callable throws is rethrown and leaves nothing behind.
template <managed_owner_ref R, detail::callable_without_arguments F>
[[nodiscard]] int add_action(const R& owner, F&& f, devres_action* handle = nullptr)
{
    return detail::add_callable(detail::head_of(owner), std::forward<F>(f), handle);
}
template <managed_owner_ref R, detail::callable_without_arguments F>
[[nodiscard]] int add_action_or_reset(const R& owner, F&& f, devres_action* handle = nullptr)
{
    return detail::add_callable_or_reset(detail::head_of(owner), std::forward<F>(f), handle);
}

// These do not compile; they say why.
template <managed_owner_ref R, class F>
    requires(!detail::callable_without_arguments<F>)
int add_action(const R&, const F&) noexcept
{
    return static_cast<int>(sizeof(detail::callable_check<F>));
}
template <managed_owner_ref R, class F>
    requires(!detail::callable_without_arguments<F>)
int add_action_or_reset(const R&, const F&) noexcept
{
    return static_cast<int>(sizeof(detail::callable_check<F>));
}

// Drops the newest (action, data) pair without calling it.
// Returns:  0; -ENOENT if there is none, after a WARN (the _nowarn form: silently).
template <managed_owner_ref R, class A, class D>
int remove_action(const R& owner, A action, D data) noexcept
{
    return detail::remove_action(detail::head_of(owner),
                                 detail::erase_action<detail::adapter_of<R>>(action, data), true);
}
template <managed_owner_ref R, class A, class D>
[[nodiscard]] int remove_action_nowarn(const R& owner, A action, D data) noexcept
{
    return detail::remove_action(detail::head_of(owner),
                                 detail::erase_action<detail::adapter_of<R>>(action, data), false);
}

// Drops the newest (action, data) pair and calls it, without the lock.
// Returns:  0; -ENOENT after a WARN if there is none.
template <managed_owner_ref R, class A, class D>
int release_action(const R& owner, A action, D data) noexcept
{
    return detail::release_action(detail::head_of(owner),
                                  detail::erase_action<detail::adapter_of<R>>(action, data));
}

template <managed_owner_ref R, class A, class D>
[[nodiscard]] bool is_action_added(const R& owner, A action, D data) noexcept
{
    return detail::is_action_added(detail::head_of(owner),
                                   detail::erase_action<detail::adapter_of<R>>(action, data));
}

// --- Memory (A4-A7) --------------------------------------------------------------------------------------

// Returns:  memory aligned for any fundamental type, freed with the owner; ZERO_SIZE_PTR for size 0; null if
//           there is none.
template <managed_owner_ref R>
[[nodiscard]] void* kmalloc(const R& owner, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(detail::head_of(owner), size, gfp);
}
template <managed_owner_ref R>
[[nodiscard]] void* kzalloc(const R& owner, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(detail::head_of(owner), size, gfp | __GFP_ZERO);
}
template <managed_owner_ref R>
[[nodiscard]] void* kmalloc_array(const R& owner, std::size_t n, std::size_t size,
                                  gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(detail::head_of(owner), detail::array_size(n, size), gfp);
}
template <managed_owner_ref R>
[[nodiscard]] void* kcalloc(const R& owner, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(detail::head_of(owner), detail::array_size(n, size), gfp | __GFP_ZERO);
}

// Resizes managed memory; its place in the release order stays. With __GFP_ZERO the added bytes are zero.
// Returns:  the memory, perhaps moved; ZERO_SIZE_PTR for size 0 (it is freed); null without memory (the old
//           block is untouched) or, after a WARN, if `p` is not managed by this owner.
template <managed_owner_ref R>
[[nodiscard]] void* krealloc(const R& owner, void* p, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::resize_memory(detail::head_of(owner), p, size, gfp);
}
template <managed_owner_ref R>
[[nodiscard]] void* krealloc_array(const R& owner, void* p, std::size_t n, std::size_t size,
                                   gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::resize_memory(detail::head_of(owner), p, detail::array_size(n, size), gfp);
}

// Frees managed memory now. Null and ZERO_SIZE_PTR: no-op. Not this owner's, freed before, or not plain
// memory: WARN, nothing is touched and the pointer is not followed.
template <managed_owner_ref R>
void kfree(const R& owner, const void* p) noexcept
{
    detail::free_memory(detail::head_of(owner), p);
}

// Returns:  a managed copy, or null.
template <managed_owner_ref R>
[[nodiscard]] void* kmemdup(const R& owner, const void* src, std::size_t size,
                            gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_memory(detail::head_of(owner), src, size, gfp);
}
template <managed_owner_ref R>
[[nodiscard]] void* kmemdup_array(const R& owner, const void* src, std::size_t n, std::size_t size,
                                  gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_memory(detail::head_of(owner), src, detail::array_size(n, size), gfp);
}
template <managed_owner_ref R>
[[nodiscard]] char* kstrdup(const R& owner, const char* s, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_string(detail::head_of(owner), s, static_cast<std::size_t>(-1), gfp);
}
template <managed_owner_ref R>
[[nodiscard]] char* kstrndup(const R& owner, const char* s, std::size_t max, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_string(detail::head_of(owner), s, max, gfp);
}

// For strings that are mostly literals.
// Returns:  `s` itself if it lies in read-only data of the program, which stays as long as the process does;
//           else as kstrdup.
template <managed_owner_ref R>
[[nodiscard]] const char* kstrdup_const(const R& owner, const char* s, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::is_permanent(s) ? s : kstrdup(owner, s, gfp);
}
// Frees what kstrdup_const returned, if that was a copy.
template <managed_owner_ref R>
void kfree_const(const R& owner, const char* s) noexcept
{
    if (!detail::is_permanent(s))
        kfree(owner, s);
}

// Formats into managed memory as printf does.
template <managed_owner_ref R>
[[nodiscard]] [[gnu::format(printf, 3, 0)]] char* kvasprintf(const R& owner, gfp_t gfp, const char* format,
                                                             std::va_list args) noexcept
{
    return detail::format_string(detail::head_of(owner), gfp, format, args);
}
template <managed_owner_ref R>
[[nodiscard]] [[gnu::format(printf, 3, 4)]] char* kasprintf(const R& owner, gfp_t gfp, const char* format,
                                                            ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = detail::format_string(detail::head_of(owner), gfp, format, args);
    va_end(args);
    return s;
}
template <managed_owner_ref R>
[[nodiscard]] [[gnu::format(printf, 2, 3)]] char* kasprintf(const R& owner, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = detail::format_string(detail::head_of(owner), GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

// The same by type: `auto* p = managed::kzalloc<foo>(owner)` for one, kcalloc<foo>(owner, n) for an array.
// For types that C could have, which nobody constructs or destroys; others: create<T>.
template <class T, managed_owner_ref R>
[[nodiscard]] T* kzalloc(const R& owner, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::plain_memory<T>(kzalloc(owner, sizeof(T), gfp));
}
template <class T, managed_owner_ref R>
[[nodiscard]] T* kcalloc(const R& owner, std::size_t n, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::plain_memory<T>(kcalloc(owner, n, sizeof(T), gfp));
}
template <class T, managed_owner_ref R>
[[nodiscard]] T* krealloc_array(const R& owner, std::type_identity_t<T>* p, std::size_t n,
                                gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::plain_memory<T>(krealloc_array(owner, static_cast<void*>(p), n, sizeof(T), gfp));
}
template <class T, managed_owner_ref R>
[[nodiscard]] T* kmemdup(const R& owner, const std::type_identity_t<T>* src, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::plain_memory<T>(kmemdup(owner, src, sizeof(T), gfp));
}
template <class T, managed_owner_ref R>
[[nodiscard]] T* kmemdup_array(const R& owner, const std::type_identity_t<T>* src, std::size_t n,
                               gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::plain_memory<T>(kmemdup_array(owner, src, n, sizeof(T), gfp));
}

// --- Objects (A8) ----------------------------------------------------------------------------------------

// Makes a T in managed memory; it is destroyed at its place in the release order. The place is taken before
// the constructor runs, so what that attaches is newer than the T and goes before it. Over-aligned types are
// fine.
// Returns:  the object; null without memory, or if the owner was released meanwhile, and the object with it
//           (WARN). What the constructor throws is rethrown; the place is then given back.
template <class T, managed_owner_ref R, class... Args>
[[nodiscard]] T* create(const R& owner, Args&&... args)
{
    return detail::create<T>(detail::head_of(owner), std::forward<Args>(args)...);
}

// Destroys an object of create<T> now. Null: no-op. Not a T of this owner: WARN, -ENOENT, nothing is touched.
template <class T, managed_owner_ref R>
int destroy(const R& owner, T* object) noexcept
{
    return object ? detail::destroy_object(detail::head_of(owner), object,
                                           &detail::object_resource<std::remove_cv_t<T>>::ops)
                  : 0;
}

// --- Groups (A10) ----------------------------------------------------------------------------------------

template <managed_owner_ref R>
[[nodiscard]] void* open_group(const R& owner, void* id, gfp_t gfp = GFP_KERNEL) noexcept
{
    return devres_open_group(detail::head_of(owner), id, gfp);
}
template <managed_owner_ref R>
void close_group(const R& owner, void* id) noexcept
{
    devres_close_group(detail::head_of(owner), id);
}
template <managed_owner_ref R>
void remove_group(const R& owner, void* id) noexcept
{
    devres_remove_group(detail::head_of(owner), id);
}
template <managed_owner_ref R>
int release_group(const R& owner, void* id) noexcept
{
    return devres_release_group(detail::head_of(owner), id);
}

} // namespace managed
} // namespace devres
