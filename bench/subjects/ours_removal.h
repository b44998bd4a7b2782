// SPDX-License-Identifier: MIT
//
// The library in the removal workloads: by pointer, by (action, data), by handle and by node.
#pragma once

#include "subjects/ours.h"

#include <cstddef>
#include <memory>
#include <vector>

namespace bench {

template <class Owner>
struct ours_removal : Owner {
    static constexpr bool scans = false;

    void reserve(std::size_t) noexcept {}
    void release_all() noexcept { devres::devres_release_all(this->head()); }
};

template <class Owner>
struct ours_kfree : ours_removal<Owner> {
    using key = void*;

    key add(cell*, std::size_t) noexcept
    {
        void* p = this->kmalloc(64);
        require(p != nullptr);
        return p;
    }
    void remove(key p) noexcept { this->kfree(p); }
};

template <class Owner>
struct ours_remove_action : ours_removal<Owner> {
    using key = cell*;

    key add(cell* c, std::size_t) noexcept
    {
        require(this->add_action(fire, c) == 0);
        return c;
    }
    void remove(key c) noexcept { require(this->Owner::remove_action(fire, c) == 0); }
};

template <class Owner>
struct ours_release_action : ours_remove_action<Owner> {
    void remove(cell* c) noexcept { this->Owner::release_action(fire, c); }
};

// A callable with a handle, kept in the caller's table.
struct devm_handle : ours_removal<devm_owner> {
    using key = devres::devres_action*;

    std::vector<devres::devres_action> handles;

    void reserve(std::size_t n) { handles.resize(n); }
    key add(cell* c, std::size_t slot)
    {
        key handle = &handles[slot];
        require(devres::devm_add_action(
                    &dev, [c] { fire(c); }, handle) == 0);
        return handle;
    }
    void release_all() noexcept
    {
        devres::devres_release_all(head());
        for (devres::devres_action& handle : handles)
            handle = {};
    }
};

struct devm_handle_cancel : devm_handle {
    static constexpr const char* name = "devm_handle_cancel";

    void remove(key handle) noexcept { require(handle->cancel() == 0); }
};

struct devm_handle_run : devm_handle {
    static constexpr const char* name = "devm_handle_run";

    void remove(key handle) noexcept { require(handle->run() == 0); }
};

// Nodes in the caller's memory: the library allocates nothing.
struct devm_node_base : ours_removal<devm_owner> {
    struct resource {
        devres::devres_node node;
        cell* c = nullptr;
    };
    using key = resource*;

    std::unique_ptr<resource[]> nodes;

    ~devm_node_base() { devres::devres_drain(head()); }

    static void on_release(devres::devres_head*, devres::devres_node* node)
    {
        fire(devres::container_of<&resource::node>(node)->c);
    }

    void reserve(std::size_t n)
    {
        nodes = std::make_unique<resource[]>(n);
        for (std::size_t i = 0; i < n; ++i)
            devres::devres_node_init(&nodes[i].node, on_release, "bench");
    }
    key add(cell* c, std::size_t slot) noexcept
    {
        key r = &nodes[slot];
        r->c = c;
        devres::devres_node_add(head(), &r->node);
        return r;
    }
};

struct devm_node_remove : devm_node_base {
    static constexpr const char* name = "devm_node_remove";

    void remove(key r) noexcept { require(devres::devres_node_remove(head(), &r->node)); }
};

struct devm_node_release : devm_node_base {
    static constexpr const char* name = "devm_node_release";

    void remove(key r) noexcept { require(devres::devres_node_release(head(), &r->node) == 0); }
};

// An object by its address; its destructor is what an action is elsewhere.
struct devm_delete : ours_removal<devm_owner> {
    static constexpr const char* name = "devm_delete";

    struct object {
        explicit object(cell* of) noexcept : c(of) {}
        object(const object&) = delete;
        object& operator=(const object&) = delete;
        ~object() { fire(c); }
        cell* c;
    };
    using key = object*;

    key add(cell* c, std::size_t) noexcept
    {
        auto* made = devres::devm_new<object>(&dev, c);
        require(made != nullptr);
        return made;
    }
    void remove(key made) noexcept { require(devres::devm_delete(&dev, made) == 0); }
};

struct devm_kfree : ours_kfree<devm_owner> {
    static constexpr const char* name = "devm_kfree";
};
struct drmm_kfree : ours_kfree<drmm_owner> {
    static constexpr const char* name = "drmm_kfree";
};
struct managed_kfree : ours_kfree<managed_owner> {
    static constexpr const char* name = "managed_kfree";
};
struct devm_remove_action : ours_remove_action<devm_owner> {
    static constexpr const char* name = "devm_remove_action";
};
struct drmm_remove_action : ours_remove_action<drmm_owner> {
    static constexpr const char* name = "drmm_remove_action";
};
struct devm_release_action : ours_release_action<devm_owner> {
    static constexpr const char* name = "devm_release_action";
};
struct drmm_release_action : ours_release_action<drmm_owner> {
    static constexpr const char* name = "drmm_release_action";
};

} // namespace bench
