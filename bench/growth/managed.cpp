// SPDX-License-Identifier: MIT
//
// Growth of <devres/managed.h>: actions, memory, objects, callables with handles.
#include "growth/head.h"

#include <array>

using namespace devres;

namespace bench::growth {

namespace {

// --- Actions -----------------------------------------------------------------------------------------------

void add_targets(world& w)
{
    for (std::size_t i = 0; i < repeat; ++i)
        require(managed::add_action(&w.subject, fire, w.target(i)) == 0);
}

// The first removals by pair may build an index of everything, which is a case of its own. They go oldest
// first, so that it is not enough to look at the newest resources.
void add_targets_with_index(world& w)
{
    for (int round = 0; round < 3; ++round) {
        add_targets(w);
        for (std::size_t i = 0; i < repeat; ++i)
            require(managed::remove_action_nowarn(&w.subject, fire, w.target(i)) == 0);
    }
    cell nobodys;
    for (int part = 0; part < 5; ++part) // each of these makes a part of the index, up to its end
        require(managed::remove_action_nowarn(&w.subject, fire, &nobodys) == -ENOENT);
    add_targets(w);
}

void add_action(world& w, counting& count)
{
    count(repeat, [&] { add_targets(w); });
}

void add_action_with_index(world& w, counting& count)
{
    add_targets_with_index(w);
    count(repeat, [&] { add_targets(w); });
}

void remove_action(world& w, counting& count)
{
    add_targets_with_index(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(managed::remove_action_nowarn(&w.subject, fire, w.target(i)) == 0);
    });
}

void release_action(world& w, counting& count)
{
    add_targets_with_index(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            managed::release_action(&w.subject, fire, w.target(i));
    });
}

void is_action_added(world& w, counting& count)
{
    add_targets_with_index(w);
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(managed::is_action_added(&w.subject, fire, w.target(i)));
    });
}

void is_action_added_no(world& w, counting& count)
{
    add_targets_with_index(w);
    cell nobodys;
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(!managed::is_action_added(&w.subject, fire, &nobodys));
    });
}

// The first removal of a head, which nothing has been prepared for.
void first_remove_action(world& w, counting& count)
{
    require(managed::add_action(&w.subject, fire, w.target(0)) == 0);
    count(1, [&] { require(managed::remove_action_nowarn(&w.subject, fire, w.target(0)) == 0); });
}

void first_remove_oldest(world& w, counting& count)
{
    count(1, [&] { require(managed::remove_action_nowarn(&w.subject, fire, &w.filling[0]) == 0); });
}

void first_remove_missing(world& w, counting& count)
{
    cell nobodys;
    count(1, [&] { require(managed::remove_action_nowarn(&w.subject, fire, &nobodys) == -ENOENT); });
}

// --- Memory ------------------------------------------------------------------------------------------------

using blocks = std::array<void*, repeat>;

blocks allocate(world& w, std::size_t size)
{
    blocks all;
    for (void*& p : all) {
        p = managed::kmalloc(&w.subject, size);
        require(p != nullptr);
    }
    return all;
}

// The first ones freed by pointer may mark or index everything, which is a case of its own.
void free_some(world& w, std::size_t size)
{
    for (int round = 0; round < 3; ++round)
        for (void* p : allocate(w, size))
            managed::kfree(&w.subject, p);
}

template <std::size_t size>
void kmalloc(world& w, counting& count)
{
    count(repeat, [&] { allocate(w, size); });
}

template <std::size_t size>
void kfree(world& w, counting& count)
{
    const blocks all = allocate(w, size);
    free_some(w, size);
    count(repeat, [&] {
        for (void* p : all)
            managed::kfree(&w.subject, p);
    });
}

template <std::size_t size>
void first_kfree(world& w, counting& count)
{
    void* p = managed::kmalloc(&w.subject, size);
    require(p != nullptr);
    count(1, [&] { managed::kfree(&w.subject, p); });
}

template <std::size_t from, std::size_t to>
void krealloc(world& w, counting& count)
{
    blocks all = allocate(w, from);
    free_some(w, from);
    count(repeat, [&] {
        for (void*& p : all) {
            p = managed::krealloc(&w.subject, p, to);
            require(p != nullptr);
        }
    });
}

void copies(world& w, counting& count)
{
    count(3 * repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i) {
            require(managed::kmemdup(&w.subject, "abcdefg", 8) != nullptr);
            require(managed::kstrdup(&w.subject, "abcdefg") != nullptr);
            require(managed::kasprintf(&w.subject, "%s", "abcdefg") != nullptr);
        }
    });
}

