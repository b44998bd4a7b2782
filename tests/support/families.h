// SPDX-License-Identifier: MIT
//
// The three owners of the typed suite, each with the names its own users call.
//
// A family says how its owner is made, how the last reference goes, and forwards the managed family: devm_*,
// drmm_*, and managed::* for a class that has nothing but a head.
#pragma once

#include <cstdarg>
#include <memory_resource>
#include <utility>

#include <gtest/gtest.h>

#include <devres/devm.h>
#include <devres/drm_managed.h>

#include "support/session.h"

namespace devres::test {

// NOLINTBEGIN(cppcoreguidelines-macro-usage): a function template cannot be named without its arguments.
#define DEVRES_TEST_FORWARD(name, function)                                                                  \
    template <class... Args>                                                                                 \
    static decltype(auto) name(Args&&... args)                                                               \
    {                                                                                                        \
        return function(std::forward<Args>(args)...);                                                        \
    }
#define DEVRES_TEST_FORWARD_TYPED(name, function)                                                            \
    template <class T, class... Args>                                                                        \
    static T* name(owner* o, Args&&... args)                                                                 \
    {                                                                                                        \
        return function<T>(o, std::forward<Args>(args)...);                                                  \
    }
#define DEVRES_TEST_FORWARD_ACTION(name, function)                                                           \
    template <auto Action, class O, class D>                                                                 \
    static int name(O* o, D data)                                                                            \
    {                                                                                                        \
        return function<Action>(o, data);                                                                    \
    }
#define DEVRES_TEST_DEVM(name) devm_##name
#define DEVRES_TEST_DRMM(name) drmm_##name
#define DEVRES_TEST_MANAGED(name) managed::name
#define DEVRES_TEST_FAMILY(named)                                                                            \
    DEVRES_TEST_FORWARD(add_action, named(add_action))                                                       \
    DEVRES_TEST_FORWARD(add_action_or_reset, named(add_action_or_reset))                                     \
    DEVRES_TEST_FORWARD(remove_action, named(remove_action))                                                 \
    DEVRES_TEST_FORWARD(remove_action_nowarn, named(remove_action_nowarn))                                   \
    DEVRES_TEST_FORWARD(release_action, named(release_action))                                               \
    DEVRES_TEST_FORWARD(is_action_added, named(is_action_added))                                             \
    static void* kmalloc(owner* o, std::size_t size, gfp_t gfp = GFP_KERNEL)                                 \
    {                                                                                                        \
        return named(kmalloc)(o, size, gfp);                                                                 \
    }                                                                                                        \
    static void* kzalloc(owner* o, std::size_t size, gfp_t gfp = GFP_KERNEL)                                 \
    {                                                                                                        \
        return named(kzalloc)(o, size, gfp);                                                                 \
    }                                                                                                        \
    static void* kmalloc_array(owner* o, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL)            \
    {                                                                                                        \
        return named(kmalloc_array)(o, n, size, gfp);                                                        \
    }                                                                                                        \
    static void* kcalloc(owner* o, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL)                  \
    {                                                                                                        \
        return named(kcalloc)(o, n, size, gfp);                                                              \
    }                                                                                                        \
    static void* krealloc(owner* o, void* p, std::size_t size, gfp_t gfp = GFP_KERNEL)                       \
    {                                                                                                        \
        return named(krealloc)(o, p, size, gfp);                                                             \
    }                                                                                                        \
    static void* krealloc_array(owner* o, void* p, std::size_t n, std::size_t size, gfp_t gfp = GFP_KERNEL)  \
    {                                                                                                        \
        return named(krealloc_array)(o, p, n, size, gfp);                                                    \
    }                                                                                                        \
    DEVRES_TEST_FORWARD(kfree, named(kfree))                                                                 \
    static void* kmemdup(owner* o, const void* src, std::size_t size, gfp_t gfp = GFP_KERNEL)                \
    {                                                                                                        \
        return named(kmemdup)(o, src, size, gfp);                                                            \
    }                                                                                                        \
    static void* kmemdup_array(owner* o, const void* src, std::size_t n, std::size_t size,                   \
                               gfp_t gfp = GFP_KERNEL)                                                       \
    {                                                                                                        \
        return named(kmemdup_array)(o, src, n, size, gfp);                                                   \
    }                                                                                                        \
    DEVRES_TEST_FORWARD(kstrdup, named(kstrdup))                                                             \
    static char* kstrndup(owner* o, const char* s, std::size_t max, gfp_t gfp = GFP_KERNEL)                  \
    {                                                                                                        \
        return named(kstrndup)(o, s, max, gfp);                                                              \
    }                                                                                                        \
    DEVRES_TEST_FORWARD_ACTION(add_static_action, named(add_action))                                         \
    DEVRES_TEST_FORWARD_ACTION(add_static_action_or_reset, named(add_action_or_reset))                       \
    DEVRES_TEST_FORWARD_TYPED(kzalloc_of, named(kzalloc))                                                    \
    DEVRES_TEST_FORWARD_TYPED(kcalloc_of, named(kcalloc))                                                    \
    DEVRES_TEST_FORWARD_TYPED(krealloc_array_of, named(krealloc_array))                                      \
    DEVRES_TEST_FORWARD_TYPED(kmemdup_of, named(kmemdup))                                                    \
    DEVRES_TEST_FORWARD_TYPED(kmemdup_array_of, named(kmemdup_array))                                        \
    DEVRES_TEST_FORWARD(kstrdup_const, named(kstrdup_const))                                                 \
    DEVRES_TEST_FORWARD(kfree_const, named(kfree_const))                                                     \
    DEVRES_TEST_FORWARD(open_group, named(open_group))                                                       \
    DEVRES_TEST_FORWARD(close_group, named(close_group))                                                     \
    DEVRES_TEST_FORWARD(remove_group, named(remove_group))                                                   \
    DEVRES_TEST_FORWARD(release_group, named(release_group))                                                 \
    /* The format stays a literal, so that the compiler checks it here as it does for a user. */             \
    [[gnu::format(printf, 3, 0)]] static char* kvasprintf(owner* o, gfp_t gfp, const char* format,           \
                                                          std::va_list args)                                 \
    {                                                                                                        \
        return named(kvasprintf)(o, gfp, format, args);                                                      \
    }                                                                                                        \
    static char* kasprintf(owner* o, const char* s, int n)                                                   \
    {                                                                                                        \
        return named(kasprintf)(o, "%s-%d", s, n);                                                           \
    }                                                                                                        \
    static char* kasprintf_char(owner* o, char c, const char* s)                                             \
    {                                                                                                        \
        return named(kasprintf)(o, "%c%s", c, s);                                                            \
    }                                                                                                        \
    static char* kasprintf_gfp(owner* o, const char* s)                                                      \
    {                                                                                                        \
        return named(kasprintf)(o, GFP_KERNEL, "<%s>", s);                                                   \
    }
// NOLINTEND(cppcoreguidelines-macro-usage)

struct device_family {
    using owner = device;
    static constexpr const char* kind = "device";

