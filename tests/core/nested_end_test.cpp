// SPDX-License-Identifier: MIT
//
// Ends inside of ends, and ends in the hooks that an end calls: C1, C12, C14.
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "core/core_test.h"
#include "support/threads.h"

#include <devres/env/sanitizer.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace {

void count_call(int* calls)
{
    ++*calls;
}

class NestedEndTest : public core_fixture {
public:
    ~NestedEndTest() override
    {
        devres_set_log(nullptr);
        on_release = nullptr;
    }

    // `what` is called before each release that the log hook hears of, but not for those in `what` itself.
    void call_before_releases(std::function<void()> what)
    {
        told.clear();
        on_release = std::move(what);
        devres_set_log([](const char* op, devres_head*, const char* kind, const char* name, std::size_t) {
            if (std::string(op) != "REL")
                return;
            told.push_back(std::string(kind) + " " + name);
            if (const auto now = std::exchange(on_release, nullptr)) {
                now();
                on_release = now;
            }
        });
    }
    // Attaches an action that calls `callback`.
    void attach_callback()
    {
        ASSERT_EQ(0, managed::add_action(&owner, [this] { callback(); }));
    }
    // Drains the head with a WARN handler that calls `what`.
    // Returns: how often it was called.
    int drain_with_handler(std::function<void()> what)
    {
        on_warn = std::move(what);
        warned = 0;
        const auto before = devres_set_warn_handler([](const char*) {
            ++warned;
            on_warn();
        });
        devres_drain(head);
        devres_set_warn_handler(before);
        on_warn = nullptr;
        return warned;
    }
    // A group with a node before it, in it and behind it.
    void attach_nodes_and_a_group(devres_head* to)
    {
        devres_node_add(to, &first);
        void* group = devres_open_group(to, nullptr);
        ASSERT_TRUE(group);
        devres_node_add(to, &second);
        devres_close_group(to, group);
        devres_node_add(to, &third);
    }

    static inline std::function<void()> on_release;
    static inline std::function<void()> on_warn;
    static inline int warned;
    static inline std::vector<std::string> told;
    node_item first{&log, "first"};
    node_item second{&log, "second"};
    node_item third{&log, "third"};
    std::function<void()> callback;
};

TEST_F(NestedEndTest, ALogHookMayDrainTheHeadBeforeAnyRelease) // C1, C14
{
    for (std::size_t nth = 0; nth != 5; ++nth) {
        attach_nodes_and_a_group(head);
        call_before_releases([&] {
            if (told.size() == nth + 1)
                devres_drain(head);
        });
        EXPECT_EQ(3, devres_release_all(head));
        EXPECT_THAT(log.take(), ElementsAre("third", "second", "first")) << nth;
        EXPECT_THAT(told, SizeIs(5)) << "each is told of once";
    }
}

TEST_F(NestedEndTest, ALogHookMayEndTheOwnerBeforeAnyRelease) // C1, C14
{
    for (std::size_t nth = 0; nth != 5; ++nth) {
        auto* own = new bench_owner(&upstream);
        attach_nodes_and_a_group(&own->devres);
        call_before_releases([&] {
            if (told.size() == nth + 1)
                delete own;
        });
        devres_release_all(&own->devres);
        EXPECT_THAT(log.take(), ElementsAre("third", "second", "first")) << nth;
        EXPECT_THAT(told, SizeIs(5));
        EXPECT_EQ(0u, upstream.live_blocks());
    }
}

TEST_F(NestedEndTest, WhatACallbackAttachesGoesBeforeItsOlderSiblings) // C1
{
    for (const bool ends : {false, true}) {
        auto* own = new bench_owner(&upstream);
        devres_node_add(&own->devres, &first);
        ASSERT_EQ(0, managed::add_action(own, [&] {
                      devres_node_add(&own->devres, &second); // may use `first`, which is there
                      if (ends)
                          delete own;
                      else
                          devres_drain(&own->devres);
                      log.add("ended");
                  }));
        devres_release_all(&own->devres);
        EXPECT_THAT(log.take(), ElementsAre("second", "first", "ended"));
        if (!ends)
            delete own;
    }
}

