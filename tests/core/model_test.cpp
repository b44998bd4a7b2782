// SPDX-License-Identifier: MIT
//
// Thousands of random operations, each compared with a model that is a plain vector: C1, C6 to C11, A3 to
// A6, A9, G1 to G6. The list is walked after each step. Each run has another seed.
#include <algorithm>
#include <cstring>
#include <random>

#include "core/core_test.h"
#include "support/seed.h"

#include <devres/managed.h>

using namespace devres;
using namespace devres::test;

namespace {

enum class kind { raw, other_raw, node, action, callable, memory, object, open, close };

struct entry {
    kind what;
    int number;            // of a resource; of a group, the same for both markers
    void* where = nullptr; // the resource, or the group's id
    std::size_t size = 0;
};

// What the list must look like, oldest first.
class model {
public:
    std::vector<entry> list;

    std::size_t size() const { return list.size(); }

    // Index of the newest that `wanted` accepts, or -1.
    template <class Wanted>
    std::ptrdiff_t newest(Wanted wanted) const
    {
        for (auto i = static_cast<std::ptrdiff_t>(list.size()) - 1; i >= 0; --i) {
            if (wanted(list[static_cast<std::size_t>(i)]))
                return i;
        }
        return -1;
    }

    entry take(std::ptrdiff_t at)
    {
        const entry e = list[static_cast<std::size_t>(at)];
        list.erase(list.begin() + at);
        return e;
    }

    bool is_closed(int group) const
    {
        return newest([group](const entry& e) { return e.what == kind::close && e.number == group; }) >= 0;
    }

    // G2: by id the newest group, by null the newest open one; the index of its opening marker, or -1.
    std::ptrdiff_t find_group(const void* id) const
    {
        return newest([this, id](const entry& e) {
            return e.what == kind::open && (id ? e.where == id : !is_closed(e.number));
        });
    }

    void drop_group(int group)
    {
        std::erase_if(list, [group](const entry& e) {
            return (e.what == kind::open || e.what == kind::close) && e.number == group;
        });
    }

    // G5. Returns: what is released, in order.
    std::vector<entry> release_group(std::ptrdiff_t opened)
    {
        const int group = list[static_cast<std::size_t>(opened)].number;
        auto first = static_cast<std::size_t>(opened);
        std::size_t last = list.size() - 1;
        for (std::size_t i = 0; i < list.size(); ++i) {
            if (list[i].what == kind::close && list[i].number == group)
                last = i;
        }
        std::vector<int> inside;
        for (std::size_t i = first; i <= last; ++i) {
            const entry& e = list[i];
            if (e.what != kind::open)
                continue;
            const bool ends_outside =
                is_closed(e.number) &&
                std::none_of(list.begin() + static_cast<std::ptrdiff_t>(i),
                             list.begin() + static_cast<std::ptrdiff_t>(last) + 1,
                             [&e](const entry& c) { return c.what == kind::close && c.number == e.number; });
            if (!ends_outside)
                inside.push_back(e.number);
        }
        std::vector<entry> released;
        std::vector<entry> kept;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const bool marker = list[i].what == kind::open || list[i].what == kind::close;
            if (!marker && i > first && i <= last)
                released.insert(released.begin(), list[i]);
            else
                kept.push_back(list[i]);
        }
        list = std::move(kept);
        for (const int g : inside)
            drop_group(g);
        return released;
    }

    std::vector<entry> release_all()
    {
        std::vector<entry> released;
        for (const entry& e : list) {
            if (e.what != kind::open && e.what != kind::close)
                released.insert(released.begin(), e);
        }
        list.clear();
        return released;
    }
};

struct number_data {
    event_log* log;
    int number;
};
void tell_action(number_data* d)
{
    d->log->add("action " + std::to_string(d->number));
}
struct tell_object {
    event_log* log;
    int number;
    tell_object(event_log* l, int n) : log(l), number(n) {}
    ~tell_object() { log->add("object " + std::to_string(number)); }
    tell_object(const tell_object&) = delete;
    tell_object& operator=(const tell_object&) = delete;
};

