// SPDX-License-Identifier: MIT

#include "fuzz/sequence.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>

#include "support/head_checker.h"
#include "support/session.h"

namespace devres::fuzz {
namespace {

// --- The model of a head -----------------------------------------------------------------------------------

enum class kind {
    raw,
    other_raw,
    node,
    action,
    callable,
    memory,
    object,
    container,
    registration,
    open,
    close
};
constexpr const char* kind_names[] = {"raw",    "other_raw", "node",         "action", "callable", "memory",
                                      "object", "container", "registration", "open",   "close"};

struct record;

struct entry {
    kind what;
    int number; // of the record; of an action, its key; of a group, the same for both markers
    record* rec = nullptr;
    void* where = nullptr; // memory, or a group's id
    std::size_t size = 0;

    bool is_marker() const { return what == kind::open || what == kind::close; }
};

struct head_model {
    std::vector<entry> list; // oldest first

    template <class Wanted>
    std::ptrdiff_t newest(Wanted wanted) const
    {
        for (auto i = std::ssize(list) - 1; i >= 0; --i)
            if (wanted(list[static_cast<std::size_t>(i)]))
                return i;
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
    // G2
    std::ptrdiff_t find_group(const void* id) const
    {
        return newest([this, id](const entry& e) {
            return e.what == kind::open && (id ? e.where == id : !is_closed(e.number));
        });
    }
    void drop_group(int group)
    {
        std::erase_if(list, [group](const entry& e) { return e.is_marker() && e.number == group; });
    }
    // G5. Returns: what is released, in order.
    std::deque<entry> release_group(std::ptrdiff_t opened)
    {
        const int group = list[static_cast<std::size_t>(opened)].number;
        const auto first = static_cast<std::size_t>(opened);
        std::size_t last = list.size() - 1;
        for (std::size_t i = 0; i != list.size(); ++i)
            if (list[i].what == kind::close && list[i].number == group)
                last = i;
        std::vector<int> inside;
        for (std::size_t i = first; i <= last; ++i) {
            if (list[i].what != kind::open)
                continue;
            const auto end = std::find_if(list.begin(), list.end(), [&](const entry& c) {
                return c.what == kind::close && c.number == list[i].number;
            });
            if (end == list.end() || static_cast<std::size_t>(end - list.begin()) <= last)
                inside.push_back(list[i].number);
        }
        std::deque<entry> released;
        std::vector<entry> kept;
        for (std::size_t i = 0; i != list.size(); ++i) {
            if (!list[i].is_marker() && i > first && i <= last)
                released.push_front(list[i]);
            else
                kept.push_back(list[i]);
        }
        list = std::move(kept);
        for (const int g : inside)
            drop_group(g);
        return released;
    }
    std::deque<entry> take_all()
    {
        std::deque<entry> all;
        for (const entry& e : std::exchange(list, {}))
            if (!e.is_marker())
                all.push_front(e);
        return all;
    }
};

// What is being released: a call on the stack that still has some to do.
struct work {
    head_model* head;
    std::deque<entry> pending;
    bool drains = false;
    bool whole = false; // `pending` is all that was on the list
    int passes = 0;
    bool count_unknown = false; // a drain inside has done a part of it, or a container could not go
};

// --- The machine -------------------------------------------------------------------------------------------

class machine;
machine* current = nullptr;

struct payload {
    explicit payload(record* r) : rec(r) {}
    ~payload();
    payload(const payload&) = delete;
    payload& operator=(const payload&) = delete;
    record* rec;
    std::array<unsigned, 4> alive{1, 2, 3, 4};
};
using pointer = devres_ptr<payload>;

// What the test has of a resource; stays where it is to the end.
struct record : devres_node {
    int number = 0;
    head_model* head = nullptr;
    devres_action handle;
    payload* object = nullptr;
    pointer container;
    bool destroyed = false; // the container's T
};

struct key {
    int number;
};

void act(key* k);
void release_raw(devres_head*, void* res);
void release_other(devres_head*, void* res);
bool has_number(devres_head*, void* res, void* number)
{
    return (*static_cast<record**>(res))->number == *static_cast<int*>(number);
}

struct fuzzed_device : device {
    fuzzed_device();
};
struct fuzzed_drm : drm_device {
    ~fuzzed_drm();
};
extern const device_driver the_driver;
extern const drm_driver the_drm_driver;

struct open_file {
    drm_file* file;
    bool dead = false;
    bool unmapped = false;
    int busy = 0; // calls that are under way with it
    int opened_in = 0;
};

struct held_guard {
    int level;
    record* rec = nullptr; // a container's; else a section's
    pointer::guard guard;
    std::unique_ptr<drm_dev_guard> section;
};

class machine {
public:
    machine(std::span<const unsigned char> program, bool print) : program_(program), print_(print)
    {
        current = this;
        handler_ = devres_set_warn_handler([](const char* message) {
            current->say("// WARN: %s", message);
            ++current->warns;
        });
    }
    ~machine()
    {
        finish();
        devres_set_warn_handler(handler_);
        current = nullptr;
    }
    machine(const machine&) = delete;
    machine& operator=(const machine&) = delete;

    void run()
    {
        make_session();
        make_device();
        make_drm();
        while (more())
            operation();
    }

    // --- What goes wrong, and what is said ---