// C12: each drain that a callback begins is one more pass.
TEST_F(NestedEndTest, DrainsInsideDrainsAreCutOff)
{
    int calls = 0;
    callback = [&] {
        ++calls;
        attach_callback();
        devres_drain(head);
    };
    attach_callback();
    devres_drain(head);
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
    EXPECT_LE(calls, devres_max_passes);
    EXPECT_EQ(0u, listed());
}

// C12: who attaches whenever he hears of it does not keep an end going.
TEST_F(NestedEndTest, AWarnHandlerThatAttachesIsCutOffAsWell)
{
    callback = [&] { attach_callback(); };
    attach_callback();
    EXPECT_EQ(1, drain_with_handler([&] { ASSERT_TRUE(managed::kmalloc(&owner, 10)); }));
    EXPECT_EQ(0u, listed());
}

// C12: nor does one that drains: what the WARN says was not released has gone by then.
TEST_F(NestedEndTest, AWarnHandlerMayDrainWhatIsCutOff)
{
    int calls = 0;
    callback = [&] {
        ASSERT_LE(++calls, 2 * devres_max_passes);
        attach_callback();
    };
    attach_callback();
    EXPECT_EQ(1, drain_with_handler([&] { EXPECT_EQ(0, devres_drain(head)); }));
    EXPECT_EQ(devres_max_passes, calls);
}

// C12: and one that attaches and drains each time is not told of that again and again.
TEST_F(NestedEndTest, AWarnHandlerThatAttachesAndDrainsIsCalledOnce)
{
    callback = [&] { attach_callback(); };
    attach_callback();
    EXPECT_EQ(1, drain_with_handler([&] {
                  ASSERT_TRUE(managed::kmalloc(&owner, 10));
                  devres_drain(head);
              }));
    EXPECT_EQ(0u, listed());
}

// C12: an upstream that drains between two rounds of an end begins the next one of them, and not the first of
// a hundred of its own.
TEST_F(NestedEndTest, AnUpstreamThatDrainsGoesOnCounting)
{
    int calls = 0;
    callback = [&] {
        ASSERT_TRUE(managed::kmalloc(&owner, 70000)); // given back before the next round
        ++calls;
        attach_callback();
    };
    attach_callback();
    upstream.on_call = [&] {
        if (calls == devres_max_passes)
            devres_drain(head);
    };
    devres_drain(head);
    upstream.on_call = nullptr;
    EXPECT_EQ(devres_max_passes, calls);
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
    EXPECT_EQ(0u, listed());
}

// Releases, each in the callback of the one before, more than devres_max_passes deep; the innermost callback
// calls `innermost`.
void release_a_deep_chain(bench_owner* owner, std::function<void()> innermost)
{
    static constexpr int depth = devres_max_passes + 20;
    struct chain {
        bench_owner* owner;
        std::function<void()> innermost;
        int left = depth;
        static void run(chain* c)
        {
            if (--c->left == 0)
                c->innermost();
            else
                EXPECT_EQ(0, managed::release_action(c->owner, &run, c));
        }
    };
    chain all{owner, std::move(innermost)};
    for (int i = 0; i != depth; ++i)
        ASSERT_EQ(0, managed::add_action(owner, &chain::run, &all));
    EXPECT_EQ(0, managed::release_action(owner, &chain::run, &all));
    EXPECT_EQ(0, all.left);
}

// C12: what no callback has added is not cut off, however deep the release in which the end begins.
TEST_F(NestedEndTest, AnEndDeepInsideReleasesThatAddNothingReleasesTheRest)
{
    devres_node_add(head, &first);
    release_a_deep_chain(&owner, [this] { EXPECT_EQ(1, devres_drain(head)); });
    EXPECT_THAT(log.take(), ElementsAre("first"));
    EXPECT_EQ(0u, listed());
}

// C12: nor if the innermost of them has added one thing.
TEST_F(NestedEndTest, WhatOneCallbackHasAddedIsOneRound)
{
    release_a_deep_chain(&owner, [this] {
        devres_node_add(head, &first);
        EXPECT_EQ(1, devres_drain(head));
    });
    EXPECT_THAT(log.take(), ElementsAre("first"));
}

