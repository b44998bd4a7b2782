// SPDX-License-Identifier: MIT
//
// Every public function without memory: allocation k fails for k = 0, 1, 2, ... until the call does without,
// once and from then on, asked of an owner's upstream and of malloc. C3, C7, C8, A1 to A9, D2, M4, V1, X2.
//
// A call gives its documented error or works; after an error what it was called on is as before; the owners
// go on working, release everything in order, and every block is given back. tests/faults/check_table.py
// fails if a public header declares a function that the table below does not name.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h> // NOLINT(modernize-deprecated-headers): sigset_t
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/detail/binding.h>
#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>
#include <devres/dump.h>
#include <devres/posix.h>

#include "device/scripted_device.h"
#include "support/families.h"
#include "support/head_checker.h"
#include "support/malloc_faults.h"
#include "support/upstream.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

// --- What was released, written down without asking for memory ---------------------------------------------

struct trace {
    std::array<int, 512> numbers{};
    std::size_t count = 0;

    void add(int number) { numbers[count++] = number; }
    std::vector<int> take()
    {
        return {numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(std::exchange(count, 0))};
    }
};
trace released;

struct mark {
    int number;
};
void tell(mark* m)
{
    released.add(m->number);
}

// What a call attaches itself; it may be there or not, but never twice.
constexpr int of_the_call = 100;
mark call_mark{of_the_call};

struct told_object {
    explicit told_object(int n = of_the_call) : number(n) {}
    ~told_object() { released.add(number); }
    told_object(const told_object&) = delete;
    told_object& operator=(const told_object&) = delete;
    int number;
    std::array<char, 200> room{};
};
struct told_callable {
    mark* mine;
    void operator()() const { tell(mine); }
    std::array<char, 200> room{};
};

void release_raw(devres_head*, void* res)
{
    released.add(static_cast<mark*>(res)->number);
}
bool has_number(devres_head*, void* res, void* number)
{
    return static_cast<mark*>(res)->number == *static_cast<int*>(number);
}

// --- The world that a call is made in ----------------------------------------------------------------------

constexpr drm_ioctl_desc ioctls[] = {
    {"plain", [](drm_device*, void*, drm_file*) -> long { return 7; }, nullptr},
    {"guarded", nullptr, [](const drm_dev_guard&, void*, drm_file*) -> long { return 8; }},
};
constexpr drm_driver driver{.name = "faults", .ioctls = ioctls, .num_ioctls = 2};

struct guarded_object {
    explicit guarded_object(int v = 0) : value(v) {}
    int value;
};
using pointer = devres_ptr<guarded_object>;

struct upstream_device : device {
    explicit upstream_device(std::pmr::memory_resource* upstream)
        : device(
              "dev0", nullptr, [](device* dev) { delete static_cast<upstream_device*>(dev); }, upstream)
    {
        device_add(this);
    }
};
using upstream_drm = drm_family::owner;

// Three owners with three marks each, a drm_device that is open and registered, a device bound or not.
struct world {
    explicit world(std::pmr::memory_resource* upstream)
        : own(upstream), dev(new upstream_device(upstream)), parent(device_create("parent"))
    {
        drm = new upstream_drm(upstream);
        if (drm_dev_init(drm, &driver, parent) != 0)
            std::abort();
        detail::drm_core::set_object(drm, drm, &detail::destroy_drm_object<upstream_drm>);
        for (int i = 0; i != 3; ++i) {
            EXPECT_EQ(0, managed::add_action(&own, &tell, &marks[0][i]));
            EXPECT_EQ(0, devm_add_action(static_cast<device*>(dev), &tell, &marks[1][i]));
            EXPECT_EQ(0, drmm_add_action(drm, &tell, &marks[2][i]));
        }
        EXPECT_EQ(0, drm_dev_register(drm));
        EXPECT_EQ(0, drm_open(drm, &file));
    }
    world(const world&) = delete;
    world& operator=(const world&) = delete;

    std::size_t listed() const
    {
        return checked_count(own.devres) + checked_count(dev->devres) + checked_count(drm->devres) +
               checked_count(parent->devres);
    }

    // The same again with memory, on every owner.
    template <class O>
    static void expect_usable(O* owner)
    {
        static mark m{-1};
        void* group = managed::open_group(owner, nullptr);
        EXPECT_TRUE(group);
        EXPECT_EQ(0, managed::add_action(owner, &tell, &m));
        void* p = managed::kmalloc(owner, 3000);
        EXPECT_TRUE(p);
        p = managed::krealloc(owner, p, 9000);
        managed::kfree(owner, p);
        EXPECT_EQ(0, managed::release_action(owner, &tell, &m));
        EXPECT_EQ(0, managed::add_action(owner, &tell, &m));
        EXPECT_EQ(1, managed::release_group(owner, group));
        EXPECT_EQ((std::vector<int>{-1, -1}), released.take());
    }

