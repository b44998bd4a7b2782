// SPDX-License-Identifier: MIT
//
// The fixture of the tests of the raw core: a head in an owner of no particular kind, and resources that
// leave a trace.
#pragma once

#include <deque>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <devres/devres.h>

#include "support/event_log.h"
#include "support/head_checker.h"
#include "support/upstream.h"
#include "support/warn_capture.h"

namespace devres::test {

struct bench_owner {
    explicit bench_owner(std::pmr::memory_resource* upstream = nullptr) : devres(&ops, upstream) {}
    ~bench_owner() { devres_drain(&devres); }

    static const char* name(devres_head*) { return "bench-1"; }
    static constexpr devres_owner_ops ops{"bench", &name};

    devres_head devres;
};

// A raw resource: whom to tell, and a number to match by.
struct item {
    event_log* log;
    int number;

    static void release(devres_head*, void* res) { tell(res, "release "); }
    static void release_other(devres_head*, void* res) { tell(res, "other "); }
    static bool has_number(devres_head*, void* res, void* wanted)
    {
        return static_cast<item*>(res)->number == *static_cast<int*>(wanted);
    }
    static bool never(devres_head*, void*, void*) { return false; }

private:
    static void tell(void* res, const char* what)
    {
        auto* self = static_cast<item*>(res);
        self->log->add(what + std::to_string(self->number));
    }
};

struct node_item : devres_node {
    node_item(event_log* l, std::string n) : log(l), name(std::move(n))
    {
        devres_node_init(this, &release, "node item");
    }
    event_log* log;
    std::string name;
    static void release(devres_head*, devres_node* node)
    {
        auto* self = static_cast<node_item*>(node);
        self->log->add(self->name);
    }
};

class core_fixture : public ::testing::Test {
public:
    ~core_fixture() override { checked_count(owner.devres); }

    item* make(int number, dr_release_t release = &item::release)
    {
        void* res = devres_alloc(release, sizeof(item), GFP_KERNEL, "item");
        EXPECT_TRUE(res);
        return new (res) item{&log, number};
    }
    item* add(int number, dr_release_t release = &item::release)
    {
        item* i = make(number, release);
        devres_add(head, i);
        return i;
    }
    std::size_t listed() { return checked_count(owner.devres); }

    test_upstream upstream;
    warn_capture warnings;
    event_log log;
    bench_owner owner{&upstream};
    devres_head* const head = &owner.devres;
};

} // namespace devres::test