    [[noreturn]] [[gnu::format(printf, 2, 3)]] void fail(const char* format, ...)
    {
        std::va_list args;
        va_start(args, format);
        std::fputs("not as in the model: ", stderr);
        std::vfprintf(stderr, format, args);
        std::fputc('\n', stderr);
        va_end(args);
        std::abort();
    }
    [[gnu::format(printf, 2, 3)]] void say(const char* format, ...)
    {
        if (!print_)
            return;
        std::fprintf(stderr, "%*s", 4 * level, "");
        std::va_list args;
        va_start(args, format);
        std::vfprintf(stderr, format, args);
        va_end(args);
        std::fputc('\n', stderr);
    }
    void expect(long wanted, long got, const char* what)
    {
        if (wanted != got)
            fail("%s gave %ld instead of %ld", what, got, wanted);
    }

    // --- Releasing ---

    // Does what needs no callback, up to the next resource that has one.
    void advance(work& w)
    {
        for (;;) {
            while (!w.pending.empty()) {
                entry& e = w.pending.front();
                if (e.what == kind::container && has_guard(e.rec) && w.head == dev.get() && !closing) {
                    park(w);
                } else if (e.what == kind::container && e.rec->destroyed) {
                } else if (e.what == kind::registration && has_section()) {
                    park(w);
                } else if (e.what == kind::registration) {
                    end_registration();
                } else if (e.what != kind::memory) {
                    return;
                }
                w.pending.pop_front();
            }
            if (!w.drains || !refill(w))
                return;
        }
    }

    // The first of `w` cannot go while this thread is inside: it leaves the list until unbind, or until
    // somebody ends it.
    void park(work& w)
    {
        ++expected_warns;
        parked.push_back(w.pending.front());
        w.count_unknown = true;
    }

    // What a drain does next: what is on the list, or what another pass of this thread has pending, the inner
    // ones first. The list is newer than what a pass over everything has taken from it; a pass over a part of
    // it is finished first.
    bool refill(work& w)
    {
        const auto pending = std::find_if(works.rbegin(), works.rend(), [&w](const work* other) {
            return other != &w && other->head == w.head && !other->pending.empty();
        });
        work* outer = pending == works.rend() ? nullptr : *pending;
        if (!w.head->list.empty() && (!outer || outer->whole)) {
            w.pending = w.head->take_all();
            w.whole = true;
            ++w.passes;
            return true;
        }
        if (!outer)
            return false;
        w.pending.swap(outer->pending);
        w.whole = outer->whole;
        outer->count_unknown = true;
        return true;
    }

    // A resource of `head` is being released, or its T destroyed.
    void released(head_model* head, kind what, int number)
    {
        if (works.empty() || works.back()->head != head)
            fail("%s %d is released, and nobody has asked for that", kind_names[static_cast<int>(what)],
                 number);
        work& w = *works.back();
        advance(w);
        if (w.pending.empty() || w.pending.front().what != what || w.pending.front().number != number)
            fail("%s %d is released instead of %s %d", kind_names[static_cast<int>(what)], number,
                 w.pending.empty() ? "nothing" : kind_names[static_cast<int>(w.pending.front().what)],
                 w.pending.empty() ? 0 : w.pending.front().number);
        if (what == kind::container)
            w.pending.front().rec->destroyed = true;
        w.pending.pop_front();
        say("// releases %s %d", kind_names[static_cast<int>(what)], number);
        nested();
    }

    // Calls `call`, which must release `pending` of the head. Returns: what it returned.
    template <class Call>
    int releasing(head_model* head, std::deque<entry> pending, bool drains, Call call, bool whole = false)
    {
        work w{head, std::move(pending), drains, whole};
        if (drains)
            refill(w);
        works.push_back(&w);
        const int result = call();
        advance(w);
        if (!w.pending.empty())
            fail("%s %d was not released", kind_names[static_cast<int>(w.pending.front().what)],
                 w.pending.front().number);
        works.pop_back();
        count_is_known = !w.count_unknown;
        return result;
    }

    bool is_releasing(const head_model* head) const
    {
        return std::any_of(works.begin(), works.end(), [head](const work* w) { return w->head == head; });
    }
    bool goes_on_for_long() const
    {
        return std::any_of(works.begin(), works.end(), [](const work* w) { return w->passes > 40; });
    }

    // --- Inside callbacks and hooks ---

    void nested()
    {
        if (level >= 4)
            return;
        ++level;
        for (int n = pick(4); n > 0 && more(); --n)
            operation();
        end_guards(level);
        --level;
    }
    void end_guards(int from)
    {
        for (auto i = std::ssize(guards) - 1; i >= 0; --i)
            if (guards[static_cast<std::size_t>(i)].level >= from)
                guards.erase(guards.begin() + i);
    }
    bool has_guard(const record* rec) const
    {
        return std::any_of(guards.begin(), guards.end(), [rec](const held_guard& g) { return g.rec == rec; });
    }
    bool has_section() const
    {
        return in_guarded != 0 || std::any_of(guards.begin(), guards.end(),
                                              [](const held_guard& g) { return g.section != nullptr; });
    }
    bool has_container_guard() const
    {
        return std::any_of(guards.begin(), guards.end(),
                           [](const held_guard& g) { return g.rec != nullptr; });
    }
    // Unbind would wait for this thread.
    bool is_inside_binding() const { return bound && (has_container_guard() || (owned && has_section())); }

    // --- The bytes ---

    bool more() const { return at_ < program_.size(); }
    int pick(int n) { return more() ? program_[at_++] % n : 0; }

    // --- Operations ---