    // Ends everything. The marks must come in order, the call's own at most once each time it attached
    // something.
    void end()
    {
        released.count = 0;
        devres_drain(&own.devres);
        expect_marks({2, 1, 0});
        device_unregister(dev);
        expect_marks({12, 11, 10});
        drm_close(file);
        drm_dev_put(drm);
        expect_marks({22, 21, 20});
        device_unregister(parent);
    }
    void expect_marks(const std::vector<int>& expected)
    {
        std::vector<int> seen = released.take();
        EXPECT_GE(1, std::erase(seen, of_the_call));
        EXPECT_EQ(expected, seen);
    }

    mark marks[3][3] = {{{0}, {1}, {2}}, {{10}, {11}, {12}}, {{20}, {21}, {22}}};
    session own;
    upstream_device* dev;
    device* parent;
    upstream_drm* drm;
    drm_file* file = nullptr;

    // What a call's preparation leaves to it.
    void* p = nullptr;
    devres_action handle;
    devres_action second_handle;
    devres_node node;
    pointer ptr;
    drm_registration registration;
    drm_device* second_drm = nullptr;
    device* second_dev = nullptr;
    drm_file* second_file = nullptr;
    std::optional<revocable<guarded_object>> object;
};

// --- The table ---------------------------------------------------------------------------------------------

enum class without_memory { may_fail, works };

struct call {
    const char* functions; // all that the call stands for, as check_table.py reads them
    without_memory expected;
    std::function<void(world&)> prepare;
    std::function<int(world&)> run; // 0, or an error
    std::function<void(world&)> tidy = nullptr;
};

int from_pointer(const void* p)
{
    return p ? 0 : -ENOMEM;
}