// Drives library and model side by side.
class ModelTest : public core_fixture, public ::testing::WithParamInterface<unsigned> {
public:
    static constexpr int equal_pairs = 5; // numbers that actions share

    events told(const std::vector<entry>& released)
    {
        events out;
        for (const entry& e : released) {
            switch (e.what) {
            case kind::raw:
                out.push_back("release " + std::to_string(e.number));
                break;
            case kind::other_raw:
                out.push_back("other " + std::to_string(e.number));
                break;
            case kind::node:
                out.push_back("node " + std::to_string(e.number));
                break;
            case kind::action:
                out.push_back("action " + std::to_string(e.number));
                break;
            case kind::callable:
                out.push_back("callable " + std::to_string(e.number));
                break;
            case kind::object:
                out.push_back("object " + std::to_string(e.number));
                break;
            default:
                break;
            }
        }
        return out;
    }
    events told(const entry& e) { return told(std::vector<entry>{e}); }

    std::size_t pick(std::size_t n) { return random() % n; }

    void* some_id() { return pick(4) ? static_cast<void*>(&ids[pick(3)]) : nullptr; }

    // The index of a random entry of that kind, or -1.
    std::ptrdiff_t some(kind what)
    {
        std::vector<std::ptrdiff_t> all;
        for (std::size_t i = 0; i < m.list.size(); ++i) {
            if (m.list[i].what == what)
                all.push_back(static_cast<std::ptrdiff_t>(i));
        }
        return all.empty() ? -1 : all[pick(all.size())];
    }

    static void fill(const entry& e) { std::memset(e.where, e.number & 0xff, e.size); }
    static void expect_filled(const entry& e)
    {
        const auto* bytes = static_cast<const unsigned char*>(e.where);
        for (const std::size_t at : {std::size_t{0}, e.size / 2, e.size - 1})
            ASSERT_EQ(e.number & 0xff, bytes[at]);
    }
    std::size_t some_size() { return pick(20) == 0 ? 5000 + pick(60000) : 1 + pick(300); }

    void attach()
    {
        const int number = next_number++;
        switch (pick(7)) {
        case 0:
            m.list.push_back({kind::raw, number % 7, add(number % 7)});
            break;
        case 1:
            m.list.push_back({kind::other_raw, number % 7, add(number % 7, &item::release_other)});
            break;
        case 2: {
            auto* node = &nodes.emplace_back(&log, "node " + std::to_string(number));
            devres_node_add(head, node);
            m.list.push_back({kind::node, number, node});
            break;
        }
        case 3: {
            const int shared = number % equal_pairs;
            ASSERT_EQ(0, managed::add_action(&owner, &tell_action, &pairs[shared]));
            m.list.push_back({kind::action, shared});
            break;
        }
        case 4: {
            auto* handle = &handles.emplace_back();
            ASSERT_EQ(0,
                      managed::add_action(
                          &owner, [this, number] { log.add("callable " + std::to_string(number)); }, handle));
            m.list.push_back({kind::callable, number, handle});
            break;
        }
        case 5: {
            const std::size_t size = some_size();
            void* p = managed::kmalloc(&owner, size);
            ASSERT_TRUE(p);
            m.list.push_back({kind::memory, number, p, size});
            fill(m.list.back());
            break;
        }
        default: {
            auto* object = managed::create<tell_object>(&owner, &log, number);
            ASSERT_TRUE(object);
            m.list.push_back({kind::object, number, object});
            break;
        }
        }
    }