    void operation()
    {
        const std::size_t warns_before = warns;
        const std::size_t expected_before = std::exchange(expected_warns, 0);
        switch (pick(16)) {
        case 0:
        case 1:
        case 2:
        case 3:
            attach();
            break;
        case 4:
        case 5:
            remove_one();
            break;
        case 6:
            raw();
            break;
        case 7:
        case 8:
            group();
            break;
        case 9:
            everything();
            break;
        case 10:
        case 11:
            bind_or_unbind();
            break;
        case 12:
            container();
            break;
        case 13:
        case 14:
            drm_operation();
            break;
        default:
            odd();
            break;
        }
        // An operation inside has accounted for its own.
        if (warns - warns_before != expected_warns)
            fail("%zu WARNs instead of %zu", warns - warns_before, expected_warns);
        expected_warns += expected_before;
        check_lists();
    }

    void check_lists()
    {
        expect(std::ssize(own_model->list), static_cast<long>(test::checked_count(own->devres)),
               "the session's list");
        if (device_there && works.empty())
            expect(std::ssize(dev->list), static_cast<long>(test::checked_count(real_dev->devres)),
                   "the device's list");
        if (drm_there && works.empty())
            expect(std::ssize(drm->list), static_cast<long>(test::checked_count(real_drm->devres)),
                   "the drm's list");
    }

    // Calls f(model, owner) with one of the owners that are there.
    template <class F>
    void with_owner(F f)
    {
        const int which = pick(3);
        if (which == 1 && device_there) {
            name = "dev";
            f(dev.get(), static_cast<device*>(real_dev));
        } else if (which == 2 && drm_there) {
            name = "drm";
            f(drm.get(), static_cast<drm_device*>(real_drm));
        } else {
            name = "own";
            f(own_model.get(), own.get());
        }
    }

    record* make_record(head_model* head)
    {
        record* rec = &records.emplace_back();
        rec->number = next_number++;
        rec->head = head;
        return rec;
    }

    void attach()
    {
        if (goes_on_for_long())
            return;
        with_owner([this](head_model* head, auto* owner) {
            record* rec = make_record(head);
            switch (pick(7)) {
            case 0:
            case 1: {
                const bool other = pick(2) != 0;
                auto* res = static_cast<record**>(
                    devres_alloc(other ? &release_other : &release_raw,
                                 sizeof(record*) + static_cast<std::size_t>(pick(200))));
                *res = rec;
                rec->number %= 5;
                say("devres_add(%s, %s %d);", name, other ? "other_raw" : "raw", rec->number);
                devres_add(&owner->devres, res);
                head->list.push_back({other ? kind::other_raw : kind::raw, rec->number, rec, res});
                break;
            }
            case 2:
                say("devres_node_add(%s, node %d);", name, rec->number);
                devres_node_init(rec, [](devres_head*, devres_node* node) {
                    auto* r = static_cast<record*>(node);
                    current->released(r->head, kind::node, r->number);
                });
                devres_node_add(&owner->devres, rec);
                head->list.push_back({kind::node, rec->number, rec});
                break;
            case 3: {
                key* k = &keys[static_cast<std::size_t>(pick(3))];
                say("managed::add_action(%s, act, key %d);", name, k->number);
                expect(0, managed::add_action(owner, &act, k), "add_action");
                head->list.push_back({kind::action, k->number});
                break;
            }
            case 4:
                say("managed::add_action(%s, callable %d, &handle);", name, rec->number);
                expect(0,
                       managed::add_action(
                           owner, [rec] { current->released(rec->head, kind::callable, rec->number); },
                           &rec->handle),
                       "add_action");
                head->list.push_back({kind::callable, rec->number, rec});
                break;
            case 5: {
                const std::size_t size = some_size();
                void* p = managed::kmalloc(owner, size);
                say("p%d = managed::kmalloc(%s, %zu);", rec->number, name, size);
                if (!p)
                    fail("no memory");
                std::memset(p, rec->number & 0xff, size);
                head->list.push_back({kind::memory, rec->number, rec, p, size});
                break;
            }
            default:
                say("object%d = managed::create<T>(%s);", rec->number, name);
                rec->object = managed::create<payload>(owner, rec);
                head->list.push_back({kind::object, rec->number, rec});
                break;
            }
        });
    }

    std::size_t some_size()
    {
        const int n = pick(256);
        return static_cast<std::size_t>(n < 240 ? n + 1 : 1000 + (n - 240) * 1500);
    }

    // One of the newest that are of that kind; null if there is none.
    entry* some(head_model* head, kind what)
    {
        std::vector<entry*> all;
        for (auto e = head->list.rbegin(); e != head->list.rend() && all.size() < 8; ++e)
            if (e->what == what)
                all.push_back(&*e);
        return all.empty() ? nullptr : all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
    }
    entry take(head_model* head, const entry* e) { return head->take(e - head->list.data()); }

    void expect_filled(const entry& e)
    {
        const auto* p = static_cast<const unsigned char*>(e.where);
        for (const std::size_t i : {std::size_t{0}, e.size / 2, e.size - 1})
            expect(e.number & 0xff, p[i], "a byte of managed memory");
    }