// The family on one owner; `F` gives its kernel names.
template <class F, class O>
void add_family(std::vector<call>& all, O* (*owner)(world&))
{
    using enum without_memory;
    const auto nothing = [](world&) {};
    const auto with_block = [owner](world& w) {
        w.p = F::kmalloc(owner(w), 100);
        std::memset(w.p, 'x', 100);
    };
    const auto with_action = [owner](world& w) { EXPECT_EQ(0, F::add_action(owner(w), &tell, &call_mark)); };
    const auto with_object = [owner](world& w) { w.p = F::template create<told_object>(owner(w)); };
    const auto with_group = [owner](world& w) {
        w.p = F::open_group(owner(w), nullptr);
        EXPECT_EQ(0, F::add_action(owner(w), &tell, &call_mark));
    };
    const auto kept = [](world& w, void* q) {
        const auto* bytes = static_cast<const char*>(q ? q : w.p);
        EXPECT_EQ('x', bytes[0]);
        EXPECT_EQ('x', bytes[99]);
        return from_pointer(q);
    };

    all.push_back({"add_action devm_add_action drmm_add_action", may_fail, nothing,
                   [=](world& w) { return F::add_action(owner(w), &tell, &call_mark); }});
    all.push_back({"add_action", may_fail, nothing, [=](world& w) {
                       const int err = F::add_action(owner(w), told_callable{&call_mark}, &w.handle);
                       EXPECT_EQ(!err, static_cast<bool>(w.handle));
                       return err;
                   }});
    all.push_back({"add_action_or_reset devm_add_action_or_reset drmm_add_action_or_reset", may_fail, nothing,
                   [=](world& w) {
                       released.count = 0;
                       const int err = F::add_action_or_reset(owner(w), &tell, &call_mark);
                       EXPECT_EQ(err ? 1u : 0u, released.count) << "the action runs at once";
                       return err;
                   }});
    all.push_back({"remove_action devm_remove_action drmm_remove_action", works, with_action,
                   [=](world& w) { return F::remove_action(owner(w), &tell, &call_mark); }});
    all.push_back({"remove_action_nowarn devm_remove_action_nowarn drmm_remove_action_nowarn", works,
                   with_action,
                   [=](world& w) { return F::remove_action_nowarn(owner(w), &tell, &call_mark); }});
    all.push_back(
        {"release_action devm_release_action drmm_release_action", works, with_action, [=](world& w) {
             released.count = 0;
             const int err = F::release_action(owner(w), &tell, &call_mark);
             EXPECT_EQ(1u, released.count);
             return err;
         }});
    all.push_back({"is_action_added devm_is_action_added drmm_is_action_added", works, with_action,
                   [=](world& w) { return F::is_action_added(owner(w), &tell, &call_mark) ? 0 : -ENOENT; }});
    for (const std::size_t size : {std::size_t{40}, std::size_t{5000}, std::size_t{300000}}) {
        all.push_back({"kmalloc devm_kmalloc drmm_kmalloc", may_fail, nothing,
                       [=](world& w) { return from_pointer(F::kmalloc(owner(w), size)); }});
        all.push_back({"krealloc devm_krealloc drmm_krealloc", may_fail, with_block,
                       [=](world& w) { return kept(w, F::krealloc(owner(w), w.p, 200 + size)); }});
    }
    all.push_back({"kzalloc devm_kzalloc drmm_kzalloc", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kzalloc(owner(w), 3000)); }});
    all.push_back({"kmalloc_array devm_kmalloc_array drmm_kmalloc_array", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kmalloc_array(owner(w), 30, 100)); }});
    all.push_back({"kcalloc devm_kcalloc drmm_kcalloc", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kcalloc(owner(w), 30, 100)); }});
    all.push_back({"krealloc_array devm_krealloc_array drmm_krealloc_array", may_fail, with_block,
                   [=](world& w) { return kept(w, F::krealloc_array(owner(w), w.p, 30, 100)); }});
    all.push_back({"kfree devm_kfree drmm_kfree", works, with_block, [=](world& w) {
                       F::kfree(owner(w), w.p);
                       return 0;
                   }});
    static const std::string text(3000, 't');
    all.push_back({"kmemdup devm_kmemdup drmm_kmemdup", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kmemdup(owner(w), text.data(), 3000)); }});
    all.push_back({"kmemdup_array devm_kmemdup_array drmm_kmemdup_array", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kmemdup_array(owner(w), text.data(), 30, 100)); }});
    all.push_back({"kstrdup devm_kstrdup drmm_kstrdup", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kstrdup(owner(w), text.c_str())); }});
    all.push_back(
        {"kstrdup_const devm_kstrdup_const drmm_kstrdup_const kfree_const devm_kfree_const drmm_kfree_const",
         may_fail, nothing, [=](world& w) {
             const char* s = managed::kstrdup_const(owner(w), text.c_str());
             managed::kfree_const(owner(w), s);
             return from_pointer(s);
         }});
    all.push_back({"kstrndup devm_kstrndup drmm_kstrndup", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::kstrndup(owner(w), text.c_str(), 2000)); }});
    all.push_back({"kasprintf kvasprintf devm_kasprintf devm_kvasprintf drmm_kasprintf drmm_kvasprintf",
                   may_fail, nothing, [=](world& w) {
                       const char* s = F::kasprintf(owner(w), text.c_str(), 5);
                       EXPECT_TRUE(!s || (std::strlen(s) == text.size() + 2 && s[3001] == '5'));
                       return from_pointer(s);
                   }});
    all.push_back({"create devm_new drmm_new", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::template create<told_object>(owner(w))); }});
    all.push_back({"destroy devm_delete drmm_delete", works, with_object,
                   [=](world& w) { return F::destroy(owner(w), static_cast<told_object*>(w.p)); }});
    all.push_back({"open_group devm_open_group drmm_open_group", may_fail, nothing,
                   [=](world& w) { return from_pointer(F::open_group(owner(w), nullptr)); }});
    all.push_back({"close_group devm_close_group drmm_close_group", works, with_group, [=](world& w) {
                       F::close_group(owner(w), w.p);
                       return 0;
                   }});
    all.push_back({"remove_group devm_remove_group drmm_remove_group", works, with_group, [=](world& w) {
                       F::remove_group(owner(w), w.p);
                       return 0;
                   }});
    all.push_back({"release_group devm_release_group drmm_release_group", works, with_group,
                   [=](world& w) { return F::release_group(owner(w), w.p) == 1 ? 0 : -ENOENT; }});
}

