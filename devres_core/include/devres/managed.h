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
#include <memory>
#include <type_traits>
#include <utility>

#include <devres/detail/action.h>
#include <devres/detail/attach.h>
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
        std::destroy_at(static_cast<T*>(res->payload())); // SAFETY: paired with T by these ops
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
        std::destroy_at(static_cast<F*>(res->payload())); // SAFETY: as above
    }
    static constexpr callable_ops ops{{resource_kind::callable, &call_and_destroy, type_name<F>},
                                      std::is_trivially_destructible_v<F> ? nullptr : &drop};
};

template <class T, class... Args>
void construct_at(void* memory, Args&&... args)
{
    // Aggregates take braces: clang 14 lacks parenthesised aggregate initialisation.
    if constexpr (std::is_constructible_v<T, Args...>)
        ::new (memory) T(std::forward<Args>(args)...);
    else
        ::new (memory) T{std::forward<Args>(args)...};
}

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
        const callable whole(std::forward<F>(f));
        res = attach_bytes(head, ops, std::addressof(whole), sizeof(callable), shared);
        if (!res)
            return -ENOMEM;
    } else {
        construction place(head, ops, sizeof(callable), alignof(callable), shared);
        if (!place)
            return -ENOMEM;
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
    if (err)
        f(); // still whole: it is moved from only once there is a place for it
    return err;
}