// --- Objects -----------------------------------------------------------------------------------------------

struct object {
    explicit object(cell* of) noexcept : c(of) {}
    object(const object&) = delete;
    object& operator=(const object&) = delete;
    ~object() { fire(c); }
    cell* c;
};

void create(world& w, counting& count)
{
    count(repeat, [&] {
        for (std::size_t i = 0; i < repeat; ++i)
            require(managed::create<object>(&w.subject, w.target(i)) != nullptr);
    });
}

void destroy(world& w, counting& count)
{
    std::array<object*, repeat> all;
    for (object*& o : all) {
        o = managed::create<object>(&w.subject, w.target(0));
        require(o != nullptr);
    }
    free_some(w, sizeof(object));
    count(repeat, [&] {
        for (object* o : all)
            require(managed::destroy(&w.subject, o) == 0);
    });
}

// --- Callables ---------------------------------------------------------------------------------------------

using handles = std::array<devres_action, repeat>;

void add_callables(world& w, handles& all)
{
    for (devres_action& handle : all) {
        cell* c = w.target(0);
        require(managed::add_action(
                    &w.subject, [c] { fire(c); }, &handle) == 0);
    }
}

void add_callable(world& w, counting& count)
{
    handles all;
    count(repeat, [&] { add_callables(w, all); });
}

void cancel(world& w, counting& count)
{
    handles all;
    add_callables(w, all);
    count(repeat, [&] {
        for (devres_action& handle : all)
            require(handle.cancel() == 0);
    });
}

void run(world& w, counting& count)
{
    handles all;
    add_callables(w, all);
    count(repeat, [&] {
        for (devres_action& handle : all)
            require(handle.run() == 0);
    });
}

void drop_handle(world& w, counting& count)
{
    handles all;
    add_callables(w, all);
    count(repeat, [&] {
        for (devres_action& handle : all)
            handle = devres_action();
    });
}

void drop_handle_after_release(world& w, counting& count)
{
    handles all;
    add_callables(w, all);
    devres_release_all(w.head());
    all[0] = devres_action(); // may mark everything, as the first kfree may
    // Without the last one, which may give the memory of the whole pass back.
    count(repeat - 2, [&] {
        for (std::size_t i = 1; i < repeat - 1; ++i)
            all[i] = devres_action();
    });
}

// A row about actions is measured with equal pairs, too.
constexpr head_row of_pairs(const char* operation, void (*run)(world&, counting&))
{
    return {.operation = operation, .run = run, .equal_pairs = constant};
}

constexpr head_row first_time(const char* operation, void (*run)(world&, counting&))
{
    return {.operation = operation,
            .run = run,
            .resources = through,
            .groups = through,
            .open_groups = through,
            .equal_pairs = through,
            .large_blocks = through};
}

const bool registered = [] {
    add_head_rows("managed",
                  {
                      of_pairs("add_action", add_action),
                      of_pairs("add_action, after a removal", add_action_with_index),
                      of_pairs("remove_action", remove_action),
                      of_pairs("release_action", release_action),
                      of_pairs("is_action_added, yes", is_action_added),
                      of_pairs("is_action_added, no", is_action_added_no),
                      first_time("remove_action, the head's first", first_remove_action),
                      first_time("remove_action, the head's first, none such", first_remove_missing),
                      {.operation = "remove_action, the head's first, the oldest",
                       .run = first_remove_oldest,
                       .resources = through,
                       .groups = through,
                       .open_groups = through,
                       .large_blocks = skip},
                  });
    add_head_rows("memory", {
                                {"kmalloc", kmalloc<64>},
                                {"kmalloc of 16 KiB", kmalloc<16384>},
                                {"kfree", kfree<64>},
                                {"kfree of 16 KiB", kfree<16384>},
                                first_time("kfree, the head's first", first_kfree<64>),
                                first_time("kfree of 16 KiB, the head's first", first_kfree<16384>),
                                {"krealloc in place", krealloc<50, 60>},
                                {"krealloc that moves", krealloc<50, 500>},
                                {"krealloc to 16 KiB", krealloc<50, 16384>},
                                {"kmemdup, kstrdup, kasprintf", copies},
                            });
    add_head_rows("objects", {
                                 {"create", create},
                                 {"destroy", destroy},
                                 {"add_action of a callable, with a handle", add_callable},
                                 {"devres_action::cancel", cancel},
                                 {"devres_action::run", run},
                                 {"devres_action dropped", drop_handle},
                                 {"devres_action dropped after the release", drop_handle_after_release},
                             });
    return true;
}();

} // namespace

} // namespace bench::growth