    void remove_one()
    {
        with_owner([this](head_model* head, auto* owner) {
            const bool release = pick(2) != 0;
            switch (pick(5)) {
            case 0:
                if (entry* found = some(head, kind::node)) {
                    const entry e = take(head, found);
                    if (release) {
                        say("devres_node_release(%s, node %d);", name, e.number);
                        expect(0,
                               releasing(head, {e}, false,
                                         [&] { return devres_node_release(&owner->devres, e.rec); }),
                               "devres_node_release");
                    } else {
                        say("devres_node_remove(%s, node %d);", name, e.number);
                        expect(1, devres_node_remove(&owner->devres, e.rec), "devres_node_remove");
                        expect(0, devres_node_remove(&owner->devres, e.rec), "a second devres_node_remove");
                    }
                }
                break;
            case 1: {
                key* k = &keys[static_cast<std::size_t>(pick(3))];
                const auto at = head->newest(
                    [k](const entry& e) { return e.what == kind::action && e.number == k->number; });
                expect(at >= 0, managed::is_action_added(owner, &act, k), "is_action_added");
                say("managed::%s_action(%s, act, key %d);", release ? "release" : "remove", name, k->number);
                if (at < 0)
                    ++expected_warns;
                std::deque<entry> one;
                if (at >= 0)
                    one.push_back(head->take(at));
                const int err = release ? releasing(head, one, false,
                                                    [&] { return managed::release_action(owner, &act, k); })
                                        : managed::remove_action(owner, &act, k);
                expect(at < 0 ? -ENOENT : 0, err, "remove or release");
                break;
            }
            case 2:
                if (entry* found = some(head, kind::callable)) {
                    const entry e = take(head, found);
                    say("handle%d.%s();", e.number, release ? "run" : "cancel");
                    expect(0,
                           release ? releasing(head, {e}, false, [&] { return e.rec->handle.run(); })
                                   : e.rec->handle.cancel(),
                           "a handle");
                    expect(-ENOENT, e.rec->handle.cancel(), "a handle that was used");
                }
                break;
            case 3:
                if (entry* found = some(head, kind::memory)) {
                    expect_filled(*found);
                    if (release) {
                        const entry e = take(head, found);
                        say("managed::kfree(%s, p%d);", name, e.number);
                        managed::kfree(owner, e.where);
                    } else {
                        const std::size_t size = some_size();
                        say("p%d = managed::krealloc(%s, p%d, %zu);", found->number, name, found->number,
                            size);
                        found->where = managed::krealloc(owner, found->where, size);
                        found->size = std::min(size, found->size);
                        expect_filled(*found);
                        found->size = size;
                        std::memset(found->where, found->number & 0xff, size);
                    }
                }
                break;
            default:
                if (entry* found = some(head, kind::object)) {
                    const entry e = take(head, found);
                    say("managed::destroy(%s, object%d);", name, e.number);
                    expect(
                        0,
                        releasing(head, {e}, false, [&] { return managed::destroy(owner, e.rec->object); }),
                        "destroy");
                }
                break;
            }
        });
    }

    void raw()
    {
        with_owner([this](head_model* head, auto* owner) {
            devres_head* const h = &owner->devres;
            const bool other = pick(2) != 0;
            const kind what = other ? kind::other_raw : kind::raw;
            const dr_release_t release = other ? &release_other : &release_raw;
            int wanted = pick(5);
            const dr_match_t match = pick(3) ? &has_number : nullptr;
            const auto at = head->newest(
                [&](const entry& e) { return e.what == what && (!match || e.number == wanted); });
            void* const expected = at < 0 ? nullptr : head->list[static_cast<std::size_t>(at)].where;
            const int which = pick(6);
            static constexpr const char* calls[] = {"find",    "remove", "destroy",
                                                    "release", "get",    "for_each_res"};
            say("devres_%s(%s, %s, %s %d);", calls[which], name, kind_names[static_cast<int>(what)],
                match ? "number" : "any of", wanted);
            switch (which) {
            case 0:
                expect(1, devres_find(h, release, match, &wanted) == expected, "devres_find");
                break;
            case 1: {
                void* res = devres_remove(h, release, match, &wanted);
                expect(1, res == expected, "devres_remove");
                devres_free(res);
                if (at >= 0)
                    head->take(at);
                break;
            }
            case 2:
                expect(at < 0 ? -ENOENT : 0, devres_destroy(h, release, match, &wanted), "devres_destroy");
                if (at >= 0)
                    head->take(at);
                break;
            case 3: {
                std::deque<entry> one;
                if (at >= 0)
                    one.push_back(head->take(at));
                expect(
                    at < 0 ? -ENOENT : 0,
                    releasing(head, one, false, [&] { return devres_release(h, release, match, &wanted); }),
                    "devres_release");
                break;
            }
            case 4: {
                record* rec = make_record(head);
                rec->number = wanted;
                auto* fresh = static_cast<record**>(devres_alloc(release, sizeof(record*)));
                *fresh = rec;
                void* const got = devres_get(h, fresh, match, &wanted);
                expect(1, got == (at < 0 ? fresh : expected), "devres_get");
                if (at < 0)
                    head->list.push_back({what, wanted, rec, fresh});
                break;
            }
            default: {
                std::vector<void*> seen;
                devres_for_each_res(
                    h, release, match, &wanted,
                    [](devres_head*, void* res, void* data) {
                        static_cast<std::vector<void*>*>(data)->push_back(res);
                    },
                    &seen);
                std::vector<void*> all;
                for (auto e = head->list.rbegin(); e != head->list.rend(); ++e)
                    if (e->what == what && (!match || e->number == wanted))
                        all.push_back(e->where);
                expect(1, all == seen, "devres_for_each_res");
                break;
            }
            }
        });
    }