    void find_raw()
    {
        const bool other = pick(2);
        const dr_release_t release = other ? &item::release_other : &item::release;
        const kind what = other ? kind::other_raw : kind::raw;
        int wanted = static_cast<int>(pick(7));
        const dr_match_t match = pick(3) ? &item::has_number : nullptr;
        const std::ptrdiff_t at =
            m.newest([&](const entry& e) { return e.what == what && (!match || e.number == wanted); });
        void* expected = at < 0 ? nullptr : m.list[static_cast<std::size_t>(at)].where;
        switch (pick(6)) {
        case 0:
            ASSERT_EQ(expected, devres_find(head, release, match, &wanted));
            break;
        case 1: {
            void* res = devres_remove(head, release, match, &wanted);
            ASSERT_EQ(expected, res);
            devres_free(res);
            if (at >= 0)
                m.take(at);
            break;
        }
        case 2:
            ASSERT_EQ(at < 0 ? -ENOENT : 0, devres_destroy(head, release, match, &wanted));
            if (at >= 0)
                m.take(at);
            break;
        case 3:
            ASSERT_EQ(at < 0 ? -ENOENT : 0, devres_release(head, release, match, &wanted));
            if (at >= 0) {
                ASSERT_EQ(told(m.take(at)), log.take());
            }
            break;
        case 4: {
            item* fresh = make(wanted, release);
            void* got = devres_get(head, fresh, match, &wanted);
            ASSERT_EQ(at < 0 ? fresh : expected, got);
            if (at < 0)
                m.list.push_back({what, wanted, fresh});
            break;
        }
        default: {
            std::vector<void*> seen;
            devres_for_each_res(
                head, release, match, &wanted,
                [](devres_head*, void* res, void* data) {
                    static_cast<std::vector<void*>*>(data)->push_back(res);
                },
                &seen);
            std::vector<void*> all;
            for (const entry& e : m.list) {
                if (e.what == what && (!match || e.number == wanted))
                    all.insert(all.begin(), e.where);
            }
            ASSERT_EQ(all, seen);
            break;
        }
        }
    }

    void remove_one()
    {
        switch (pick(5)) {
        case 0: {
            const std::ptrdiff_t at = some(kind::node);
            if (at < 0)
                break;
            const entry e = m.take(at);
            auto* node = static_cast<node_item*>(e.where);
            if (pick(2)) {
                ASSERT_TRUE(devres_node_remove(head, node));
            } else {
                ASSERT_EQ(0, devres_node_release(head, node));
                ASSERT_EQ(told(e), log.take());
            }
            ASSERT_FALSE(devres_node_remove(head, node));
            break;
        }
        case 1: {
            const int shared = static_cast<int>(pick(equal_pairs));
            const std::ptrdiff_t at =
                m.newest([shared](const entry& e) { return e.what == kind::action && e.number == shared; });
            number_data* data = &pairs[shared];
            ASSERT_EQ(at >= 0, managed::is_action_added(&owner, &tell_action, data));
            const bool release = pick(2);
            const int err = release ? managed::release_action(&owner, &tell_action, data)
                                    : managed::remove_action(&owner, &tell_action, data);
            ASSERT_EQ(at < 0 ? -ENOENT : 0, err);
            ASSERT_EQ(at < 0 ? 1u : 0u, warnings.take().size());
            if (at >= 0) {
                const entry e = m.take(at);
                ASSERT_EQ(release ? told(e) : events{}, log.take());
            }
            break;
        }
        case 2: {
            const std::ptrdiff_t at = some(kind::callable);
            if (at < 0)
                break;
            const entry e = m.take(at);
            auto* handle = static_cast<devres_action*>(e.where);
            const bool run = pick(2);
            ASSERT_EQ(0, run ? handle->run() : handle->cancel());
            ASSERT_EQ(run ? told(e) : events{}, log.take());
            break;
        }
        case 3: {
            const std::ptrdiff_t at = some(kind::memory);
            if (at < 0)
                break;
            entry& e = m.list[static_cast<std::size_t>(at)];
            ASSERT_NO_FATAL_FAILURE(expect_filled(e));
            if (pick(2)) {
                managed::kfree(&owner, e.where);
                m.take(at);
                break;
            }
            const std::size_t size = some_size();
            void* p = managed::krealloc(&owner, e.where, size);
            ASSERT_TRUE(p);
            const std::size_t kept = std::min(size, e.size);
            ASSERT_EQ(std::string(kept, static_cast<char>(e.number & 0xff)),
                      std::string(static_cast<const char*>(p), kept));
            e.where = p; // and its place stays
            e.size = size;
            fill(e);
            break;
        }
        default: {
            const std::ptrdiff_t at = some(kind::object);
            if (at < 0)
                break;
            const entry e = m.take(at);
            ASSERT_EQ(0, managed::destroy(&owner, static_cast<tell_object*>(e.where)));
            ASSERT_EQ(told(e), log.take());
            break;
        }
        }
    }