// C12: nor what constructors have attached, one in the other.
TEST_F(NestedEndTest, AnEndDeepInsideConstructorsReleasesTheRest)
{
    static NestedEndTest* test;
    static int released;
    test = this;
    released = 0;
    struct nest {
        explicit nest(int more)
        {
            EXPECT_EQ(0, managed::add_action(&test->owner, [] { ++released; }));
            if (more == 0)
                devres_drain(test->head);
            else
                EXPECT_FALSE(managed::create<nest>(&test->owner, more - 1));
        }
    };
    EXPECT_FALSE(managed::create<nest>(&owner, devres_max_passes + 20));
    EXPECT_THAT(warnings.take(), Each(HasSubstr("constructed")));
    EXPECT_EQ(devres_max_passes + 21, released);
}

// C12: an end inside a callback that was cut off says that the callback adds for ever: so the ends around it
// do not begin it a hundred times each.
TEST_F(NestedEndTest, AnEndThatWasCutOffCutsOffThoseAroundIt)
{
    int calls = 0;
    callback = [&] {
        if (++calls > 100 * devres_max_passes)
            return;
        for (int i = 0; i != 2; ++i) {
            attach_callback();
            devres_drain(head);
        }
        attach_callback();
    };
    attach_callback();
    devres_drain(head);
    EXPECT_THAT(warnings.take(), Each(HasSubstr("still being added")));
    EXPECT_LE(calls, 2 * devres_max_passes);
    EXPECT_EQ(0u, listed());
}

// C12: a callback that drains what it has added, as often as it likes, adds nothing for ever.
TEST_F(NestedEndTest, ACallbackMayAddAndDrainManyTimes)
{
    int rounds = 0;
    callback = [&] {
        for (; rounds != 3 * devres_max_passes; ++rounds) {
            devres_node_add(head, &first);
            EXPECT_EQ(1, devres_drain(head));
        }
    };
    attach_callback();
    devres_drain(head);
    EXPECT_EQ(3 * devres_max_passes, rounds);
    EXPECT_THAT(log.take(), SizeIs(3 * devres_max_passes));
}

// C12: nor do many callbacks that each add one thing and drain, one inside the other though they be.
TEST_F(NestedEndTest, ManySiblingsMayEachAddAndDrain)
{
    int added = 0;
    int released = 0;
    callback = [&] {
        ASSERT_EQ(0, managed::add_action(&owner, [&] { ++released; }));
        ++added;
        devres_drain(head);
    };
    constexpr int siblings = 2 * devres_max_passes;
    for (int i = 0; i != siblings; ++i)
        attach_callback();
    EXPECT_EQ(siblings, devres_drain(head)) << "what they have added was released by their own drains";
    EXPECT_EQ(siblings, added);
    EXPECT_EQ(siblings, released);
}

// C12: what a constructor attaches before it drains is not added by a callback, and not cut off with what is.
TEST_F(NestedEndTest, AConstructorOutsideCallbacksMayAddAndDrain)
{
    static NestedEndTest* test;
    static int left;
    static int released;
    test = this;
    released = 0;
    struct chain {
        static void run(int* n)
        {
            ++released;
            if (--*n > 0) {
                ASSERT_EQ(0, managed::add_action(&test->owner, &run, n));
            }
        }
    };
    struct drainer {
        explicit drainer(int length)
        {
            left = length;
            EXPECT_EQ(0, managed::add_action(&test->owner, &chain::run, &left));
            devres_drain(&test->owner.devres);
        }
    };
    (void)managed::create<drainer>(&owner, devres_max_passes); // the last that is released in any case
    EXPECT_EQ(devres_max_passes, released);
    EXPECT_THAT(warnings.take_one(), HasSubstr("constructed"));

    struct endless_first {
        endless_first()
        {
            drainer(10 * devres_max_passes);
            EXPECT_THAT(test->warnings.take(), Contains(HasSubstr("still being added")).Times(1));
            for (int i = 0; i != 3; ++i) {
                released = 0;
                drainer(2);
                EXPECT_EQ(2, released) << i;
            }
        }
    };
    (void)managed::create<endless_first>(&owner);
}

