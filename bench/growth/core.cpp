// SPDX-License-Identifier: MIT
//
// Growth of <devres/devres.h>: resources in two steps, release of everything, groups, nodes.
#include "growth/head.h"

#include <array>

using namespace devres;

namespace bench::growth {

namespace {

void release_target(devres_head*, void*) {}
void release_other(devres_head*, void*) {}

using targets = std::array<void*, repeat>;

targets allocate()
{
    targets made;
    for (void*& res : made) {
        res = devres_alloc(release_target, 16);
        require(res != nullptr);
    }
    return made;
}

targets allocate_and_add(world& w)
{
    const targets made = allocate();
    for (void* res : made)
        devres_add(w.head(), res);
    return made;
}

void alloc_and_free(world&, counting& count)
{
    count(repeat, [] {
        for (std::size_t i = 0; i < repeat; ++i)
            devres_free(devres_alloc(release_target, 16));
    });
}

void add(world& w, counting& count)
{
    const targets made = allocate();
    count(repeat, [&] {
        for (void* res : made)
            devres_add(w.head(), res);
    });
}

void find_newest(world& w, counting& count)
{
    allocate_and_add(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devres_find(w.head(), release_target) != nullptr);
    });
}

void find_missing(world& w, counting& count)
{
    count(1, [&] { require(devres_find(w.head(), release_target) == nullptr); });
}

void get_newest(world& w, counting& count)
{
    allocate_and_add(w);
    const targets extra = allocate();
    count(repeat, [&] {
        for (void* res : extra)
            require(devres_get(w.head(), res) != res);
    });
}

void get_new(world& w, counting& count)
{
    void* res = devres_alloc(release_target, 16);
    count(1, [&] { require(devres_get(w.head(), res) == res); });
}

void remove_newest(world& w, counting& count)
{
    const targets made = allocate_and_add(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devres_remove(w.head(), release_target) != nullptr);
    });
    for (void* res : made)
        devres_free(res);
}

void destroy_newest(world& w, counting& count)
{
    allocate_and_add(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devres_destroy(w.head(), release_target) == 0);
    });
}

void release_newest(world& w, counting& count)
{
    allocate_and_add(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devres_release(w.head(), release_target) == 0);
    });
}

void for_each_res(world& w, counting& count)
{
    count(1, [&] {
        devres_for_each_res(
            w.head(), release_other, nullptr, nullptr, [](devres_head*, void*, void*) {}, nullptr);
    });
}

void release_all(world& w, counting& count)
{
    count(1, [&] { devres_release_all(w.head()); });
}

void drain(world& w, counting& count)
{
    count(1, [&] { devres_drain(w.head()); });
}

// --- Groups ------------------------------------------------------------------------------------------------

using ids = std::array<void*, repeat>;

ids open_all(world& w)
{
    ids opened;
    for (void*& id : opened) {
        id = devres_open_group(w.head(), nullptr);
        require(id != nullptr);
        require(managed::add_action(&w.subject, fire, w.target(0)) == 0);
    }
    return opened;
}

void open_group(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(devres_open_group(w.head(), nullptr) != nullptr);
    });
}

void close_newest_group(world& w, counting& count)
{
    const ids opened = open_all(w);
    count(repeat, [&] {
        for (std::size_t i = repeat; i-- > 0;)
            devres_close_group(w.head(), opened[i]);
    });
}

void close_newest_open_group(world& w, counting& count)
{
    open_all(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            devres_close_group(w.head(), nullptr);
    });
}

void remove_newest_group(world& w, counting& count)
{
    const ids opened = open_all(w);
    count(repeat, [&] {
        for (std::size_t i = repeat; i-- > 0;)
            devres_remove_group(w.head(), opened[i]);
    });
}

void release_newest_group(world& w, counting& count)
{
    const ids opened = open_all(w);
    count(repeat, [&] {
        for (std::size_t i = repeat; i-- > 0;)
            require(devres_release_group(w.head(), opened[i]) == 1);
    });
}

// --- Nodes -------------------------------------------------------------------------------------------------

using nodes = std::array<devres_node, repeat>;

void release_node(devres_head*, devres_node*) {}

void node_add(world& w, counting& count)
{
    nodes all;
    for (devres_node& node : all)
        devres_node_init(&node, release_node);
    count(repeat, [&] {
        for (devres_node& node : all)
            devres_node_add(w.head(), &node);
    });
    for (devres_node& node : all)
        require(devres_node_remove(w.head(), &node));
}

void node_remove(world& w, counting& count)
{
    nodes all;
    for (devres_node& node : all) {
        devres_node_init(&node, release_node);
        devres_node_add(w.head(), &node);
    }
    count(repeat, [&] {
        for (devres_node& node : all)
            require(devres_node_remove(w.head(), &node));
    });
}

void node_release(world& w, counting& count)
{
    nodes all;
    for (devres_node& node : all) {
        devres_node_init(&node, release_node);
        devres_node_add(w.head(), &node);
    }
    count(repeat, [&] {
        for (devres_node& node : all)
            require(devres_node_release(w.head(), &node) == 0);
    });
}

// --- A head of its own -------------------------------------------------------------------------------------

void life_of_an_owner(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            owner small;
            require(managed::add_action(&small, fire, w.target(i)) == 0);
        }
    });
}

constexpr head_row looks_through(const char* operation, void (*run)(world&, counting&))
{
    return {.operation = operation,
            .run = run,
            .resources = through,
            .groups = through,
            .open_groups = through,
            .large_blocks = through};
}

constexpr head_row releases_each(const char* operation, void (*run)(world&, counting&))
{
    return {.operation = operation,
            .run = run,
            .resources = each,
            .groups = each,
            .open_groups = each,
            .equal_pairs = each,
            .large_blocks = each};
}

const bool registered = [] {
    add_head_rows("core", {
                              {"devres_alloc, devres_free", alloc_and_free},
                              {"devres_add", add},
                              {"devres_find, the newest", find_newest},
                              looks_through("devres_find, none", find_missing),
                              {"devres_get, the newest", get_newest},
                              looks_through("devres_get, a new one", get_new),
                              {"devres_remove, the newest", remove_newest},
                              {"devres_destroy, the newest", destroy_newest},
                              {"devres_release, the newest", release_newest},
                              looks_through("devres_for_each_res", for_each_res),
                              releases_each("devres_release_all", release_all),
                              releases_each("devres_drain", drain),
                              {"devres_open_group", open_group},
                              {"devres_close_group, the newest by id", close_newest_group},
                              {"devres_close_group, the newest open", close_newest_open_group},
                              {"devres_remove_group, the newest", remove_newest_group},
                              {"devres_release_group, the newest", release_newest_group},
                              {"devres_node_add", node_add},
                              {"devres_node_remove", node_remove},
                              {"devres_node_release", node_release},
                              {"an owner with one action, from construction to end", life_of_an_owner},
                          });
    return true;
}();

} // namespace

} // namespace bench::growth
