// SPDX-License-Identifier: MIT
//
// The life of a resource among several threads: who releases it, who destroys it, who frees its memory, and
// who still touches the owner. Each scenario ends with the same questions: everything happened once, and
// nothing is left.

#include <devres/detail/attach.h>
#include <devres/devres.h>

#include "hooks.h"

using namespace devres;
using namespace devres::detail;

namespace model::life {
namespace {

// --- An owner that may end while other threads run ---

alignas(devres_head) unsigned char storage[sizeof(devres_head)];
devres_head* head;

void make_owner()
{
    lives(storage, sizeof storage);
    head = ::new (static_cast<void*>(storage)) devres_head;
}

void end_owner()
{
    head->~devres_head();
    has_ended(storage);
}

// --- What happened to each resource ---

constexpr int most = 4;
struct account {
    int made;     // a constructor has finished
    int released; // by the library
    int dropped;  // destroyed without having been called
    int removed;  // given back to who asked
};
account accounts[most];
int said; // how many threads have said that others may go on

void begin()
{
    for (account& a : accounts)
        a = {};
    said = 0;
    make_owner();
}

void require(bool holds, const char* what)
{
    if (!holds)
        fail(what);
}

void say()
{
    enter();
    ++said;
    leave();
    wake_waiters();
}

void wait_for(int how_many)
{
    enter();
    while (said < how_many)
        wait();
    leave();
}

// After the threads: nothing of the owner, once that has ended, is left behind.
void require_nothing_left()
{
    require(blocks_alive() == 0, "memory is left");
}

// --- Actions ---

void count_release(devres_head*, resource* res)
{
    const auto* action = static_cast<const action_payload*>(res->payload());
    step(res);
    ++static_cast<account*>(action->data)->released;
}
constexpr resource_ops counted{resource_kind::action, &count_release, "counted"};

void attach(int which, const resource_ops& ops = counted)
{
    require(attach_action(head, &ops, {nullptr, &accounts[which]}) == 0, "no memory");
}

// Removes an action, if it is still there.
void take_back(int which)
{
    if (remove_action(head, {nullptr, &accounts[which]}, false) == 0)
        ++accounts[which].removed;
}

// Of each of the first `n`: it was released or given back, and that once.
void require_each_ended_once(int n)
{
    for (int i = 0; i != n; ++i)
        require(accounts[i].released + accounts[i].removed == 1, "not released exactly once");
}

// --- Two passes and a removal (C10, C13) ---

namespace passes {
void before()
{
    begin();
    for (int i = 0; i != 3; ++i)
        attach(i);
}
void thread(int which)
{
    if (which == 2)
        take_back(1);
    else
        (void)devres_release_all(head);
}
void after()
{
    require_each_ended_once(3);
    end_owner();
    require_nothing_left();
}
} // namespace passes

// --- A callback attaches while its owner is drained on another thread (C12, C15) ---

namespace additions {
void release_and_attach(devres_head* its_head, resource* res)
{
    count_release(its_head, res);
    attach(1);
}
constexpr resource_ops attaching{resource_kind::action, &release_and_attach, "attaching"};

void before()
{
    begin();
    attach(0, attaching);
}
void thread(int which)
{
    if (which == 0) {
        (void)devres_release_all(head);
    } else {
        devres_drain(head);
        require_each_ended_once(2); // whichever of the two has released them
    }
}
void after()
{
    end_owner();
    require_nothing_left();
}
} // namespace additions

// --- A handle used while the owner ends on another thread (A9) ---

namespace handles {
struct callable {
    account* its;
};
void call(devres_head*, resource* res)
{
    step(res);
    ++static_cast<callable*>(res->payload())->its->released;
}
void drop(devres_head*, resource* res)
{
    step(res);
    ++static_cast<callable*>(res->payload())->its->dropped;
}
constexpr callable_ops ops{{resource_kind::callable, &call, "counted"}, &drop};
resource* handle;
enum class use { cancel, run, let_go };

void before()
{
    begin();
    const callable c{&accounts[0]};
    handle = attach_bytes(head, &ops, &c, sizeof c, sharing::with_handle);
    attach(1);
}
template <use Use>
void thread(int which)
{
    if (which == 0) {
        devres_drain(head);
        end_owner();
    } else if (Use == use::cancel) {
        accounts[0].removed += handle_cancel(handle) == 0;
        require(accounts[0].removed == accounts[0].dropped, "cancelled, and not dropped, or the reverse");
    } else if (Use == use::run) {
        accounts[0].removed += handle_run(handle) == 0;
    } else {
        handle_drop(handle);
    }
}
void after()
{
    require(accounts[0].released + accounts[0].dropped == 1, "a callable ends in one of two ways, once");
    require(accounts[1].released == 1, "not released exactly once");
    require_nothing_left();
}
} // namespace handles

// --- An object whose constructor runs while others release (C13, A8) ---

namespace objects {
struct object {
    account* its;
};
struct large_object : object { // in a block of its own
    char rest[4096];
};
void destroy(devres_head*, resource* res)
{
    step(res);
    account* its = static_cast<object*>(res->payload())->its;
    require(its->made == 1, "destroyed before it was whole");
    ++its->released;
}
constexpr resource_ops ops{resource_kind::object, &destroy, "counted"};
bool failed;

void before()
{
    begin();
    failed = false;
    attach(1);
}
template <class Object>
void construct()
{
    construction made(head, &ops, sizeof(Object), alignof(Object));
    say();
    step(head);
    if (toss()) {
        failed = true;
        return;
    }
    ::new (made.memory()) Object;
    static_cast<Object*>(made.memory())->its = &accounts[0];
    step(made.memory());
    accounts[0].made = 1;
    const bool taken = made.commit() == nullptr;
    require(!taken || accounts[0].released == 1, "what was taken meanwhile is destroyed at once");
}
void with_an_end(int which)
{
    if (which == 0) {
        construct<large_object>();
        return;
    }
    wait_for(1);
    devres_drain(head);
    end_owner();
}
void with_a_group(int which)
{
    if (which == 0) {
        require(devres_open_group(head, &failed) != nullptr, "no memory");
        construct<object>();
        devres_close_group(head, &failed);
        return;
    }
    wait_for(1);
    (void)(which == 1 ? devres_release_group(head, &failed) : devres_release_all(head));
}
void require_destroyed_once()
{
    require(accounts[0].released == (failed ? 0 : 1), "an object that became whole is destroyed once");
    require(accounts[1].released == 1, "not released exactly once");
    require_nothing_left();
}
void end_and_require()
{
    devres_drain(head);
    end_owner();
    require_destroyed_once();
}
} // namespace objects

// --- An owner that ends while one thread releases and another one waits for that (C14, C15) ---

namespace ends {
const void* claimer; // the thread that tries to release one of them alone

void release_and_say(devres_head*, resource* res)
{
    const auto* its = static_cast<const action_payload*>(res->payload())->data;
    if (its == &accounts[2] || this_thread() == claimer)
        say();
    count_release(nullptr, res);
}
constexpr resource_ops saying{resource_kind::action, &release_and_say, "saying"};

void before()
{
    begin();
    claimer = nullptr;
    attach(0);
    attach(1, saying);
    attach(2, saying);
}
void thread(int which)
{
    switch (which) {
    case 0:
        devres_drain(head);
        break;
    case 1:
        claimer = this_thread();
        if (release_action(head, {nullptr, &accounts[1]}) != 0)
            say();
        break;
    default:
        wait_for(2); // the first has begun; the second is at work, or does not come any more
        end_owner();
    }
}
void after()
{
    require_each_ended_once(3);
    require_nothing_left();
}
} // namespace ends

// --- A drain, and a pass of another thread whose callback drains: each may begin to wait first (C15) ---

namespace mutual {
void release_and_drain(devres_head*, resource* res)
{
    count_release(nullptr, res);
    devres_drain(head);
}
constexpr resource_ops draining{resource_kind::action, &release_and_drain, "draining"};

void release_and_attach(devres_head*, resource* res)
{
    attach(1, draining);
    say();
    count_release(nullptr, res);
}
constexpr resource_ops attaching{resource_kind::action, &release_and_attach, "attaching"};

void before()
{
    begin();
    attach(0, attaching);
}
void thread(int which)
{
    if (which == 0) {
        devres_drain(head);
        return;
    }
    wait_for(1);
    (void)devres_release_all(head);
}
void after()
{
    require_each_ended_once(2);
    end_owner();
    require_nothing_left();
}
} // namespace mutual

// --- A node goes to another head while the first one is asked for it (C13) ---

namespace nodes {
alignas(devres_head) unsigned char others_storage[sizeof(devres_head)];
devres_head* other;
alignas(devres_node) unsigned char node_storage[sizeof(devres_node)];
devres_node* node;

void count_node(devres_head*, devres_node*)
{
    ++accounts[0].released;
}
void before()
{
    begin();
    lives(others_storage, sizeof others_storage);
    other = ::new (static_cast<void*>(others_storage)) devres_head;
    node = ::new (static_cast<void*>(node_storage)) devres_node;
    devres_node_init(node, &count_node);
    devres_node_add(head, node);
}
void thread(int which)
{
    const bool mine = which == 0 ? devres_node_remove(head, node) : devres_node_release(head, node) == 0;
    if (!mine)
        return;
    ++accounts[0].removed;
    if (which == 0)
        devres_node_add(other, node);
}
void after()
{
    require(accounts[0].removed == 1, "not taken off the first head exactly once");
    (void)devres_drain(other);
    require(accounts[0].released == 1, "not released exactly once");
    other->~devres_head();
    has_ended(others_storage);
    end_owner();
    require_nothing_left();
}
} // namespace nodes

} // namespace

constinit const scenario scenarios[] = {
    {"two passes and a removal", 3, &passes::before, &passes::thread, &passes::after},
    {"a callback attaches while its owner is drained", 2, &additions::before, &additions::thread,
     &additions::after},
    {"an owner ends while its handle is cancelled", 2, &handles::before,
     &handles::thread<handles::use::cancel>, &handles::after},
    {"an owner ends while its handle is run", 2, &handles::before, &handles::thread<handles::use::run>,
     &handles::after},
    {"an owner ends while its handle is dropped", 2, &handles::before, &handles::thread<handles::use::let_go>,
     &handles::after},
    {"an owner ends while an object is constructed", 2, &objects::before, &objects::with_an_end,
     &objects::require_destroyed_once},
    {"an object is constructed in a group that goes", 3, &objects::before, &objects::with_a_group,
     &objects::end_and_require},
    {"an owner ends while others release and wait", 3, &ends::before, &ends::thread, &ends::after},
    {"a drain beside a pass that drains in its callback", 2, &mutual::before, &mutual::thread,
     &mutual::after},
    {"a node goes to another head while the first one is asked for it", 2, &nodes::before, &nodes::thread,
     &nodes::after},
};

const int scenario_count = sizeof scenarios / sizeof scenarios[0];

} // namespace model::life