void add_core(std::vector<call>& all)
{
    using enum without_memory;
    const auto nothing = [](world&) {};
    static int wanted = of_the_call;
    const auto raw = [] {
        void* res = devres_alloc(&release_raw, sizeof(mark));
        if (res)
            *static_cast<mark*>(res) = call_mark;
        return res;
    };
    const auto with_raw = [=](world& w) { w.p = raw(); };
    const auto added_raw = [=](world& w) {
        w.p = raw();
        devres_add(&w.own.devres, w.p);
    };

    all.push_back({"devres_alloc", may_fail, nothing, [=](world& w) { return from_pointer(w.p = raw()); },
                   [](world& w) { devres_free(w.p); }});
    all.push_back({"devres_free", works, with_raw, [](world& w) {
                       devres_free(w.p);
                       return 0;
                   }});
    all.push_back({"devres_add", works, with_raw, [](world& w) {
                       devres_add(&w.own.devres, w.p);
                       return 0;
                   }});
    all.push_back({"devres_find", works, added_raw, [](world& w) {
                       return devres_find(&w.own.devres, &release_raw, &has_number, &wanted) == w.p ? 0
                                                                                                    : -ENOENT;
                   }});
    all.push_back({"devres_get", works, with_raw, [](world& w) {
                       return devres_get(&w.own.devres, w.p, &has_number, &wanted) == w.p ? 0 : -ENOENT;
                   }});
    all.push_back({"devres_remove", works, added_raw, [](world& w) {
                       void* res = devres_remove(&w.own.devres, &release_raw);
                       devres_free(res);
                       return res == w.p ? 0 : -ENOENT;
                   }});
    all.push_back({"devres_destroy", works, added_raw,
                   [](world& w) { return devres_destroy(&w.own.devres, &release_raw); }});
    all.push_back({"devres_release", works, added_raw,
                   [](world& w) { return devres_release(&w.own.devres, &release_raw); }});
    all.push_back({"devres_for_each_res", works, added_raw, [](world& w) {
                       int seen = 0;
                       devres_for_each_res(
                           &w.own.devres, &release_raw, nullptr, nullptr,
                           [](devres_head*, void*, void* n) { ++*static_cast<int*>(n); }, &seen);
                       return seen == 1 ? 0 : -ENOENT;
                   }});
    all.push_back({"devres_release_all", works, added_raw, [](world&) {
                       session other;
                       static mark m{of_the_call};
                       const int there = managed::add_action(&other, &tell, &m) == 0 ? 1 : 0;
                       return devres_release_all(&other.devres) == there ? 0 : -ENOENT;
                   }});
    all.push_back({"devres_head devres_drain", works, added_raw, [](world&) {
                       session other;
                       return devres_drain(&other.devres) == 0 ? 0 : -ENOENT;
                   }});
    all.push_back({"devres_open_group", may_fail, nothing,
                   [](world& w) { return from_pointer(devres_open_group(&w.own.devres, nullptr)); }});
    const auto with_group = [](world& w) { w.p = devres_open_group(&w.own.devres, nullptr); };
    all.push_back({"devres_close_group", works, with_group, [](world& w) {
                       devres_close_group(&w.own.devres, w.p);
                       return 0;
                   }});
    all.push_back({"devres_remove_group", works, with_group, [](world& w) {
                       devres_remove_group(&w.own.devres, w.p);
                       return 0;
                   }});
    all.push_back({"devres_release_group", works, with_group,
                   [](world& w) { return devres_release_group(&w.own.devres, w.p); }});
    all.push_back({"devres_group_scope commit", may_fail, nothing, [](world& w) {
                       devres_group_scope scope(&w.own);
                       const bool opened = static_cast<bool>(scope);
                       scope.commit();
                       scope.commit();
                       return opened ? 0 : -ENOMEM;
                   }});
    const auto with_node = [](world& w) {
        devres_node_init(&w.node, [](devres_head*, devres_node*) { released.add(of_the_call); });
    };
    const auto added_node = [=](world& w) {
        with_node(w);
        devres_node_add(&w.own.devres, &w.node);
    };
    all.push_back({"devres_node_init devres_node_add", works, nothing, [=](world& w) {
                       added_node(w);
                       return 0;
                   }});
    all.push_back({"devres_node_remove", works, added_node,
                   [](world& w) { return devres_node_remove(&w.own.devres, &w.node) ? 0 : -ENOENT; }});
    all.push_back({"devres_node_release", works, added_node,
                   [](world& w) { return devres_node_release(&w.own.devres, &w.node); }});
    const auto with_callable = [](world& w) {
        EXPECT_EQ(0, managed::add_action(&w.own, told_callable{&call_mark}, &w.handle));
    };
    all.push_back({"devres_action cancel", works, with_callable, [](world& w) { return w.handle.cancel(); }});
    all.push_back({"run", works, with_callable, [](world& w) { return w.handle.run(); }});
    all.push_back({"container_of", works, nothing, [](world& w) {
                       return container_of<&session::devres>(&w.own.devres) == &w.own ? 0 : -EINVAL;
                   }});
    all.push_back({"devres_set_warn_handler devres_warn_count", works, nothing, [](world& w) {
                       const auto before = devres_set_warn_handler([](const char*) {});
                       const std::size_t count = devres_warn_count();
                       managed::kfree(&w.own, &wanted); // a WARN, without memory
                       devres_set_warn_handler(before);
                       return devres_warn_count() == count + 1 ? 0 : -EINVAL;
                   }});
    all.push_back({"devres_set_log", works, with_callable, [](world& w) {
                       static int events_seen = 0;
                       events_seen = 0;
                       const auto before = devres_set_log([](const char*, devres_head*, const char*,
                                                             const char*, std::size_t) { ++events_seen; });
                       EXPECT_EQ(0, w.handle.run());
                       devres_set_log(before);
                       return events_seen == 1 ? 0 : -EINVAL;
                   }});
    all.push_back(
        {"devres_set_wait_warning devres_owner_kind devres_owner_name", works, nothing, [](world& w) {
             devres_set_wait_warning(devres_set_wait_warning(5000));
             const bool named = std::strcmp(devres_owner_kind(&w.own.devres), "session") == 0 &&
                                std::strcmp(devres_owner_name(&w.own.devres), "session-7") == 0;
             return named ? 0 : -EINVAL;
         }});
    const auto with_object = [](world& w) { w.object.emplace(5); };
    all.push_back({"try_access try_access_with get detach is_revoked revocable_guard revocable revoke", works,
                   with_object, [](world& w) {
                       {
                           auto guard = w.object->try_access();
                           EXPECT_EQ(5, guard.get()->value);
                           auto detached = guard.detach();
                           EXPECT_EQ(5, w.object->try_access_with([](guarded_object& o) { return o.value; }));
                       }
                       EXPECT_FALSE(w.object->is_revoked());
                       EXPECT_TRUE(w.object->revoke());
                       return w.object->is_revoked() ? 0 : -EINVAL;
                   }});
}