    void group()
    {
        void* id = some_id();
        const std::ptrdiff_t at = m.find_group(id);
        switch (pick(7)) {
        case 0:
        case 1:
        case 2: {
            void* opened = devres_open_group(head, id);
            ASSERT_TRUE(opened);
            ASSERT_TRUE(!id || opened == id);
            m.list.push_back({kind::open, next_number++, opened});
            break;
        }
        case 3:
        case 4: {
            devres_close_group(head, id);
            const bool fails = at < 0 || m.is_closed(m.list[static_cast<std::size_t>(at)].number);
            ASSERT_EQ(fails ? 1u : 0u, warnings.take().size());
            if (!fails)
                m.list.push_back({kind::close, m.list[static_cast<std::size_t>(at)].number});
            break;
        }
        case 5:
            devres_remove_group(head, id);
            ASSERT_EQ(at < 0 ? 1u : 0u, warnings.take().size());
            if (at >= 0)
                m.drop_group(m.list[static_cast<std::size_t>(at)].number);
            break;
        default: {
            const bool silent = at >= 0 || m.list.empty();
            const std::vector<entry> released = at < 0 ? std::vector<entry>{} : m.release_group(at);
            ASSERT_EQ(static_cast<int>(released.size()), devres_release_group(head, id));
            ASSERT_EQ(told(released), log.take());
            ASSERT_EQ(silent ? 0u : 1u, warnings.take().size());
            break;
        }
        }
    }

    void everything()
    {
        const std::vector<entry> released = m.release_all();
        ASSERT_EQ(static_cast<int>(released.size()), devres_release_all(head));
        ASSERT_EQ(told(released), log.take());
    }

    // The middle of the list is not looked at by most steps; this sees all of it.
    void expect_same_raw_order()
    {
        for (const kind what : {kind::raw, kind::other_raw}) {
            std::vector<void*> expected;
            for (const entry& e : m.list) {
                if (e.what == what)
                    expected.insert(expected.begin(), e.where);
            }
            std::vector<void*> seen;
            devres_for_each_res(
                head, what == kind::raw ? &item::release : &item::release_other, nullptr, nullptr,
                [](devres_head*, void* res, void* data) {
                    static_cast<std::vector<void*>*>(data)->push_back(res);
                },
                &seen);
            ASSERT_EQ(expected, seen);
        }
    }

    void step_once(unsigned attach_bias)
    {
        const std::size_t dice = pick(100);
        if (dice < attach_bias)
            attach();
        else if (dice < 65)
            find_raw();
        else if (dice < 82)
            remove_one();
        else if (dice < 99 || pick(6))
            group();
        else
            everything();
    }

    ~ModelTest() override
    {
        devres_drain(head); // before the nodes go
    }

    int ids[3] = {};
    number_data pairs[equal_pairs] = {{&log, 0}, {&log, 1}, {&log, 2}, {&log, 3}, {&log, 4}};
    std::deque<node_item> nodes;
    std::deque<devres_action> handles;
    std::mt19937 random{seed() + GetParam()};
    int next_number = 0;
    model m;
};

TEST_P(ModelTest, BehavesLikeAVector)
{
    const unsigned attach_bias = 25 + GetParam() % 3 * 15; // lists that stay short, and lists that grow
    for (int i = 0; i < 1500; ++i) {
        SCOPED_TRACE("step " + std::to_string(i));
        ASSERT_NO_FATAL_FAILURE(step_once(attach_bias));
        ASSERT_EQ(m.size(), listed());
        if (i % 50 == 0) {
            ASSERT_NO_FATAL_FAILURE(expect_same_raw_order());
        }
    }
    ASSERT_NO_FATAL_FAILURE(everything());
    for (devres_action& handle : handles)
        EXPECT_EQ(-ENOENT, handle.cancel());
}

INSTANTIATE_TEST_SUITE_P(Run, ModelTest, ::testing::Range(1u, 13u));

} // namespace