    void group()
    {
        with_owner([this](head_model* head, auto* owner) {
            const int which_id = pick(4);
            void* const id = which_id ? &ids[which_id - 1] : nullptr;
            const auto at = head->find_group(id);
            const int group = at < 0 ? -1 : head->list[static_cast<std::size_t>(at)].number;
            switch (pick(7)) {
            case 0:
            case 1:
            case 2: {
                void* opened = managed::open_group(owner, id);
                say("managed::open_group(%s, id %d);", name, which_id);
                expect(1, opened && (!id || opened == id), "open_group");
                head->list.push_back({kind::open, next_number++, nullptr, opened});
                break;
            }
            case 3:
            case 4: {
                say("managed::close_group(%s, id %d);", name, which_id);
                if (at < 0 || head->is_closed(group))
                    ++expected_warns;
                else
                    head->list.push_back({kind::close, group});
                managed::close_group(owner, id);
                break;
            }
            case 5:
                say("managed::remove_group(%s, id %d);", name, which_id);
                if (at < 0)
                    ++expected_warns;
                else
                    head->drop_group(group);
                managed::remove_group(owner, id);
                break;
            default: {
                say("managed::release_group(%s, id %d);", name, which_id);
                if (at < 0 && !head->list.empty())
                    ++expected_warns;
                std::deque<entry> inside;
                if (at >= 0)
                    inside = head->release_group(at);
                const auto count = std::ssize(inside);
                const int got =
                    releasing(head, inside, false, [&] { return managed::release_group(owner, id); });
                if (count_is_known)
                    expect(count, got, "release_group");
                break;
            }
            }
        });
    }

    void everything()
    {
        with_owner([this](head_model* head, auto* owner) {
            const int how = pick(4);
            if (how == 0 && head == dev.get() && has_container_guard())
                return; // it would be added again until the drain is cut off
            if (how == 0) {
                say("devres_drain(%s);", name);
                releasing(head, {}, true, [&] { return devres_drain(&owner->devres); });
            } else if (how == 1 && head == own_model.get()) {
                end_session();
            } else if (how < 3) {
                say("devres_release_all(%s);", name);
                std::deque<entry> all = head->take_all();
                const auto count = std::ssize(all);
                const int got = releasing(
                    head, all, false, [&] { return devres_release_all(&owner->devres); }, true);
                if (count_is_known)
                    expect(count, got, "devres_release_all");
            } else {
                say("// the lock becomes biased to this thread");
                for (int i = 0; i != 100; ++i)
                    managed::kfree(owner, managed::kmalloc(owner, 8));
            }
        });
    }

    // --- The session ---

    void make_session()
    {
        own = std::make_unique<test::session>();
        own_model = std::make_unique<head_model>();
    }
    // Also from inside its own callbacks (C14).
    void end_session()
    {
        say("delete own; own = new session;");
        auto ended = std::move(own);
        head_model* const model = own_model.release();
        old_models.emplace_back(model);
        make_session();
        releasing(model, {}, true, [&] {
            ended.reset();
            return 0;
        });
    }

    // --- The device ---

    void make_device()
    {
        real_dev = new fuzzed_device;
        dev = std::make_unique<head_model>();
        device_there = registered = true;
    }

    bool would_deadlock() const { return section != 0 || dev_ending || is_releasing(dev.get()); }

    void bind_or_unbind()
    {
        if (!device_there)
            return;
        switch (pick(6)) {
        case 0:
        case 1:
        case 2: {
            say("device_driver_attach(dev);");
            int wanted = 0;
            if (would_deadlock()) {
                wanted = -EDEADLK;
                ++expected_warns;
            } else if (is_inside_binding())
                wanted = -EBUSY;
            else if (!registered)
                wanted = -ENODEV;
            else if (bound)
                wanted = -EBUSY;
            else if (!dev->list.empty()) {
                wanted = -EBUSY;
                ++expected_warns;
            }
            const int outer = std::exchange(probe_result, 1);
            const int err = device_driver_attach(&the_driver, real_dev);
            if (wanted == 0 && probe_result != 1) {
                wanted = probe_result;
                if (wanted) { // the unbind of a failed probe
                    work* w = works.back();
                    advance(*w);
                    if (!w->pending.empty())
                        fail("a failed probe leaves something behind");
                    works.pop_back();
                    end_of_binding();
                }
            }
            probe_result = outer;
            expect(wanted, err, "device_driver_attach");
            break;
        }
        case 3:
        case 4: {
            say("device_release_driver(dev);");
            if (is_inside_binding() || would_deadlock()) {
                ++expected_warns;
                expect(-EDEADLK, device_release_driver(real_dev), "device_release_driver");
            } else if (bound) {
                unbinding([this] { return device_release_driver(real_dev); });
            } else {
                expect(0, device_release_driver(real_dev), "device_release_driver");
            }
            break;
        }
        default:
            say("device_del(dev); device_add(dev);");
            if (is_inside_binding() || would_deadlock()) {
                ++expected_warns;
                expect(-EDEADLK, device_del(real_dev), "device_del");
            } else {
                unbinding([this] { return device_del(real_dev); });
                device_add(real_dev);
            }
            break;
        }
    }

    template <class Call>
    void unbinding(Call call)
    {
        // What remove attaches is released, too, so the pass begins only after it. See in_remove().
        work w{dev.get(), {}, true};
        if (bound) {
            unbind_work = &w;
            ++section;
            expect(0, call(), "unbind");
            advance(w);
            if (!w.pending.empty())
                fail("unbind leaves something behind");
            works.pop_back();
            end_of_binding();
            --section;
        } else {
            ++section;
            releasing(dev.get(), {}, true, call);
            --section;
        }
    }
    void begin_release_of_binding(work* w)
    {
        while (!parked.empty()) { // in the order that they had: the last one to go is the oldest
            dev->list.push_back(parked.back());
            parked.pop_back();
        }
        w->pending = dev->take_all();
        w->whole = true;
        works.push_back(w);
        closing = true;
        if (owned)
            drm_closed = true;
    }
    void end_of_binding()
    {
        closing = bound = false;
        proof = nullptr;
    }