int always(const bound_device&)
{
    return 0;
}
constexpr device_driver bare{"bare", &always, nullptr};

void add_device(std::vector<call>& all)
{
    using enum without_memory;
    const auto nothing = [](world&) {};
    all.push_back({"device_create", may_fail, nothing,
                   [](world& w) {
                       device* made = w.second_dev = device_create("second", w.parent);
                       return made && dev_name(made) != std::string_view("second") ? -EINVAL
                                                                                   : from_pointer(made);
                   },
                   [](world& w) { device_unregister(w.second_dev); }});
    all.push_back({"device", works, nothing, [](world& w) { // without memory for its name it has none
                       const device own("own", w.parent);
                       return dev_name(&own) ? 0 : -EINVAL;
                   }});
    all.push_back(
        {"device_initialize device_add device_register device_del device_unregister get_device put_device "
         "dev_name dev_set_drvdata dev_get_drvdata dev_driver",
         works, [](world& w) { w.second_dev = device_create("second", w.parent); },
         [](world& w) {
             device* dev = std::exchange(w.second_dev, nullptr);
             device_initialize(dev);
             EXPECT_EQ(0, device_add(dev));
             EXPECT_EQ(0, device_register(dev));
             dev_set_drvdata(dev, &w);
             EXPECT_EQ(&w, dev_get_drvdata(dev));
             EXPECT_STREQ("second", dev_name(dev));
             EXPECT_EQ(nullptr, dev_driver(dev));
             put_device(get_device(dev));
             EXPECT_EQ(0, device_del(dev));
             return device_unregister(dev);
         }});
    all.push_back({"device_unregister_tree", works,
                   [](world& w) { w.second_dev = device_create("second", w.parent); },
                   [](world& w) { return device_unregister_tree(std::exchange(w.second_dev, nullptr)); }});
    all.push_back({"device_driver_attach", may_fail,
                   [](world& w) { w.second_dev = device_create("second", w.parent); },
                   [](world& w) {
                       const int err = device_driver_attach(&bare, w.second_dev);
                       EXPECT_EQ(err ? nullptr : &bare, dev_driver(w.second_dev));
                       return err;
                   },
                   [](world& w) { device_unregister(w.second_dev); }});
    all.push_back({"device_release_driver", works,
                   [](world& w) {
                       w.second_dev = device_create("second", w.parent);
                       EXPECT_EQ(0, device_driver_attach(&bare, w.second_dev));
                   },
                   [](world& w) { return device_release_driver(w.second_dev); },
                   [](world& w) { device_unregister(w.second_dev); }});

    // Inside a probe, where the proof of binding is.
    const auto probing = [](world& w, std::function<int(const bound_device&)> body) {
        auto* dev = static_cast<heap_device*>(w.second_dev);
        return dev->bind(std::move(body));
    };
    const auto make = [](world& w) { w.second_dev = heap_device::make("second", w.parent); };
    const auto end = [](world& w) { device_unregister(w.second_dev); };
    all.push_back({"devres_ptr create", may_fail, make,
                   [=](world& w) {
                       return probing(w, [&w](const bound_device& b) {
                           const int err = pointer::create(b, &w.ptr, 5);
                           EXPECT_EQ(!err, static_cast<bool>(w.ptr));
                           return err;
                       });
                   },
                   end});
    const auto with_pointer = [=](world& w) {
        make(w);
        EXPECT_EQ(0, probing(w, [&w](const bound_device& b) { return pointer::create(b, &w.ptr, 5); }));
    };
    all.push_back({"try_access try_access_with device is_revoked reset", works, with_pointer,
                   [](world& w) {
                       pointer copy = w.ptr;
                       EXPECT_EQ(w.second_dev, copy.device());
                       EXPECT_EQ(5, copy.try_access_with([](guarded_object& o) { return o.value; }));
                       copy.reset();
                       w.ptr.reset();
                       return w.ptr.is_revoked() ? 0 : -EINVAL;
                   },
                   end});
    all.push_back({"revoke access", works, with_pointer,
                   [](world& w) {
                       EXPECT_TRUE(w.ptr.revoke());
                       return w.ptr.is_revoked() ? 0 : -EINVAL;
                   },
                   end});
    all.push_back({"devm_drm_dev_alloc", may_fail, make,
                   [=](world& w) {
                       return probing(w, [](const bound_device& b) {
                           return from_pointer(devm_drm_dev_alloc<drm_device>(b, &driver));
                       });
                   },
                   end});
    all.push_back({"create_owned_by_device", may_fail, make,
                   [=](world& w) {
                       return probing(w, [&w](const bound_device& b) {
                           w.second_drm = devm_drm_dev_alloc<drm_device>(b, &driver);
                           return w.second_drm ? drm_registration::create_owned_by_device(b, w.second_drm)
                                               : -ENOMEM;
                       });
                   },
                   end});
}