// C12: but one that runs inside a callback is that callback.
TEST_F(NestedEndTest, AConstructorInsideACallbackThatAddsForEverIsCutOff)
{
    static NestedEndTest* test;
    test = this;
    struct again {
        explicit again(int* n)
        {
            EXPECT_EQ(0, managed::add_action(&test->owner, &run, n));
            devres_drain(test->head);
        }
        static void run(int* n)
        {
            ASSERT_LE(++*n, 2 * devres_max_passes);
            (void)managed::create<again>(&test->owner, n);
        }
    };
    int calls = 0;
    ASSERT_EQ(0, managed::add_action(&owner, &again::run, &calls));
    devres_drain(head);
    EXPECT_THAT(warnings.take(), Contains(HasSubstr("still being added")).Times(1));
    EXPECT_LE(calls, devres_max_passes);
}

// C12: once an end in a callback has been cut off, what another thread attaches is still not this thread's.
TEST_F(NestedEndTest, WhatAnotherThreadAttachesAfterACutOffIsReleased)
{
    int healthy = 0;
    bool attached = false;
    callback = [&] {
        attach_callback();
        devres_drain(head);
        if (!std::exchange(attached, true))
            std::thread([&] { ASSERT_EQ(0, managed::add_action(&owner, [&] { ++healthy; })); }).join();
    };
    attach_callback();
    devres_drain(head);
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
    EXPECT_EQ(1, healthy);
}

// G4, C14: a log hook that hears of a group's markers may end the owner.
TEST_F(NestedEndTest, ALogHookMayEndTheOwnerOfARemovedGroup)
{
    static bench_owner* own;
    static int ends_at;
    static int heard;
    for (const int nth : {1, 2}) {
        own = new bench_owner(&upstream);
        devres_head* its_head = &own->devres;
        devres_node_add(its_head, &first);
        int id = 0;
        ASSERT_TRUE(devres_open_group(its_head, &id));
        devres_close_group(its_head, &id);
        ends_at = nth;
        heard = 0;
        devres_set_log([](const char* op, devres_head*, const char*, const char*, std::size_t) {
            if (std::string(op) == "REM" && ++heard == ends_at)
                delete own;
        });
        devres_remove_group(its_head, &id);
        devres_set_log(nullptr);
        EXPECT_EQ(nth, heard);
        EXPECT_THAT(log.take(), ElementsAre("first"));
        EXPECT_EQ(0u, upstream.live_blocks());
    }
}

// G4, C14: and so may an upstream that gets the memory of one back.
TEST_F(NestedEndTest, AnUpstreamMayEndTheOwnerOfARemovedGroup)
{
    auto* own = new bench_owner(&upstream);
    int id = 0;
    ASSERT_TRUE(devres_open_group(&own->devres, &id));
    upstream.on_call = [&] {
        upstream.on_call = nullptr;
        delete own;
        log.add("ended");
    };
    devres_set_log(
        [](const char*, devres_head* ours, const char*, const char*, std::size_t) { EXPECT_TRUE(ours); });
    devres_remove_group(&own->devres, &id);
    EXPECT_THAT(log.take(), ElementsAre("ended"));
}

// C1: a node that comes back is told of again, whatever the hook did in between.
TEST_F(NestedEndTest, ALogHookMayStopListeningToWhatItDrains)
{
    static devres_head* its_head;
    static devres_node* comes_back;
    static devres_log_fn hook;
    its_head = head;
    comes_back = &first;
    told.clear();
    hook = [](const char* op, devres_head*, const char*, const char* name, std::size_t) {
        if (std::string(op) != "REL")
            return;
        told.emplace_back(name);
        if (told.size() > 1)
            return;
        devres_set_log(nullptr);
        EXPECT_EQ(1, devres_drain(its_head));
        devres_node_add(its_head, comes_back);
        devres_set_log(hook);
    };
    devres_node_add(head, &first);
    devres_set_log(hook);
    EXPECT_EQ(2, devres_drain(head));
    EXPECT_THAT(told, SizeIs(2));
    EXPECT_THAT(log.take(), ElementsAre("first", "first"));
}