template <class T, class... Args>
T* create(devres_head* head, Args&&... args)
{
    static_assert(std::is_object_v<T> && !std::is_array_v<T>, "devres: only single objects can be created");
    construction place(head, &object_resource<T>::ops, sizeof(T), alignof(T));
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
template <managed_owner O, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int add_action(O* owner, A action, D data) noexcept
{
    return detail::add_action<detail::owner_of<O>>(&owner->devres, action, data);
}

// As add_action; on failure the action is called at once.
template <managed_owner O, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int add_action_or_reset(O* owner, A action, D data) noexcept
{
    return detail::add_action_or_reset<detail::owner_of<O>>(&owner->devres, action, data);
}

// A callable without arguments, moved into managed memory (A9). `handle`, if given, can cancel or run it.
// Returns:  0 or -ENOMEM. What moving the callable throws is rethrown and leaves nothing behind.
template <managed_owner O, detail::callable_without_arguments F>
[[nodiscard]] int add_action(O* owner, F&& f, devres_action* handle = nullptr)
{
    return detail::add_callable(&owner->devres, std::forward<F>(f), handle);
}
template <managed_owner O, detail::callable_without_arguments F>
[[nodiscard]] int add_action_or_reset(O* owner, F&& f, devres_action* handle = nullptr)
{
    return detail::add_callable_or_reset(&owner->devres, std::forward<F>(f), handle);
}

// Drops the newest (action, data) pair without calling it.
// Returns:  0; -ENOENT if there is none, after a WARN (the _nowarn form: silently).
template <managed_owner O, class A, class D>
int remove_action(O* owner, A action, D data) noexcept
{
    return detail::remove_action(&owner->devres, detail::erase_action<detail::owner_of<O>>(action, data),
                                 true);
}
template <managed_owner O, class A, class D>
[[nodiscard]] int remove_action_nowarn(O* owner, A action, D data) noexcept
{
    return detail::remove_action(&owner->devres, detail::erase_action<detail::owner_of<O>>(action, data),
                                 false);
}

// Drops the newest (action, data) pair and calls it, without the lock.
// Returns:  0; -ENOENT after a WARN if there is none.
template <managed_owner O, class A, class D>
int release_action(O* owner, A action, D data) noexcept
{
    return detail::release_action(&owner->devres, detail::erase_action<detail::owner_of<O>>(action, data));
}

template <managed_owner O, class A, class D>
[[nodiscard]] bool is_action_added(O* owner, A action, D data) noexcept
{
    return detail::is_action_added(&owner->devres, detail::erase_action<detail::owner_of<O>>(action, data));
}

// --- Memory (A4-A7) --------------------------------------------------------------------------------------

// Returns:  memory aligned for any fundamental type, freed with the owner; ZERO_SIZE_PTR for size 0; null if
//           there is none.
template <managed_owner O>
[[nodiscard]] void* kmalloc(O* owner, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(&owner->devres, size, gfp);
}
template <managed_owner O>
[[nodiscard]] void* kzalloc(O* owner, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(&owner->devres, size, gfp | __GFP_ZERO);
}
template <managed_owner O>
[[nodiscard]] void* kmalloc_array(O* owner, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(&owner->devres, detail::array_size(n, size), gfp);
}
template <managed_owner O>
[[nodiscard]] void* kcalloc(O* owner, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::attach_memory(&owner->devres, detail::array_size(n, size), gfp | __GFP_ZERO);
}

// Resizes managed memory; its place in the release order stays. With __GFP_ZERO the added bytes are zero.
// Returns:  the memory, perhaps moved; ZERO_SIZE_PTR for size 0 (it is freed); null without memory (the old
//           block is untouched) or, after a WARN, if `p` is not managed by this owner.
template <managed_owner O>
[[nodiscard]] void* krealloc(O* owner, void* p, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::resize_memory(&owner->devres, p, size, gfp);
}
template <managed_owner O>
[[nodiscard]] void* krealloc_array(O* owner, void* p, std::size_t n, std::size_t size,
                                   gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::resize_memory(&owner->devres, p, detail::array_size(n, size), gfp);
}

// Frees managed memory now. Null and ZERO_SIZE_PTR: no-op. Not this owner's, freed before, or not plain
// memory: WARN, nothing is touched and the pointer is not followed.
template <managed_owner O>
void kfree(O* owner, const void* p) noexcept
{
    detail::free_memory(&owner->devres, p);
}

// Returns:  a managed copy, or null.
template <managed_owner O>
[[nodiscard]] void* kmemdup(O* owner, const void* src, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_memory(&owner->devres, src, size, gfp);
}
template <managed_owner O>
[[nodiscard]] void* kmemdup_array(O* owner, const void* src, std::size_t n, std::size_t size,
                                  gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_memory(&owner->devres, src, detail::array_size(n, size), gfp);
}
template <managed_owner O>
[[nodiscard]] char* kstrdup(O* owner, const char* s, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_string(&owner->devres, s, static_cast<std::size_t>(-1), gfp);
}
template <managed_owner O>
[[nodiscard]] char* kstrndup(O* owner, const char* s, std::size_t max, gfp_t gfp = GFP_KERNEL) noexcept
{
    return detail::duplicate_string(&owner->devres, s, max, gfp);
}

// Formats into managed memory as printf does.
template <managed_owner O>
[[nodiscard]] [[gnu::format(printf, 3, 0)]] char* kvasprintf(O* owner, gfp_t gfp, const char* format,
                                                             std::va_list args) noexcept
{
    return detail::format_string(&owner->devres, gfp, format, args);
}
template <managed_owner O>
[[nodiscard]] [[gnu::format(printf, 3, 4)]] char* kasprintf(O* owner, gfp_t gfp, const char* format,
                                                            ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = detail::format_string(&owner->devres, gfp, format, args);
    va_end(args);
    return s;
}
template <managed_owner O>
[[nodiscard]] [[gnu::format(printf, 2, 3)]] char* kasprintf(O* owner, const char* format, ...) noexcept
{
    std::va_list args;
    va_start(args, format);
    char* s = detail::format_string(&owner->devres, GFP_KERNEL, format, args);
    va_end(args);
    return s;
}

// --- Objects (A8) ----------------------------------------------------------------------------------------

// Makes a T in managed memory; it is destroyed at its place in the release order. The place is taken before
// the constructor runs, so what that attaches is newer than the T and goes before it. Over-aligned types are
// fine.
// Returns:  the object; null without memory. What the constructor throws is rethrown; the place is then given
//           back.
template <class T, managed_owner O, class... Args>
[[nodiscard]] T* create(O* owner, Args&&... args)
{
    return detail::create<T>(&owner->devres, std::forward<Args>(args)...);
}

// Destroys an object of create<T> now. Null: no-op. Not a T of this owner: WARN, -ENOENT, nothing is touched.
template <class T, managed_owner O>
int destroy(O* owner, T* object) noexcept
{
    return object ? detail::destroy_object(&owner->devres, object,
                                           &detail::object_resource<std::remove_cv_t<T>>::ops)
                  : 0;
}

// --- Groups (A10) ----------------------------------------------------------------------------------------

template <managed_owner O>
[[nodiscard]] void* open_group(O* owner, void* id, gfp_t gfp = GFP_KERNEL) noexcept
{
    return devres_open_group(&owner->devres, id, gfp);
}
template <managed_owner O>
void close_group(O* owner, void* id) noexcept
{
    devres_close_group(&owner->devres, id);
}
template <managed_owner O>
void remove_group(O* owner, void* id) noexcept
{
    devres_remove_group(&owner->devres, id);
}
template <managed_owner O>
int release_group(O* owner, void* id) noexcept
{
    return devres_release_group(&owner->devres, id);
}

} // namespace managed
} // namespace devres
