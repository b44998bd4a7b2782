// SPDX-License-Identifier: MIT
//
// Brings about the numbers that operations on a head could grow with.
#include "growth/head.h"

using namespace devres;

namespace bench::growth {

namespace {

void release_nothing(devres_head*, void*) {}

// An action, a block of memory and a resource in two steps, in turn.
void add_resource(owner& o, std::size_t i, cell* c)
{
    switch (i % 3) {
    case 0:
        require(managed::add_action(&o, fire, c) == 0);
        break;
    case 1:
        require(managed::kmalloc(&o, 64) != nullptr);
        break;
    default:
        void* res = devres_alloc(release_nothing, 16);
        require(res != nullptr);
        devres_add(&o.devres, res);
    }
}

void fill_resources(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i)
        add_resource(w.subject, i, &w.filling[i]);
}

void fill_groups(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        void* group = devres_open_group(w.head(), nullptr);
        require(group != nullptr);
        add_resource(w.subject, i, &w.filling[i]);
        devres_close_group(w.head(), group);
    }
}

void fill_open_groups(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        require(devres_open_group(w.head(), nullptr) != nullptr);
        add_resource(w.subject, i, &w.filling[i]);
    }
}

void fill_equal_pairs(world& w, std::size_t n)
{
    w.equal = true;
    for (std::size_t i = 0; i < n; ++i)
        require(managed::add_action(&w.subject, fire, w.target(0)) == 0);
}

void fill_large_blocks(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i)
        require(managed::kmalloc(&w.subject, 16 * 1024) != nullptr);
}

void fill_owners(world& w, std::size_t n)
{
    for (std::size_t i = 0; i < n; ++i) {
        w.others.push_back(std::make_unique<owner>());
        for (std::size_t a = 0; a < 3; ++a)
            add_resource(*w.others.back(), a, &w.filling[i]);
    }
    add_resource(w.subject, 0, &w.filling[0]);
}

void add(const char* group, const char* operation, const char* number, int allowed,
         void (*fill)(world&, std::size_t), void (*run)(world&, counting&))
{
    add_case({group, operation, number, allowed, {100, 1000, 10000}, [=](std::size_t n, counting& count) {
                  world w;
                  w.filling = std::vector<cell>(n);
                  fill(w, n);
                  run(w, count);
              }});
}

} // namespace

void add_head_rows(const char* group, std::initializer_list<head_row> rows)
{
    for (const head_row& row : rows) {
        add(group, row.operation, "resources", row.resources, fill_resources, row.run);
        add(group, row.operation, "groups", row.groups, fill_groups, row.run);
        add(group, row.operation, "open groups", row.open_groups, fill_open_groups, row.run);
        add(group, row.operation, "equal pairs", row.equal_pairs, fill_equal_pairs, row.run);
        add(group, row.operation, "large blocks", row.large_blocks, fill_large_blocks, row.run);
        add(group, row.operation, "owners", row.owners, fill_owners, row.run);
    }
}

} // namespace bench::growth