// A6: what krealloc has replaced is gone when a log hook hears of it, and is not released by what that does.
TEST_F(NestedEndTest, ALogHookMayDrainWhatIsReallocated)
{
    static NestedEndTest* test;
    static int drained;
    test = this;
    void* p = managed::kmalloc(&owner, 100);
    ASSERT_TRUE(p);
    told.clear();
    drained = -1;
    devres_set_log([](const char* op, devres_head*, const char*, const char*, std::size_t) {
        told.emplace_back(op);
        if (told.back() == "REM")
            drained = devres_drain(test->head);
    });
    EXPECT_EQ(nullptr, managed::krealloc(&owner, p, 5000));
    EXPECT_EQ(0, drained);
    EXPECT_THAT(told, ElementsAre("REM")); // of the old memory; the new one is abandoned, not released
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being constructed"));
    EXPECT_EQ(0u, listed());
}

// A9, C14: the callable that a handle refers to may end the owner. From then on the handle finds nothing, not
// even if there is another owner at that place.
TEST_F(NestedEndTest, AHandleFindsNothingOfAnOwnerThatItsCallableHasEnded)
{
    std::optional<bench_owner> own(std::in_place, &upstream);
    devres_action handle;
    int result = 1;
    ASSERT_EQ(0, managed::add_action(
                     &*own,
                     [&] {
                         own.reset();
                         own.emplace(&upstream);
                         result = handle.cancel();
                     },
                     &handle));
    EXPECT_EQ(1, devres_release_all(&own->devres));
    EXPECT_EQ(-ENOENT, result);
    own.reset();
    EXPECT_EQ(0u, upstream.live_blocks());
}

// A9: nor does it find what was cut off, whose owner may be gone.
TEST_F(NestedEndTest, AHandleFindsNothingOfWhatWasCutOff)
{
    std::optional<bench_owner> own(std::in_place, &upstream);
    std::vector<devres_action> handles;
    handles.reserve(2 * devres_max_passes);
    callback = [&] {
        ASSERT_LE(handles.size(), 2u * devres_max_passes);
        ASSERT_EQ(0, managed::add_action(
                         &*own, [this] { callback(); }, &handles.emplace_back()));
    };
    callback();
    devres_drain(&own->devres);
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
    own.reset();
    own.emplace(&upstream);
    EXPECT_EQ(-ENOENT, handles.back().cancel());
    handles.clear();
}

// A9: a callable may drop the handle that refers to it.
TEST_F(NestedEndTest, AHandleMayGoInTheCallbackOfItsCallable)
{
    devres_action handle;
    const std::string large(1000, 'x');
    ASSERT_EQ(0, managed::add_action(
                     &owner,
                     [&handle, this, large] {
                         handle = devres_action();
                         log.add(large);
                     },
                     &handle));
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre(large));
    devres_drain(head);
    EXPECT_EQ(0u, upstream.live_blocks());
}

// A6: an upstream that krealloc asks for memory may release what is to be moved, and what it attaches in its
// place is not taken for that.
TEST_F(NestedEndTest, KreallocTakesNothingThatCameMeanwhile)
{
    void* p = managed::kmalloc(&owner, 100);
    ASSERT_TRUE(p);
    char* theirs = nullptr;
    upstream.on_call = [&] {
        upstream.on_call = nullptr;
        EXPECT_EQ(1, devres_release_all(head));
        theirs = static_cast<char*>(managed::kzalloc(&owner, 100));
    };
    EXPECT_EQ(nullptr, managed::krealloc(&owner, p, 5000));
    EXPECT_THAT(warnings.take_one(),
                HasSubstr(detail::checked_memory ? "not managed by this owner" : "freed already"));
    EXPECT_TRUE(detail::checked_memory || p == theirs) << "else this shows nothing";
    managed::kfree(&owner, theirs);
    EXPECT_EQ(0u, listed());
}