    int in_probe(const bound_device& b)
    {
        proof = std::addressof(b);
        bound = true;
        ++section;
        say("// probe");
        nested();
        probe_result = pick(4) == 3 ? -EIO : 0;
        say("// probe returns %d", probe_result);
        proof = nullptr;
        if (probe_result) {
            failed_probe = work{dev.get(), {}, true};
            begin_release_of_binding(&failed_probe);
        }
        --section;
        return probe_result;
    }
    void in_remove(const bound_device& b)
    {
        proof = std::addressof(b);
        say("// remove");
        nested();
        proof = nullptr;
        begin_release_of_binding(std::exchange(unbind_work, nullptr));
    }

    // --- Containers ---

    void container()
    {
        const int which = pick(6);
        if (which < 2) {
            if (!proof || goes_on_for_long())
                return;
            record* rec = make_record(dev.get());
            say("devres_ptr<T>::create(bound, &container%d);", rec->number);
            expect(0, pointer::create(*proof, &rec->container, rec), "devres_ptr::create");
            containers.push_back(rec);
            dev->list.push_back({kind::container, rec->number, rec});
            return;
        }
        if (containers.empty())
            return;
        record* rec = containers[static_cast<std::size_t>(pick(static_cast<int>(containers.size())))];
        const auto is_it = [rec](const entry& e) { return e.what == kind::container && e.rec == rec; };
        const auto parked_at = std::find_if(parked.begin(), parked.end(), is_it);
        const bool listed = parked_at != parked.end() || dev->newest(is_it) >= 0;
        const auto take_it = [&] {
            if (parked_at == parked.end())
                return dev->take(dev->newest(is_it));
            const entry e = *parked_at;
            parked.erase(parked_at);
            return e;
        };
        switch (which) {
        case 2: { // guards end at the end of the callback that took them
            say("guard%d = container%d.try_access();", rec->number, rec->number);
            held_guard held{level, rec, rec->container.try_access(), {}};
            const bool open = rec->container && !rec->destroyed && !closing && !revoked.contains(rec);
            expect(open, static_cast<bool>(held.guard), "try_access");
            if (held.guard)
                guards.push_back(std::move(held));
            break;
        }
        case 3:
            if (!guards.empty()) {
                say("// the oldest guard ends");
                guards.erase(guards.begin());
            }
            break;
        case 4: {
            if (!rec->container || !listed || closing)
                return;
            const bool wait = pick(2) != 0;
            say("container%d.revoke(%s);", rec->number, wait ? "" : "nowait");
            if (has_guard(rec)) {
                if (wait)
                    ++expected_warns;
                else
                    revoked.add(rec); // closed; it goes with the binding
                expect(0, wait ? rec->container.revoke() : rec->container.revoke(nowait), "revoke");
            } else {
                const entry e = take_it();
                releasing(dev.get(), {e}, false, [&] {
                    expect(1, wait ? rec->container.revoke() : rec->container.revoke(nowait), "revoke");
                    return 0;
                });
            }
            break;
        }
        default: {
            if (!rec->container)
                return;
            say("container%d.reset();", rec->number);
            std::erase(containers, rec);
            if (listed && !closing && !has_guard(rec)) {
                const entry e = take_it();
                releasing(dev.get(), {e}, false, [&] {
                    rec->container.reset();
                    return 0;
                });
            } else {
                rec->container.reset();
            }
            break;
        }
        }
    }

    // --- The drm_device ---

    void make_drm()
    {
        real_drm = new fuzzed_drm;
        expect(0, drm_dev_init(real_drm, &the_drm_driver, real_dev), "drm_dev_init");
        detail::drm_core::set_object(real_drm, real_drm, &detail::destroy_drm_object<fuzzed_drm>);
        drm = std::make_unique<head_model>();
        drm_there = true;
        drm_closed = visible = registering = false;
    }