    static owner* make(std::pmr::memory_resource* upstream)
    {
        return new device(
            "dev-3", nullptr, [](device* dev) { delete dev; }, upstream);
    }
    static void end(owner* dev) { put_device(dev); }

    DEVRES_TEST_FAMILY(DEVRES_TEST_DEVM)
    DEVRES_TEST_FORWARD_TYPED(create, devm_new)
    DEVRES_TEST_FORWARD(destroy, devm_delete)
};

struct drm_family {
    struct owner : drm_device {
        explicit owner(std::pmr::memory_resource* upstream) : drm_device(upstream) {}
    };
    static constexpr const char* kind = "drm_device";
    static constexpr drm_driver driver{.name = "testdrm"};

    static owner* make(std::pmr::memory_resource* upstream)
    {
        device* parent = device_create("parent-1");
        auto* drm = devm_drm_dev_alloc<owner>(parent, &driver, upstream);
        drm_dev_get(drm);
        device_unregister(parent); // drops the first reference; the drm_device keeps its parent alive
        return drm;
    }
    static void end(owner* drm) { drm_dev_put(drm); }

    DEVRES_TEST_FAMILY(DEVRES_TEST_DRMM)
    DEVRES_TEST_FORWARD_TYPED(create, drmm_new)
    DEVRES_TEST_FORWARD(destroy, drmm_delete)
};

struct session_family {
    using owner = session;
    static constexpr const char* kind = "session";

    static owner* make(std::pmr::memory_resource* upstream) { return new session(upstream); }
    static void end(owner* s) { delete s; }

    DEVRES_TEST_FAMILY(DEVRES_TEST_MANAGED)
    DEVRES_TEST_FORWARD_TYPED(create, managed::create)
    DEVRES_TEST_FORWARD(destroy, managed::destroy)
};

#undef DEVRES_TEST_FAMILY
#undef DEVRES_TEST_MANAGED
#undef DEVRES_TEST_DRMM
#undef DEVRES_TEST_DEVM
#undef DEVRES_TEST_FORWARD_ACTION
#undef DEVRES_TEST_FORWARD_TYPED
#undef DEVRES_TEST_FORWARD

} // namespace devres::test