// A6: an upstream may end the owner when it gets memory back, and somebody listens.
TEST_F(NestedEndTest, AnUpstreamMayEndTheOwnerWhoseMemoryIsFreed)
{
    auto* own = new bench_owner(&upstream);
    void* p = managed::kmalloc(own, 70000);
    ASSERT_TRUE(p);
    upstream.on_call = [&] {
        upstream.on_call = nullptr;
        delete own;
        log.add("ended");
    };
    devres_set_log([](const char*, devres_head* ours, const char*, const char*, std::size_t) {
        EXPECT_STREQ("bench-1", devres_owner_name(ours));
    });
    managed::kfree(own, p);
    EXPECT_THAT(log.take(), ElementsAre("ended"));
}

// A1, A5, A6: what has been removed is found to be so, and what the upstream gets back may end the owner.
TEST_F(NestedEndTest, AnUpstreamMayEndTheOwnerWhoseIndexIsReplaced)
{
    constexpr int equal =
        400; // an index that was made for few keys overflows, and the next search replaces it
    int one = 0;
    int another = 0;
    int many = 0;
    bench_owner* own = nullptr;
    void* large = nullptr;
    const std::function<void()> calls[] = {
        [&] { EXPECT_EQ(0, managed::remove_action(own, &count_call, &one)); },
        [&] { EXPECT_EQ(-ENOENT, managed::remove_action_nowarn(own, &count_call, &another)); },
        [&] { EXPECT_EQ(-ENOENT, managed::remove_action(own, &count_call, &another)); },
        [&] { EXPECT_EQ(-ENOENT, managed::release_action(own, &count_call, &another)); },
        [&] { EXPECT_EQ(0, managed::release_action(own, &count_call, &one)); },
        [&] { EXPECT_TRUE(managed::is_action_added(own, &count_call, &one)); },
        [&] { EXPECT_EQ(-ENOENT, managed::destroy(own, &another)); },
        [&] { managed::kfree(own, large); },
        [&] { managed::kfree(own, &another); },
        [&] { EXPECT_EQ(nullptr, managed::krealloc(own, large, 5001)); }};
    for (const auto& call : calls) {
        own = new bench_owner(&upstream);
        ASSERT_TRUE(large = managed::kmalloc(own, 5000));
        ASSERT_EQ(0, managed::add_action(own, &count_call, &one));
        ASSERT_EQ(0, managed::add_action(own, &count_call, &another));
        for (int i = 0; i != equal; ++i)
            ASSERT_EQ(0, managed::add_action(own, &count_call, &many));
        EXPECT_EQ(0, managed::remove_action(own, &count_call, &another));
        devres_set_log([](const char*, devres_head* ours, const char*, const char*, std::size_t) {
            EXPECT_STREQ("bench-1", devres_owner_name(ours));
        });
        upstream.on_next_free = [&] {
            delete own;
            log.add("ended");
        };
        call();
        devres_set_log(nullptr);
        EXPECT_THAT(log.take(), ElementsAre("ended"));
        EXPECT_THAT(warnings.take(), ElementsAre()) << "of an owner that is gone";
    }
}

// C12: what is being cut off is freed, also what an upstream drains that gets some of it back.
TEST_F(NestedEndTest, WhatIsBeingCutOffIsNotReleasedByADrainOfTheUpstream)
{
    static NestedEndTest* test;
    static int calls;
    test = this;
    calls = 0;
    struct endless {
        static void again(int* n)
        {
            ++*n;
            EXPECT_EQ(0, managed::add_action(&test->owner, &endless::again, n));
            EXPECT_TRUE(devres_open_group(test->head, nullptr)); // the newest: it goes first
            if (*n == devres_max_passes)
                test->upstream.on_next_free = [] {
                    devres_drain(test->head);
                    test->log.add("drained");
                };
        }
    };
    ASSERT_EQ(0, managed::add_action(&owner, &endless::again, &calls));
    devres_drain(head);
    EXPECT_EQ(devres_max_passes, calls);
    EXPECT_THAT(log.take(), ElementsAre("drained"));
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
    EXPECT_EQ(0u, listed());
}

