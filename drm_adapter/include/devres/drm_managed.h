// SPDX-License-Identifier: MIT
//
// drmm_*: the managed family of managed.h under its kernel names, on a drm_device.
//
// Results, errors, threading and cost: at the function of the same name in managed.h. What is attached is
// released at the last drm_dev_put, after the driver's release hook and before the object is destroyed (M2).
//
// Actions may take the drm_device, or the driver's own subclass of it, as their first parameter.
// drmm_add_final_kfree is declared in drm_device.h.
#pragma once

#include <concepts>

#include <pthread.h>

#include <devres/drm_device.h>
#include <devres/managed.h>

namespace devres {

// A drm_device or a driver's own subclass of it, which its actions may take as their first parameter.
template <class O>
concept drm_owner = std::derived_from<O, drm_device>;

// --- Actions ---------------------------------------------------------------------------------------------

template <drm_owner O, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int drmm_add_action(O* drm, A action, D data) noexcept
{
    return managed::add_action(drm, action, data);
}
template <drm_owner O, class A, class D>
    requires(!detail::callable_without_arguments<A>)
[[nodiscard]] int drmm_add_action_or_reset(O* drm, A action, D data) noexcept
{
    return managed::add_action_or_reset(drm, action, data);
}

// The action as a template argument: called directly at release, named by the compiler.
template <auto Action, drm_owner O, class D>
[[nodiscard]] int drmm_add_action(O* drm, D data) noexcept
{
    return managed::add_action<Action>(drm, data);
}
template <auto Action, drm_owner O, class D>
[[nodiscard]] int drmm_add_action_or_reset(O* drm, D data) noexcept
{
    return managed::add_action_or_reset<Action>(drm, data);
}

template <detail::callable_without_arguments F>
[[nodiscard]] int drmm_add_action(drm_device* drm, F&& f, devres_action* handle = nullptr)
{
    return managed::add_action(drm, std::forward<F>(f), handle);
}
template <detail::callable_without_arguments F>
[[nodiscard]] int drmm_add_action_or_reset(drm_device* drm, F&& f, devres_action* handle = nullptr)
{
    return managed::add_action_or_reset(drm, std::forward<F>(f), handle);
}

// These do not compile; they say why.
template <class F>
    requires(!detail::callable_without_arguments<F>)
int drmm_add_action(drm_device* drm, const F& f) noexcept
{
    return managed::add_action(drm, f);
}
template <class F>
    requires(!detail::callable_without_arguments<F>)
int drmm_add_action_or_reset(drm_device* drm, const F& f) noexcept
{
    return managed::add_action_or_reset(drm, f);
}

template <drm_owner O, class A, class D>
int drmm_remove_action(O* drm, A action, D data) noexcept
{
    return managed::remove_action(drm, action, data);
}
template <drm_owner O, class A, class D>
[[nodiscard]] int drmm_remove_action_nowarn(O* drm, A action, D data) noexcept
{
    return managed::remove_action_nowarn(drm, action, data);
}
template <drm_owner O, class A, class D>
int drmm_release_action(O* drm, A action, D data) noexcept
{
    return managed::release_action(drm, action, data);
}
template <drm_owner O, class A, class D>
[[nodiscard]] bool drmm_is_action_added(O* drm, A action, D data) noexcept
{
    return managed::is_action_added(drm, action, data);
}

// --- Memory ----------------------------------------------------------------------------------------------

[[nodiscard]] inline void* drmm_kmalloc(drm_device* drm, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmalloc(drm, size, gfp);
}
[[nodiscard]] inline void* drmm_kzalloc(drm_device* drm, std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kzalloc(drm, size, gfp);
}
[[nodiscard]] inline void* drmm_kmalloc_array(drm_device* drm, std::size_t n, std::size_t size,
                                              gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmalloc_array(drm, n, size, gfp);
}
[[nodiscard]] inline void* drmm_kcalloc(drm_device* drm, std::size_t n, std::size_t size,
                                        gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kcalloc(drm, n, size, gfp);
}
[[nodiscard]] inline void* drmm_krealloc(drm_device* drm, void* p, std::size_t size,
                                         gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc(drm, p, size, gfp);
}
[[nodiscard]] inline void* drmm_krealloc_array(drm_device* drm, void* p, std::size_t n, std::size_t size,
                                               gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc_array(drm, p, n, size, gfp);
}
inline void drmm_kfree(drm_device* drm, const void* p) noexcept
{
    managed::kfree(drm, p);
}
[[nodiscard]] inline void* drmm_kmemdup(drm_device* drm, const void* src, std::size_t size,
                                        gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup(drm, src, size, gfp);
}
[[nodiscard]] inline void* drmm_kmemdup_array(drm_device* drm, const void* src, std::size_t n,
                                              std::size_t size, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup_array(drm, src, n, size, gfp);
}
[[nodiscard]] inline char* drmm_kstrdup(drm_device* drm, const char* s, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrdup(drm, s, gfp);
}
[[nodiscard]] inline char* drmm_kstrndup(drm_device* drm, const char* s, std::size_t max,
                                         gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrndup(drm, s, max, gfp);
}
[[nodiscard]] [[gnu::format(printf, 3, 0)]] inline char*
drmm_kvasprintf(drm_device* drm, gfp_t gfp, const char* format, std::va_list args) noexcept
{
    return managed::kvasprintf(drm, gfp, format, args);
}
[[nodiscard]] [[gnu::format(printf, 3, 4)]] char* drmm_kasprintf(drm_device* drm, gfp_t gfp,
                                                                 const char* format, ...) noexcept;
[[nodiscard]] [[gnu::format(printf, 2, 3)]] char* drmm_kasprintf(drm_device* drm, const char* format,
                                                                 ...) noexcept;

[[nodiscard]] inline const char* drmm_kstrdup_const(drm_device* drm, const char* s,
                                                    gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kstrdup_const(drm, s, gfp);
}
inline void drmm_kfree_const(drm_device* drm, const char* s) noexcept
{
    managed::kfree_const(drm, s);
}

// --- Memory by type --------------------------------------------------------------------------------------

template <class T>
[[nodiscard]] T* drmm_kzalloc(drm_device* drm, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kzalloc<T>(drm, gfp);
}
template <class T>
[[nodiscard]] T* drmm_kcalloc(drm_device* drm, std::size_t n, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kcalloc<T>(drm, n, gfp);
}
template <class T>
[[nodiscard]] T* drmm_krealloc_array(drm_device* drm, std::type_identity_t<T>* p, std::size_t n,
                                     gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::krealloc_array<T>(drm, p, n, gfp);
}
template <class T>
[[nodiscard]] T* drmm_kmemdup(drm_device* drm, const std::type_identity_t<T>* src,
                              gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup<T>(drm, src, gfp);
}
template <class T>
[[nodiscard]] T* drmm_kmemdup_array(drm_device* drm, const std::type_identity_t<T>* src, std::size_t n,
                                    gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::kmemdup_array<T>(drm, src, n, gfp);
}

// --- Objects and groups ----------------------------------------------------------------------------------

template <class T, class... Args>
[[nodiscard]] T* drmm_new(drm_device* drm, Args&&... args)
{
    return managed::create<T>(drm, std::forward<Args>(args)...);
}
template <class T>
int drmm_delete(drm_device* drm, T* object) noexcept
{
    return managed::destroy(drm, object);
}

[[nodiscard]] inline void* drmm_open_group(drm_device* drm, void* id, gfp_t gfp = GFP_KERNEL) noexcept
{
    return managed::open_group(drm, id, gfp);
}
inline void drmm_close_group(drm_device* drm, void* id) noexcept
{
    managed::close_group(drm, id);
}
inline void drmm_remove_group(drm_device* drm, void* id) noexcept
{
    managed::remove_group(drm, id);
}
inline int drmm_release_group(drm_device* drm, void* id) noexcept
{
    return managed::release_group(drm, id);
}

// --- Locks -----------------------------------------------------------------------------------------------

// Initialises a mutex that is destroyed with the drm_device's resources.
// Returns:  0, -ENOMEM, or what pthread_mutex_init says, negative.
[[nodiscard]] int drmm_mutex_init(drm_device* drm, pthread_mutex_t* mutex) noexcept;
// A std::mutex, like any other lock with these members, initialises and destroys itself; there for ported
// code.
template <class Mutex>
    requires requires(Mutex& m)
    {
        m.lock(), m.unlock();
    }
[[nodiscard]] int drmm_mutex_init(drm_device*, Mutex*) noexcept
{
    return 0;
}

} // namespace devres
