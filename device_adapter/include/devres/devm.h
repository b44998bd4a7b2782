// SPDX-License-Identifier: MIT
//
// devm_*: the managed family of managed.h under its kernel names, on a device.
//
// Results, errors, threading and cost: at the function of the same name in managed.h. What is attached while
// the device is bound is released at unbind; else when it is deleted, and at the last put (D3, D4).
//
// Where a driver has the proof of binding (const bound_device&) it converts to device*. Actions attached with
// the proof may take it as their first parameter and so still reach hardware that is present (M8).
#pragma once

#include <devres/detail/binding.h>
#include <devres/device.h>
#include <devres/managed.h>

namespace devres {

// --- Actions ---------------------------------------------------------------------------------------------

template <class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int devm_add_action(device* dev, A action, D data) noexcept
{
    return managed::add_action(dev, action, data);
}
template <class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int devm_add_action(const bound_device& dev, A action, D data) noexcept
{
    return managed::add_action(dev, action, data);
}
template <class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int devm_add_action_or_reset(device* dev, A action, D data) noexcept
{
    return managed::add_action_or_reset(dev, action, data);
}
template <class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int devm_add_action_or_reset(const bound_device& dev, A action, D data) noexcept
{
    return managed::add_action_or_reset(dev, action, data);
}

// The action as a template argument: called directly at release, named by the compiler.
template <auto Action, class D>
[[nodiscard]] int devm_add_action(device* dev, D data) noexcept
{
    return managed::add_action<Action>(dev, data);
}
template <auto Action, class D>
[[nodiscard]] int devm_add_action(const bound_device& dev, D data) noexcept
{
    return managed::add_action<Action>(dev, data);
}
template <auto Action, class D>
[[nodiscard]] int devm_add_action_or_reset(device* dev, D data) noexcept
{
    return managed::add_action_or_reset<Action>(dev, data);
}
template <auto Action, class D>
[[nodiscard]] int devm_add_action_or_reset(const bound_device& dev, D data) noexcept
{
    return managed::add_action_or_reset<Action>(dev, data);
}

template <detail::callable_without_arguments F>
[[nodiscard]] int devm_add_action(device* dev, F&& f, devres_action* handle = nullptr)
{
    return managed::add_action(dev, std::forward<F>(f), handle);
}
template <detail::callable_without_arguments F>
[[nodiscard]] int devm_add_action_or_reset(device* dev, F&& f, devres_action* handle = nullptr)
{
    return managed::add_action_or_reset(dev, std::forward<F>(f), handle);
}

// These do not compile; they say why.
template <class F>
    requires(!detail::callable_without_arguments<F>)
int devm_add_action(device* dev, const F& f) noexcept
{
    return managed::add_action(dev, f);
}
template <class F>
    requires(!detail::callable_without_arguments<F>)
int devm_add_action_or_reset(device* dev, const F& f) noexcept
{
    return managed::add_action_or_reset(dev, f);
}

template <class A, class D>
int devm_remove_action(device* dev, A action, D data) noexcept
{
    return managed::remove_action(dev, action, data);
}
template <class A, class D>
int devm_remove_action(const bound_device& dev, A action, D data) noexcept
{
    return managed::remove_action(dev, action, data);
}
template <class A, class D>
[[nodiscard]] int devm_remove_action_nowarn(device* dev, A action, D data) noexcept
{
    return managed::remove_action_nowarn(dev, action, data);
}
template <class A, class D>
[[nodiscard]] int devm_remove_action_nowarn(const bound_device& dev, A action, D data) noexcept
{
    return managed::remove_action_nowarn(dev, action, data);
}
template <class A, class D>
int devm_release_action(device* dev, A action, D data) noexcept
{
    return managed::release_action(dev, action, data);
}
template <class A, class D>
int devm_release_action(const bound_device& dev, A action, D data) noexcept
{
    return managed::release_action(dev, action, data);
}
template <class A, class D>
[[nodiscard]] bool devm_is_action_added(device* dev, A action, D data) noexcept
{
    return managed::is_action_added(dev, action, data);
}
template <class A, class D>
[[nodiscard]] bool devm_is_action_added(const bound_device& dev, A action, D data) noexcept
{
    return managed::is_action_added(dev, action, data);
}

// --- Memory ----------------------------------------------------------------------------------------------

[[nodiscard]] inline void* devm_kmalloc(device* dev, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmalloc(dev, size, gfp);
}
[[nodiscard]] inline void* devm_kzalloc(device* dev, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kzalloc(dev, size, gfp);
}
[[nodiscard]] inline void* devm_kmalloc_array(device* dev, std::size_t n, std::size_t size,
                                              gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmalloc_array(dev, n, size, gfp);
}
[[nodiscard]] inline void* devm_kcalloc(device* dev, std::size_t n, std::size_t size,
                                        gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kcalloc(dev, n, size, gfp);
}
[[nodiscard]] inline void* devm_krealloc(device* dev, void* p, std::size_t size,
                                         gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc(dev, p, size, gfp);
}
[[nodiscard]] inline void* devm_krealloc_array(device* dev, void* p, std::size_t n, std::size_t size,
                                               gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc_array(dev, p, n, size, gfp);
}
inline void devm_kfree(device* dev, const void* p) noexcept
{
    managed::kfree(dev, p);
}
[[nodiscard]] inline void* devm_kmemdup(device* dev, const void* src, std::size_t size,
                                        gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup(dev, src, size, gfp);
}
[[nodiscard]] inline void* devm_kmemdup_array(device* dev, const void* src, std::size_t n, std::size_t size,
                                              gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup_array(dev, src, n, size, gfp);
}
[[nodiscard]] inline char* devm_kstrdup(device* dev, const char* s, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrdup(dev, s, gfp);
}
[[nodiscard]] inline char* devm_kstrndup(device* dev, const char* s, std::size_t max,
                                         gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrndup(dev, s, max, gfp);
}
[[nodiscard]] [[gnu::format(printf, 3, 0)]] inline char*
devm_kvasprintf(device* dev, gfp_t gfp, const char* format, std::va_list args) noexcept
{
    return managed::kvasprintf(dev, gfp, format, args);
}
[[nodiscard]] [[gnu::format(printf, 3, 4)]] char* devm_kasprintf(device* dev, gfp_t gfp, const char* format,
                                                                 ...) noexcept;
[[nodiscard]] [[gnu::format(printf, 2, 3)]] char* devm_kasprintf(device* dev, const char* format,
                                                                 ...) noexcept;

[[nodiscard]] inline const char* devm_kstrdup_const(device* dev, const char* s,
                                                    gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrdup_const(dev, s, gfp);
}
inline void devm_kfree_const(device* dev, const char* s) noexcept
{
    managed::kfree_const(dev, s);
}

// --- Memory by type --------------------------------------------------------------------------------------

template <class T>
[[nodiscard]] T* devm_kzalloc(device* dev, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kzalloc<T>(dev, gfp);
}
template <class T>
[[nodiscard]] T* devm_kcalloc(device* dev, std::size_t n, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kcalloc<T>(dev, n, gfp);
}
template <class T>
[[nodiscard]] T* devm_krealloc_array(device* dev, std::type_identity_t<T>* p, std::size_t n,
                                     gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc_array<T>(dev, p, n, gfp);
}
template <class T>
[[nodiscard]] T* devm_kmemdup(device* dev, const std::type_identity_t<T>* src,
                              gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup<T>(dev, src, gfp);
}
template <class T>
[[nodiscard]] T* devm_kmemdup_array(device* dev, const std::type_identity_t<T>* src, std::size_t n,
                                    gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup_array<T>(dev, src, n, gfp);
}

// --- Objects and groups ----------------------------------------------------------------------------------

template <class T, class... Args>
[[nodiscard]] T* devm_new(device* dev, Args&&... args)
{
    return managed::create<T>(dev, std::forward<Args>(args)...);
}
template <class T>
int devm_delete(device* dev, T* object) noexcept
{
    return managed::destroy(dev, object);
}

[[nodiscard]] inline void* devm_open_group(device* dev, void* id, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::open_group(dev, id, gfp);
}
inline void devm_close_group(device* dev, void* id) noexcept
{
    managed::close_group(dev, id);
}
inline void devm_remove_group(device* dev, void* id) noexcept
{
    managed::remove_group(dev, id);
}
inline int devm_release_group(device* dev, void* id) noexcept
{
    return managed::release_group(dev, id);
}

} // namespace devres