// The same if the upstream ends the owner, with something on it that is just being constructed.
TEST_F(NestedEndTest, AnUpstreamMayEndTheOwnerThatIsBeingCutOff)
{
    static bench_owner* own;
    static int calls;
    static test_upstream* its_upstream;
    its_upstream = &upstream;
    calls = 0;
    own = new bench_owner(&upstream);
    struct endless {
        static void again(int* n)
        {
            if (++*n < devres_max_passes) {
                EXPECT_EQ(0, managed::add_action(own, &endless::again, n));
                return;
            }
            EXPECT_EQ(nullptr, (managed::create<ender>(own, n)));
        }
        struct ender {
            explicit ender(int* n)
            {
                EXPECT_EQ(0, managed::add_action(own, &endless::again, n));
                EXPECT_TRUE(devres_open_group(&own->devres, nullptr));
                its_upstream->on_next_free = [] { delete std::exchange(own, nullptr); };
                devres_drain(&own->devres);
            }
        };
    };
    ASSERT_EQ(0, managed::add_action(own, &endless::again, &calls));
    devres_drain(&own->devres);
    EXPECT_EQ(nullptr, own);
    warnings.take();
}

// A9, C5: what is cut off knows nothing of the head any more when an upstream ends that.
TEST_F(NestedEndTest, WhatIsCutOffForgetsTheHeadBeforeAnUpstreamCanEndIt)
{
    static NestedEndTest* test;
    static bench_owner* own;
    static devres_action handle;
    static int calls;
    test = this;
    calls = 0;
    own = new bench_owner(&upstream);
    struct endless {
        static void again(int* n)
        {
            EXPECT_EQ(0, managed::add_action(own, &endless::again, n));
            if (++*n != devres_max_passes)
                return;
            EXPECT_EQ(0, managed::add_action(
                             own, [] { ADD_FAILURE(); }, &handle));
            devres_node_add(&own->devres, &test->first);
            EXPECT_TRUE(devres_open_group(&own->devres, nullptr)); // the newest
            test->upstream.on_next_free = [] {
                delete std::exchange(own, nullptr);
                EXPECT_EQ(-ENOENT, handle.cancel());
                devres_node_init(&test->first, nullptr, nullptr); // or it is a BUG
            };
        }
    };
    ASSERT_EQ(0, managed::add_action(own, &endless::again, &calls));
    devres_drain(&own->devres);
    EXPECT_EQ(nullptr, own);
    handle = {};
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
}

// A9, C14: the handle may be a member of the owner that ends while the callable is moved.
TEST_F(NestedEndTest, AHandleThatEndsWithItsOwnerIsNotWritten)
{
    struct with_handle : bench_owner {
        using bench_owner::bench_owner;
        devres_action handle;
    };
    static with_handle* own;
    own = new with_handle(&upstream);
    struct ends_when_moved {
        ends_when_moved() = default;
        ends_when_moved(ends_when_moved&&) noexcept { delete std::exchange(own, nullptr); }
        void operator()() const {}
    };
    EXPECT_EQ(0, managed::add_action(own, ends_when_moved(), &own->handle)); // else a write to freed memory
    EXPECT_EQ(nullptr, own);
    warnings.take();
}

// A6: what fits is gone all the same if the upstream drains that is asked for an index.
TEST_F(NestedEndTest, KreallocGivesNothingThatTheSearchForItHasLost)
{
    void* p = managed::kmalloc(&owner, 4000);
    ASSERT_TRUE(p);
    int called = 0;
    for (int i = 0; i != 300; ++i)
        ASSERT_EQ(0, managed::add_action(&owner, &count_call, &called));
    bool armed = true;
    upstream.on_call = [&] {
        if (std::exchange(armed, false))
            devres_drain(head);
    };
    EXPECT_EQ(nullptr, managed::krealloc(&owner, p, 3900));
    upstream.on_call = nullptr;
    EXPECT_FALSE(armed);
    EXPECT_EQ(300, called);
    EXPECT_EQ(1u, warnings.take().size());
}