void add_drm(std::vector<call>& all)
{
    using enum without_memory;
    const auto nothing = [](world&) {};
    const auto make = [](world& w) { w.second_drm = drm_dev_alloc(&driver, w.parent); };
    const auto put = [](world& w) { drm_dev_put(w.second_drm); };
    all.push_back({"drm_dev_alloc", may_fail, nothing,
                   [=](world& w) {
                       make(w);
                       return from_pointer(w.second_drm);
                   },
                   put});
    all.push_back({"drm_device drm_dev_init drm_dev_get drm_dev_put drmm_add_final_kfree", works, nothing,
                   [](world& w) {
                       drm_device own;
                       EXPECT_EQ(0, drm_dev_init(&own, &driver, w.parent));
                       drm_dev_put(drm_dev_get(&own));
                       EXPECT_EQ(0, drmm_add_final_kfree(&own, &own, sizeof own, [](void*) {}));
                       drm_dev_put(&own);
                       return 0;
                   }});
    all.push_back({"drm_dev_register drm_dev_unregister drm_dev_unplug drm_dev_is_unplugged", works, make,
                   [](world& w) {
                       EXPECT_EQ(0, drm_dev_register(w.second_drm));
                       drm_dev_unregister(w.second_drm);
                       EXPECT_FALSE(drm_dev_is_unplugged(w.second_drm));
                       EXPECT_EQ(0, drm_dev_unplug(w.second_drm));
                       return drm_dev_is_unplugged(w.second_drm) ? 0 : -EINVAL;
                   },
                   put});
    all.push_back({"drm_open", may_fail, nothing, [](world& w) { return drm_open(w.drm, &w.second_file); },
                   [](world& w) { drm_close(w.second_file); }});
    all.push_back({"drm_close drm_ioctl", works,
                   [](world& w) { EXPECT_EQ(0, drm_open(w.drm, &w.second_file)); },
                   [](world& w) {
                       EXPECT_EQ(7, drm_ioctl(w.second_file, 0, nullptr));
                       EXPECT_EQ(8, drm_ioctl(w.second_file, 1, nullptr));
                       drm_close(std::exchange(w.second_file, nullptr));
                       return 0;
                   }});
    all.push_back({"drm_wait_event drm_wake_up drm_dev_enter drm_dev_exit drm_dev_guard device detach", works,
                   nothing, [](world& w) {
                       int idx = -1;
                       EXPECT_TRUE(drm_dev_enter(w.drm, &idx));
                       drm_wake_up(w.drm);
                       EXPECT_EQ(0, drm_wait_event(w.drm, [] { return true; }));
                       drm_dev_exit(idx);
                       drm_dev_guard guard(w.drm);
                       EXPECT_EQ(w.drm, guard.device());
                       const drm_dev_guard detached = guard.detach();
                       return detached ? 0 : -EINVAL;
                   }});
    static pthread_mutex_t mutex;
    static std::mutex plain;
    all.push_back({"drmm_mutex_init", may_fail, nothing, [](world& w) {
                       EXPECT_EQ(0, drmm_mutex_init(w.drm, &plain));
                       return drmm_mutex_init(w.drm, &mutex);
                   }});
    all.push_back({"drm_registration create device", works, make,
                   [](world& w) {
                       const int err = drm_registration::create(w.second_drm, &w.registration);
                       EXPECT_EQ(w.second_drm, w.registration.device());
                       w.registration = {};
                       return err;
                   },
                   put});
}