    void drm_operation()
    {
        if (!drm_there || drm_ending)
            return;
        switch (pick(9)) {
        case 0:
        case 1: {
            const bool own_it = pick(2) != 0 && proof && !owned;
            say(own_it ? "drm_registration::create_owned_by_device(bound, drm);" : "drm_dev_register(drm);");
            if (own_it && has_section()) {
                ++expected_warns;
                expect(-EDEADLK, drm_registration::create_owned_by_device(*proof, real_drm),
                       "inside the section");
                break;
            }
            int wanted = 0;
            if (drm_closed || (own_it && closing))
                wanted = -ENODEV;
            else if (visible || registering)
                wanted = -EBUSY;
            const int outer = std::exchange(load_result, 1);
            const bool begins = wanted == 0;
            if (begins)
                visible = registering = true;
            const int this_one = begins ? ++registrations : registrations;
            if (own_it)
                owned = true; // a member of the binding before it becomes visible
            int err = 0;
            if (own_it)
                err = drm_registration::create_owned_by_device(*proof, real_drm);
            else
                err = drm_dev_register(real_drm);
            if (begins) {
                registering = false;
                wanted = load_result;
                if (wanted) {
                    visible = false;
                    for (open_file& f : files)
                        f.dead = f.dead || f.opened_in == this_one;
                    if (has_section())
                        ++expected_warns;
                }
            }
            load_result = outer;
            expect(wanted, err, "register");
            if (own_it) {
                owned = err == 0;
                if (owned)
                    dev->list.push_back({kind::registration, 0});
            }
            break;
        }
        case 2:
            say("drm_dev_unregister(drm);");
            visible = false;
            drm_dev_unregister(real_drm);
            break;
        case 3: {
            say("drm_dev_unplug(drm);");
            const bool inside = has_section();
            if (inside)
                ++expected_warns;
            else
                drm_closed = true;
            expect(inside ? -EDEADLK : 0, drm_dev_unplug(real_drm), "unplug");
            if (!inside)
                after_unplug();
            break;
        }
        case 4:
            open_one();
            break;
        case 5:
            if (open_file* f = some_file()) {
                say("drm_close(file);");
                drm_file* const file = f->file;
                std::erase_if(files, [file](const open_file& o) { return o.file == file; });
                drm_close(file);
            }
            break;
        case 6:
            if (open_file* f = some_file()) {
                const int command = pick(4);
                say("drm_ioctl(file, %d);", command);
                long wanted = command == 0 ? 7 : command == 1 ? 8 : -EINVAL;
                if (drm_closed || f->dead)
                    wanted = -ENODEV;
                ++f->busy;
                drm_file* const file = f->file;
                expect(wanted, drm_ioctl(file, static_cast<unsigned>(command), nullptr), "drm_ioctl");
                for (open_file& o : files)
                    if (o.file == file)
                        --o.busy;
            }
            break;
        case 7: {
            say("section = drm_dev_guard(drm);");
            held_guard held{
                level, nullptr, {}, std::make_unique<drm_dev_guard>(real_drm, __FILE__, __LINE__)};
            expect(!drm_closed, static_cast<bool>(*held.section), "drm_dev_enter");
            if (!drm_closed)
                guards.push_back(std::move(held));
            break;
        }
        default:
            expect(drm_closed, drm_dev_is_unplugged(real_drm), "drm_dev_is_unplugged");
            if (level == 0 && works.empty() && !owned && files.empty() && !has_section())
                end_drm();
            break;
        }
    }

    void after_unplug()
    {
        visible = false;
        if (unplugging != 0)
            return;
        for (const open_file& f : files)
            if (!f.unmapped)
                fail("a file was not unmapped");
    }

    open_file* some_file()
    {
        if (files.empty())
            return nullptr;
        open_file& f = files[static_cast<std::size_t>(pick(static_cast<int>(files.size())))];
        return f.busy ? nullptr : &f;
    }

    void open_one()
    {
        say("drm_open(drm, &file);");
        int wanted = visible && !drm_closed ? 0 : -ENODEV;
        const int outer = std::exchange(open_result, 1);
        const bool begins = wanted == 0;
        const int opened_in = registrations;
        drm_file* file = nullptr;
        const int err = drm_open(real_drm, &file);
        if (begins)
            wanted = open_result;
        open_result = outer;
        expect(wanted, err, "drm_open");
        if (err == 0) {
            open_file f{file};
            f.opened_in = opened_in;
            f.unmapped = drm_closed;
            files.push_back(f);
        }
    }

    void end_registration()
    {
        if (!owned)
            fail("an owned registration ends twice");
        drm_closed = true;
        after_unplug();
        owned = false;
    }

    // The last put, from outside of everything.
    void end_drm()
    {
        say("drm_dev_put(drm);");
        drm_ending = true;
        releasing(drm.get(), {}, true, [this] {
            drm_dev_put(real_drm);
            return 0;
        });
        if (drm_there)
            fail("the drm_device was not destroyed");
        drm_ending = false;
        old_models.push_back(std::move(drm));
        make_drm();
    }

    // --- Misuse, which is reported and changes nothing ---

    void odd()
    {
        with_owner([this](head_model* head, auto* owner) {
            switch (pick(4)) {
            case 0:
                say("managed::kfree(%s, not managed);", name);
                ++expected_warns;
                managed::kfree(owner, &ids);
                break;
            case 1:
                if (entry* e = some(head == own_model.get() ? dev.get() : own_model.get(), kind::memory)) {
                    say("managed::krealloc(%s, p%d of another owner);", name, e->number);
                    ++expected_warns;
                    expect(1, managed::krealloc(owner, e->where, 10) == nullptr,
                           "krealloc of another owner's");
                    expect_filled(*e);
                }
                break;
            case 2:
                if (entry* e = some(head, kind::object)) {
                    say("managed::kfree(%s, object%d);", name, e->number);
                    ++expected_warns;
                    managed::kfree(owner, e->rec->object);
                }
                break;
            default:
                if (!works.empty() &&
                    !works.back()->pending.empty()) { // a sibling of the pass is detached already
                    const entry& e = works.back()->pending.back();
                    if (e.what == kind::node) {
                        say("devres_node_remove(node %d of the pass);", e.number);
                        expect(0, devres_node_remove(&owner->devres, e.rec),
                               "devres_node_remove of a detached one");
                    } else if (e.what == kind::callable) {
                        say("handle%d.cancel(); // of the pass", e.number);
                        expect(-ENOENT, e.rec->handle.cancel(), "cancel of a detached one");
                    }
                }
                break;
            }
        });
    }

    // --- The end ---