// A5, C14: the index that a long search calls for is built while the resource is claimed. The upstream that
// is asked for its memory may drain the head or end the owner: then the release is over, and nothing is left.
struct index_case {
    bool ends;      // or drains
    bool by_action; // or an object
    bool has_slots; // and therefore tables for an index, or only blocks of their own
};
class IndexUnderwayTest : public core_fixture, public ::testing::WithParamInterface<index_case> {};

TEST_P(IndexUnderwayTest, TheUpstreamMayDrainOrEndTheOwner)
{
    constexpr int many = 2000;
    struct alignas(64) large_object { // in a block of its own, which an index knows
        explicit large_object(int* n) : destroyed(n) {}
        ~large_object() { ++*destroyed; }
        int* destroyed;
    };
    const auto [ends, by_action, has_slots] = GetParam();
    auto own = std::make_unique<bench_owner>(&upstream);
    std::vector<int> called(has_slots ? many : 0);
    for (int& n : called)
        ASSERT_EQ(0, managed::add_action(own.get(), &count_call, &n));
    int destroyed = 0;
    std::vector<large_object*> objects(many);
    for (auto& object : objects)
        ASSERT_TRUE(object = managed::create<large_object>(own.get(), &destroyed));
    bool armed = true;
    upstream.on_call = [&, ends = ends] {
        if (!std::exchange(armed, false))
            return;
        if (ends)
            own.reset();
        else
            devres_drain(&own->devres);
    };
    EXPECT_EQ(0, by_action ? managed::release_action(own.get(), &count_call, &called[0])
                           : managed::destroy(own.get(), objects[0]));
    EXPECT_FALSE(armed);
    upstream.on_call = nullptr;
    EXPECT_THAT(called, Each(1));
    EXPECT_EQ(many, destroyed);
    if (ends)
        return;
    std::thread([&] { // which would wait for a pass that has not left
        ASSERT_TRUE(managed::kmalloc(own.get(), 10));
        EXPECT_EQ(1, devres_drain(&own->devres));
    })
        .join();
}

INSTANTIATE_TEST_SUITE_P(Index, IndexUnderwayTest,
                         ::testing::Values(index_case{false, true, true}, index_case{true, true, true},
                                           index_case{false, false, true}, index_case{true, false, true},
                                           index_case{false, false, false}, index_case{true, false, false}));

// C12: the upstream to which an ending head gives its memory back attaches something: that is released, too.
TEST_F(NestedEndTest, WhatAnUpstreamAttachesToAnEndingHeadIsReleased)
{
    struct plain_owner {
        explicit plain_owner(std::pmr::memory_resource* m) : devres(&bench_owner::ops, m) {}
        devres_head devres;
    };
    auto ending = std::make_unique<plain_owner>(&upstream);
    devres_head* its_head = &ending->devres;
    ASSERT_TRUE(managed::kmalloc(ending.get(), 40));
    bool armed = true;
    upstream.on_call = [&] {
        if (std::exchange(armed, false))
            devres_node_add(its_head, &first);
    };
    ending.reset();
    upstream.on_call = nullptr;
    EXPECT_THAT(warnings.take_one(), HasSubstr("being destroyed"));
    EXPECT_THAT(log.take(), ElementsAre("first"));
}

// C12, C15: two ends wait, each for a pass that the other thread has further down on its stack. The one whose
// pass is over first lets the other go on when it begins to wait itself.
TEST_F(NestedEndTest, AnEndThatBeginsToWaitLetsAnotherGoOn)
{
    doorway both_inside;
    doorway other_waits;
    const auto meet = [&] {
        both_inside.open();
        other_waits.pass();
    };
    ASSERT_EQ(0, managed::add_action(&owner, meet));
    std::thread drainer([&] { devres_drain(head); });
    both_inside.pass();
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  std::thread opener([&, here = gettid()] {
                      await_asleep(here);
                      other_waits.open();
                  });
                  devres_drain(head); // waits for the drainer's callback
                  opener.join();
              }));
    devres_release_all(head);
    drainer.join();
    EXPECT_THAT(warnings.take(), IsEmpty());
    EXPECT_EQ(0u, listed());
}

} // namespace