// A file descriptor that was given back is not open any more.
bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) != -1;
}

void add_posix(std::vector<call>& all)
{
    using enum without_memory;
    const auto nothing = [](world&) {};
    static int fds[2];
    all.push_back({"adopt_fd", may_fail, [](world&) { ASSERT_EQ(0, pipe(fds)); },
                   [](world& w) {
                       const int fd = managed::adopt_fd(&w.own, fds[0], &w.handle);
                       EXPECT_EQ(fd >= 0, is_open(fds[0])) << "it is closed if it cannot be kept";
                       return fd < 0 ? fd : w.handle.run();
                   },
                   [](world&) { close(fds[1]); }});
    all.push_back(
        {"eventfd", may_fail, nothing, [](world& w) { return std::min(0, managed::eventfd(&w.own)); }});
    all.push_back({"timerfd", may_fail, nothing,
                   [](world& w) { return std::min(0, managed::timerfd(&w.own, CLOCK_MONOTONIC)); }});
    all.push_back({"signalfd", may_fail, nothing, [](world& w) {
                       sigset_t signals;
                       sigemptyset(&signals);
                       sigaddset(&signals, SIGUSR2);
                       return std::min(0, managed::signalfd(&w.own, &signals));
                   }});
    all.push_back({"epoll", may_fail, nothing, [](world& w) { return std::min(0, managed::epoll(&w.own)); }});
    static int watching;
    all.push_back({"epoll_add", may_fail,
                   [](world& w) {
                       watching = managed::epoll(&w.own);
                       ASSERT_EQ(0, pipe(fds));
                   },
                   [](world& w) {
                       const int err = managed::epoll_add(&w.own, watching, fds[0], EPOLLIN, nullptr);
                       epoll_event none{};
                       EXPECT_EQ(err ? -1 : 0, epoll_ctl(watching, EPOLL_CTL_MOD, fds[0], &none))
                           << "it is watched if, and only if, that was promised";
                       return err;
                   },
                   [](world&) {
                       close(fds[0]);
                       close(fds[1]);
                   }});
    all.push_back({"map", may_fail, nothing, [](world& w) {
                       void* memory = &w;
                       const int err =
                           managed::map(&w.own, &memory, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
                       EXPECT_EQ(err != 0, memory == &w) << "set on success only";
                       return err;
                   }});
    all.push_back({"module", may_fail, nothing, [](world& w) {
                       void* module = &w;
                       const int err = managed::module(&w.own, &module, "libm.so.6", RTLD_NOW);
                       EXPECT_EQ(err != 0, module == &w) << "set on success only";
                       return err == -ELIBACC ? -ENOMEM
                                              : err; // the dynamic linker had no memory, and said so
                   }});
    static std::unique_ptr<mark, void (*)(mark*)> adopted(nullptr, &tell);
    all.push_back({"adopt", may_fail, [](world&) { adopted.reset(&call_mark); },
                   [](world& w) {
                       const int err = managed::adopt(&w.own, std::move(adopted));
                       EXPECT_EQ(err != 0, adopted != nullptr) << "on failure it is as it was";
                       return err;
                   },
                   [](world&) { (void)adopted.release(); }});
    const auto body = [](const devres_stop& stop) {
        char byte = 0;
        EXPECT_FALSE(stop.requested() && stop.fd() < 0);
        EXPECT_EQ(-ECANCELED, stop.wait_readable(fds[0]));
        EXPECT_EQ(-ECANCELED, stop.read(fds[0], &byte, 1));
    };
    static devres_thread* worker;
    all.push_back({"thread stop_thread requested fd wait_readable read", may_fail,
                   [](world&) { ASSERT_EQ(0, pipe(fds)); },
                   [=](world& w) {
                       const int err = managed::thread(&w.own, body, "worker", &worker);
                       if (!err) {
                           EXPECT_EQ(0, managed::stop_thread(&w.own, worker));
                       }
                       return err == -EAGAIN ? -ENOMEM : err; // pthread_create says so when it has no memory
                   },
                   [](world&) {
                       close(fds[0]);
                       close(fds[1]);
                   }});
}

void add_dump(std::vector<call>& all)
{
    using enum without_memory;
    // Without memory it says how many there are, and no more.
    static std::array<char, 4096> text;
    static std::size_t length;
    const auto write = [](void*, const char* piece, std::size_t bytes) {
        ASSERT_GE(text.size(), length + bytes);
        std::memcpy(text.data() + length, piece, bytes);
        length += bytes;
    };
    const auto names_the_owner = [] {
        return std::string_view(text.data(), length).find("session-7") != std::string_view::npos;
    };
    const auto begin = [](world&) { length = 0; };
    all.push_back({"devres_dump", works, begin, [=](world& w) {
                       devres_dump(&w.own, write, nullptr);
                       devres_dump(&w.own, write, nullptr, devres_format::json);
                       return names_the_owner() ? 0 : -EINVAL;
                   }});
    static std::optional<devres_listed> listed;
    all.push_back({"devres_listed begin devres_dump_all end", works, begin, [=](world& w) {
                       listed.emplace();
                       listed->begin(&w.own.devres);
                       devres_dump_all(write, nullptr);
                       listed->end();
                       return names_the_owner() ? 0 : -EINVAL;
                   }});
}

std::vector<call> table()
{
    std::vector<call> all;
    add_core(all);
    add_family<session_family, session>(all, [](world& w) { return &w.own; });
    add_family<device_family, device>(all, [](world& w) -> device* { return w.dev; });
    add_family<drm_family, drm_family::owner>(all, [](world& w) { return w.drm; });
    add_device(all);
    add_drm(all);
    add_posix(all);
    add_dump(all);
    return all;
}

// --- The loops ---------------------------------------------------------------------------------------------

enum class source { upstream, malloc };

// Returns: whether an allocation failed.
bool run_once(const call& c, source from, bool once, std::size_t nth)
{
    SCOPED_TRACE(std::string(c.functions) + (from == source::malloc ? ": malloc " : ": upstream ") +
                 (once ? "only allocation " : "from allocation ") + std::to_string(nth));
    std::optional<test_upstream> upstream;
    if (from == source::upstream)
        upstream.emplace();
    warn_capture warns;
    const long blocks = mallocs::live_blocks();
    std::size_t failures = 0;
    {
        world w(upstream ? &*upstream : nullptr);
        c.prepare(w);
        const std::size_t listed = w.listed();
        if (upstream)
            once ? upstream->fail_once(nth) : upstream->fail_from(nth);
        else
            once ? mallocs::fail_once(nth) : mallocs::fail_from(nth);
        const int err = c.run(w);
        failures = upstream ? upstream->failures() : mallocs::fail_no_more();
        if (upstream)
            upstream->fail_no_more();
        if (failures == 0 || c.expected == without_memory::works) {
            EXPECT_EQ(0, err);
        } else if (err) {
            EXPECT_EQ(-ENOMEM, err);
            EXPECT_EQ(listed, w.listed()) << "something was left on a list";
        }
        released.count = 0;
        world::expect_usable(&w.own);
        world::expect_usable(static_cast<device*>(w.dev));
        world::expect_usable(static_cast<drm_device*>(w.drm));
        if (c.tidy)
            c.tidy(w);
        w.end();
    }
    if (!upstream) {
        EXPECT_EQ(blocks, mallocs::live_blocks()) << "blocks were not freed";
    }
    return failures != 0;
}

TEST(FaultTest, EveryPublicFunctionSurvivesEveryFailedAllocation) // C3, C7, C8, A1 to A9, D2, M4, V1, X2
{
    run_once(table().front(), source::malloc, true, 0); // whatever is allocated once in a process
    std::size_t loops = 0;
    std::size_t failed = 0;
    for (const call& c : table())
        for (const source from : {source::upstream, source::malloc})
            for (const bool once : {true, false}) {
                std::size_t nth = 0;
                while (run_once(c, from, once, nth) && !testing::Test::HasFailure())
                    ++nth;
                ++loops;
                failed += nth;
                ASSERT_FALSE(testing::Test::HasFailure());
            }
    EXPECT_LT(400u, loops);
    EXPECT_LT(200u, failed) << "hardly any allocation failed";
}

struct member_with_gate {
    detail::gate own;
    detail::binding_member member{own, [](detail::binding_member*) noexcept {},
                                  [](detail::binding_member*) noexcept {}};
};

TEST(FaultTest, ABindingTakesMembersWithoutMemoryForTheirTable) // V3
{
    device dev("dev");
    auto* bound = new detail::binding(&dev);
    std::array<member_with_gate, 20> members;
    mallocs::fail_from(0);
    for (member_with_gate& m : members)
        EXPECT_TRUE(bound->add_member(&m.member));
    EXPECT_LT(0u, mallocs::fail_no_more());
    bound->close();
    for (member_with_gate& m : members) {
        EXPECT_TRUE(m.own.is_closed());
        bound->remove_member(&m.member);
    }
    EXPECT_FALSE(bound->end());
    bound->put();
}

} // namespace
} // namespace devres::test