    void finish()
    {
        say("// the end");
        at_ = program_.size();
        guards.clear();
        for (const open_file& f : std::exchange(files, {}))
            drm_close(f.file);
        unbinding([this] { return device_del(real_dev); });
        end_drm_for_good();
        dev_ending = true;
        releasing(dev.get(), {}, true, [this] {
            put_device(real_dev);
            return 0;
        });
        if (device_there)
            fail("the device was not released");
        releasing(own_model.get(), {}, true, [this] {
            own.reset();
            return 0;
        });
        containers.clear();
    }
    void end_drm_for_good()
    {
        drm_ending = true;
        releasing(drm.get(), {}, true, [this] {
            drm_dev_put(real_drm);
            return 0;
        });
    }

    // Small sets of containers.
    struct record_set {
        std::vector<const record*> all;
        void add(const record* r) { all.push_back(r); }
        bool contains(const record* r) const { return std::find(all.begin(), all.end(), r) != all.end(); }
    };

    std::size_t warns = 0;
    std::size_t expected_warns = 0;
    int level = 0;
    const char* name = "";
    bool count_is_known = true;
    std::vector<work*> works;
    std::deque<record> records;
    std::array<key, 3> keys{{{0}, {1}, {2}}};
    char ids[3] = {};
    int next_number = 0;
    std::vector<std::unique_ptr<head_model>> old_models; // what is being released may belong to one

    std::unique_ptr<test::session> own;
    std::unique_ptr<head_model> own_model;

    fuzzed_device* real_dev = nullptr;
    std::unique_ptr<head_model> dev;
    bool device_there = false;
    bool registered = false;
    bool bound = false;
    std::vector<entry> parked; // what could not go from inside itself
    bool closing = false;      // the binding is closed, and what it has is being released
    bool dev_ending = false;
    int section = 0; // bind, unbind and delete that are under way
    int probe_result = 0;
    work* unbind_work = nullptr;
    work failed_probe{nullptr, {}};
    const bound_device* proof = nullptr;
    std::vector<record*> containers;
    record_set revoked;
    std::vector<held_guard> guards;

    fuzzed_drm* real_drm = nullptr;
    std::unique_ptr<head_model> drm;
    bool drm_there = false;
    bool drm_ending = false;
    bool drm_closed = false;
    bool visible = false;
    bool registering = false;
    bool owned = false;
    int registrations = 0;
    int load_result = 0;
    int open_result = 0;
    int in_guarded = 0;
    int unplugging = 0; // unmap hooks that are under way
    std::vector<open_file> files;

private:
    std::span<const unsigned char> program_;
    std::size_t at_ = 0;
    const bool print_;
    devres_warn_handler handler_;
};

// --- What the library calls --------------------------------------------------------------------------------

payload::~payload()
{
    if (alive != std::array<unsigned, 4>{1, 2, 3, 4})
        current->fail("an object is destroyed twice");
    const kind what = rec->object ? kind::object : kind::container;
    current->released(rec->head, what, rec->number);
    alive = {};
}

void act(key* k)
{
    current->released(current->works.empty() ? nullptr : current->works.back()->head, kind::action,
                      k->number);
}
void release_raw(devres_head*, void* res)
{
    record* r = *static_cast<record**>(res);
    current->released(r->head, kind::raw, r->number);
}
void release_other(devres_head*, void* res)
{
    record* r = *static_cast<record**>(res);
    current->released(r->head, kind::other_raw, r->number);
}

fuzzed_device::fuzzed_device()
    : device("fuzzed", nullptr, [](device* dev) {
          current->device_there = false;
          delete static_cast<fuzzed_device*>(dev);
      })
{
    device_add(this);
}
fuzzed_drm::~fuzzed_drm()
{
    current->drm_there = false;
}

const device_driver the_driver{"fuzzed", [](const bound_device& b) { return current->in_probe(b); },
                               [](const bound_device& b) { current->in_remove(b); }};

long plain_ioctl(drm_device*, void*, drm_file*)
{
    current->nested();
    return 7;
}
long guarded_ioctl(const drm_dev_guard&, void*, drm_file*)
{
    ++current->in_guarded;
    current->nested();
    --current->in_guarded;
    return 8;
}
constexpr drm_ioctl_desc the_ioctls[] = {
    {"plain", &plain_ioctl, nullptr}, {"guarded", nullptr, &guarded_ioctl}, {}};

const drm_driver the_drm_driver{
    .name = "fuzzed",
    .release = [](drm_device*) { current->say("// drm_driver::release"); },
    .open =
        [](drm_device*, drm_file*) {
            current->say("// open");
            current->nested();
            current->open_result = current->pick(5) == 4 ? -EIO : 0;
            return current->open_result;
        },
    .postclose =
        [](drm_device*, drm_file*) {
            current->say("// postclose");
            current->nested();
        },
    .ioctls = the_ioctls,
    .num_ioctls = 3,
    .unmap =
        [](drm_device*, drm_file* file) {
            current->say("// unmap");
            for (open_file& f : current->files)
                if (f.file == file) {
                    if (std::exchange(f.unmapped, true))
                        current->fail("a file is unmapped twice");
                    ++f.busy;
                }
            current->drm_closed = true;
            current->visible = false;
            ++current->unplugging;
            current->nested();
            --current->unplugging;
            for (open_file& f : current->files)
                if (f.file == file)
                    --f.busy;
        },
    .load =
        [](drm_device*, unsigned long) {
            current->say("// load");
            current->nested();
            current->load_result = current->pick(4) == 3 ? -EIO : 0;
            return current->load_result;
        },
};

} // namespace

void run(std::span<const unsigned char> program, bool print)
{
    machine m(program, print);
    m.run();
}

} // namespace devres::fuzz
