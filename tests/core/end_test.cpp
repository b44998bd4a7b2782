// SPDX-License-Identifier: MIT
//
// The end of an owner when other threads are about, or when it happens in the middle of something: C12,
// C14 to C16, V11, V12.
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/core_test.h"
#include "support/environment.h"
#include "support/threads.h"

#include <devres/env/sanitizer.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

// Every wait of the library that takes a millisecond is reported: so a test knows that a thread waits.
class EndTest : public core_fixture {
public:
    ~EndTest() override { devres_set_wait_warning(before_); }

    // Returns when somebody has reported that he waits; all that was reported is in `reports`.
    void await_report(std::size_t n = 1)
    {
        while (reports.size() < n) {
            for (std::string& message : warnings.take())
                reports.push_back(std::move(message));
            std::this_thread::yield();
        }
    }
    // Nobody waits any more.
    void expect_only_reports_of_waiting()
    {
        for (std::string& message : warnings.take())
            reports.push_back(std::move(message));
        EXPECT_THAT(reports, ::testing::Each(HasSubstr("has waited")));
    }
    std::vector<std::string> reports;

private:
    unsigned before_ = devres_set_wait_warning(1);
};

// --- Drains inside drains ----------------------------------------------------------------------------------

// C12, C14: a callback of a drain drains its head, which lives on, and attaches again; all memory comes back.
TEST_F(EndTest, ACallbackOfADrainMayDrainTheHead)
{
    for (const std::size_t late : {0u, 1u, 300u}) {
        for (int i = 0; i < 300; ++i)
            ASSERT_EQ(0, managed::add_action(&owner, [this] { log.add("action"); }));
        ASSERT_TRUE(managed::kmalloc(&owner, 70000));
        int outer = 0;
        ASSERT_EQ(0, managed::add_action(&owner, [&] {
                      EXPECT_EQ(301, devres_drain(head));
                      for (std::size_t i = 0; i < late; ++i) {
                          void* p = managed::kmalloc(&owner, 40);
                          ASSERT_TRUE(p);
                          std::memset(p, 0x5a, 40);
                      }
                      ASSERT_TRUE(managed::kmalloc(&owner, 60000));
                      ++outer;
                  }));
        EXPECT_EQ(303 + static_cast<int>(late), devres_drain(head));
        EXPECT_EQ(1, outer);
        EXPECT_EQ(300u, log.take().size());
        EXPECT_EQ(0u, listed());
        EXPECT_EQ(0u, upstream.live_blocks()) << "with " << late << " attached after the inner drain";
    }
}

// C14: the same by a node, which leaves no memory of its own to the outer drain.
TEST_F(EndTest, ANodesReleaseMayDrainTheHead)
{
    struct drainer : devres_node {
        explicit drainer(bench_owner* o) : owner(o) { devres_node_init(this, &release, "drainer"); }
        static void release(devres_head* h, devres_node* node)
        {
            bench_owner* own = static_cast<drainer*>(node)->owner;
            EXPECT_TRUE(managed::kmalloc(own, 40));
            EXPECT_EQ(1, devres_drain(h));
            EXPECT_TRUE(managed::kmalloc(own, 40));
        }
        bench_owner* owner;
    };
    drainer node(&owner);
    devres_node_add(head, &node);
    devres_drain(head);
    EXPECT_EQ(0u, listed());
    EXPECT_EQ(0u, upstream.live_blocks());
}

// C14: the same three deep, and the innermost one is the owner's end.
TEST_F(EndTest, ADrainInsideADrainMayBeTheOwnersEnd)
{
    auto* own = new bench_owner(&upstream);
    const auto attach_some = [own] {
        for (int i = 0; i < 100; ++i)
            ASSERT_TRUE(managed::kmalloc(own, 100));
        ASSERT_TRUE(managed::kmalloc(own, 70000));
    };
    attach_some();
    ASSERT_EQ(0, managed::add_action(own, [=, this] {
                  devres_drain(&own->devres);
                  attach_some();
                  ASSERT_EQ(0, managed::add_action(own, [=, this] {
                                devres_drain(&own->devres);
                                attach_some();
                                delete own;
                                log.add("ended");
                            }));
              }));
    devres_drain(&own->devres);
    EXPECT_THAT(log.take(), ElementsAre("ended"));
    EXPECT_EQ(0u, upstream.live_blocks());
}

// C14: a drain inside the callback of a release_all, of which the head survives.
TEST_F(EndTest, ACallbackOfAPassMayDrainTheHead)
{
    for (int i = 0; i < 100; ++i)
        ASSERT_TRUE(managed::kmalloc(&owner, 100));
    void* kept = nullptr;
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  EXPECT_EQ(100, devres_drain(head));
                  kept = managed::kzalloc(&owner, 100);
              }));
    devres_release_all(head);
    EXPECT_EQ(1u, listed());
    managed::kfree(&owner, kept);
    EXPECT_EQ(0u, listed());
    devres_drain(head);
    EXPECT_EQ(0u, upstream.live_blocks());
}

// What an inner drain frees is there for the next one: many of them take no more memory than a few.
TEST_F(EndTest, ADrainInsideAPassGivesBackWhatItHasFreed)
{
    if (detail::checked_memory)
        GTEST_SKIP() << "with AddressSanitizer no slot is used again";
    const auto attach_and_drain = [this] {
        for (int i = 0; i < 10; ++i)
            ASSERT_TRUE(managed::kmalloc(&owner, 100));
        EXPECT_EQ(10, devres_drain(head));
    };
    std::size_t after_one = 0;
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  attach_and_drain();
                  after_one = upstream.live_bytes();
                  for (int i = 0; i < 50; ++i)
                      attach_and_drain();
                  EXPECT_EQ(after_one, upstream.live_bytes());
              }));
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_NE(0u, after_one);
}

// --- The last reference on another thread ------------------------------------------------------------------

// An owner and its upstream that end together on another thread, while this one is in a callback of a drain.
struct passed_on {
    explicit passed_on(EndTest* t) : test(t)
    {
        upstream->on_call = [this] {
            linger();
            EXPECT_FALSE(ended) << "the upstream is used although the owner has ended";
        };
    }
    ~passed_on() { upstream->on_call = nullptr; }
    passed_on(const passed_on&) = delete;
    passed_on& operator=(const passed_on&) = delete;

    // Returns when the other thread waits for this one.
    void end_on_another_thread()
    {
        other = std::thread([this] {
            delete owner;
            ended = true;
        });
        test->await_report();
    }

    EndTest* test;
    std::unique_ptr<test_upstream> upstream = std::make_unique<test_upstream>();
    bench_owner* owner = new bench_owner(upstream.get());
    std::thread other;
    std::atomic<bool> ended{false};
};

// C14: a drain's callback hands the last reference to another thread. After its last pass the drain looks at
// nothing, nor does it give anything to an upstream that may be gone.
TEST_F(EndTest, ADrainsCallbackMayHandTheLastReferenceToAnotherThread)
{
    for (const std::size_t size : {40u, 70000u}) {
        passed_on last(this);
        ASSERT_TRUE(managed::kmalloc(last.owner, size));
        ASSERT_EQ(0, managed::add_action(last.owner, [&] { last.end_on_another_thread(); }));
        ASSERT_TRUE(managed::kmalloc(last.owner, size));
        EXPECT_EQ(3, devres_drain(&last.owner->devres));
        last.other.join();
        expect_only_reports_of_waiting();
        reports.clear();
    }
}

// C14: the same in a drain inside the callback of a pass, which then has the head's memory to give back.
TEST_F(EndTest, ADrainInsideAPassMayHandTheLastReferenceToAnotherThread)
{
    passed_on last(this);
    ASSERT_TRUE(managed::kmalloc(last.owner, 40));
    ASSERT_TRUE(managed::kmalloc(last.owner, 70000));
    ASSERT_EQ(0, managed::add_action(last.owner, [&] {
                  devres_drain(&last.owner->devres);
                  last.end_on_another_thread();
              }));
    EXPECT_EQ(3, devres_release_all(&last.owner->devres));
    last.other.join();
    expect_only_reports_of_waiting();
}

// C14: without a rendezvous, many times over. AddressSanitizer and ThreadSanitizer are the judges.
TEST_F(EndTest, ADrainRacesTheEndOnAnotherThread)
{
    for (int round = 0; round < 200; ++round) {
        auto* own = new bench_owner(&upstream);
        std::thread other;
        for (int i = 0; i < 70; ++i) // enough for the lock to be biased to this thread
            ASSERT_TRUE(managed::kmalloc(own, 40));
        ASSERT_EQ(0, managed::add_action(own, [&] { other = std::thread([own] { delete own; }); }));
        devres_drain(&own->devres);
        other.join();
    }
    expect_only_reports_of_waiting();
    EXPECT_EQ(0u, upstream.live_blocks());
}

// C13, C15: several drains of one head wait for one claim; all of them go on once it has finished.
TEST_F(EndTest, SeveralDrainsWaitForOneClaim)
{
    doorway inside;
    doorway leave;
    bool done = false;
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  inside.open();
                  leave.pass();
                  done = true;
              }));
    std::thread claimer([&] { EXPECT_EQ(1, devres_release_all(head)); });
    inside.pass();
    std::vector<std::thread> drainers;
    for (int i = 0; i < 4; ++i)
        drainers.emplace_back([&] {
            EXPECT_EQ(0, devres_drain(head));
            EXPECT_TRUE(done);
        });
    await_report(8); // of several threads, and most of them have gone back to sleep
    leave.open();
    claimer.join();
    for (std::thread& t : drainers)
        t.join();
    expect_only_reports_of_waiting();
}

// C13, C15: drains of one head on several threads wait for one another's passes, but not for one another.
TEST_F(EndTest, DrainsOnSeveralThreadsAllReturn)
{
    for (int round = 0; round < 50; ++round) {
        std::vector<std::thread> drainers;
        for (int i = 0; i < 3; ++i)
            drainers.emplace_back([&] {
                for (int n = 0; n < 20; ++n) {
                    EXPECT_EQ(0, managed::add_action(&owner, [] {}));
                    devres_drain(head);
                }
            });
        for (std::thread& t : drainers)
            t.join();
    }
    EXPECT_EQ(0u, listed());
    expect_only_reports_of_waiting();
    EXPECT_EQ(0u, upstream.live_blocks());
}

// --- The cut-off -------------------------------------------------------------------------------------------

// C12: what another thread attaches during the end is released by it, however often, and does not count.
TEST_F(EndTest, WhatOtherThreadsAttachDoesNotCountTowardsTheCutOff)
{
    constexpr int rounds = devres_max_passes + 50;
    std::atomic<int> wanted{0};
    std::atomic<int> attached{0};
    int released = 0;
    std::function<void()> next = [&] {
        ++released;
        wanted = wanted + 1;
        wanted.notify_one();
        for (int seen = attached; seen != wanted; seen = attached)
            attached.wait(seen);
    };
    std::thread other([&] {
        for (int n = 1; n <= rounds; ++n) {
            for (int seen = wanted; seen != n; seen = wanted)
                wanted.wait(seen);
            if (n != rounds) {
                EXPECT_EQ(0, managed::add_action(&owner, [&next] { next(); }));
                void* p = managed::kmalloc(&owner, 100); // attached and taken away
                EXPECT_TRUE(p);
                managed::kfree(&owner, p);
            }
            attached = n;
            attached.notify_one();
        }
    });
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  EXPECT_TRUE(managed::kmalloc(&owner, 100)); // one round is this thread's doing
                  next();
              }));
    devres_drain(head);
    other.join();
    EXPECT_EQ(rounds, released);
}

// C12: what another thread's claim adds after the cut-off is released, not discarded; then the head is empty.
TEST_F(EndTest, AnOwnerIsEmptyAfterTheCutOffWhateverAnotherThreadsClaimAdds)
{
    struct again {
        bench_owner* owner;
        doorway* last;
        int calls = 0;
        int* destroyed;
        static void run(again* self)
        {
            if (++self->calls == devres_max_passes)
                self->last->open();
            EXPECT_EQ(0, managed::add_action(self->owner, &run, self));
            struct capture {
                int* destroyed;
                explicit capture(int* d) : destroyed(d) {}
                capture(capture&& other) noexcept : destroyed(std::exchange(other.destroyed, nullptr)) {}
                capture& operator=(capture&&) = delete;
                ~capture()
                {
                    if (destroyed)
                        ++*destroyed;
                }
                void operator()() const {}
            };
            EXPECT_EQ(0, managed::add_action(self->owner, capture(self->destroyed)));
        }
    };
    doorway inside;
    doorway last;
    int destroyed = 0;
    again self{&owner, &last, 0, &destroyed};
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  inside.open();
                  last.pass();
                  linger();
                  EXPECT_EQ(0, managed::add_action(&owner, [this] { log.add("late"); }));
              }));
    std::thread claimer([&] { EXPECT_EQ(1, devres_release_all(head)); });
    inside.pass();
    ASSERT_EQ(0, managed::add_action(&owner, &again::run, &self));
    devres_drain(head);
    EXPECT_EQ(0u, listed());
    claimer.join();
    EXPECT_EQ(0u, listed());
    std::vector<std::string> cut_off;
    for (const std::string& message : warnings.take())
        if (message.find("has waited") == std::string::npos)
            cut_off.push_back(message);
    EXPECT_THAT(cut_off, ElementsAre(AllOf(HasSubstr("devres_drain"), HasSubstr("bench-1"),
                                           HasSubstr("captures of callables"), HasSubstr("not destroyed"))));
    EXPECT_EQ(devres_max_passes, self.calls);
    EXPECT_EQ(devres_max_passes - 1, destroyed) << "those of the last pass are not";
}

// C12: a node that was cut off is its owner's again.
TEST_F(EndTest, ANodeThatComesBackForEverMayBeUsedAfterTheCutOff)
{
    devres_node phoenix;
    devres_node_init(
        &phoenix, [](devres_head* h, devres_node* n) { devres_node_add(h, n); }, "phoenix");
    devres_node_add(head, &phoenix);
    devres_drain(head);
    EXPECT_THAT(warnings.take_one(), HasSubstr("phoenix"));
    devres_node_add(head, &phoenix);
    EXPECT_TRUE(devres_node_remove(head, &phoenix));
}

// --- Long waits --------------------------------------------------------------------------------------------

// V11: an end that waits for another thread's release says so, and goes on waiting.
TEST_F(EndTest, ReportsALongWaitForAnotherThreadsRelease)
{
    doorway inside;
    doorway leave;
    bool done = false;
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  inside.open();
                  leave.pass();
                  done = true;
              }));
    std::thread claimer([&] { EXPECT_EQ(1, devres_release_all(head)); });
    inside.pass();
    std::thread ender([&] {
        devres_drain(head);
        EXPECT_TRUE(done);
    });
    await_report(3); // again after twice the time, and again
    EXPECT_THAT(reports[0], AllOf(HasSubstr("devres_drain: bench \"bench-1\""), HasSubstr("has waited"),
                                  HasSubstr("another thread")));
    leave.open();
    ender.join();
    claimer.join();
    expect_only_reports_of_waiting();
}

// V11: the same for a construction that is under way on another thread.
TEST_F(EndTest, ReportsALongWaitForAnotherThreadsConstruction)
{
    struct slow {
        slow(doorway* inside, doorway* leave)
        {
            inside->open();
            leave->pass();
        }
    };
    doorway inside;
    doorway leave;
    std::thread maker([&] { EXPECT_FALSE(managed::create<slow>(&owner, &inside, &leave)); });
    inside.pass();
    std::thread ender([&] { devres_drain(head); });
    await_report(2);
    EXPECT_THAT(reports[0], HasSubstr("released while it is still being constructed"));
    EXPECT_THAT(reports[1], AllOf(HasSubstr("has waited"), HasSubstr("constructing")));
    leave.open();
    ender.join();
    maker.join();
    reports.erase(reports.begin());
    expect_only_reports_of_waiting();
}

// --- Ends inside constructors ------------------------------------------------------------------------------

// What a constructor ends, while its own place is on the list, in the middle of others.
struct ender {
    ender(bench_owner* own, event_log* l, bool throws) : log(l)
    {
        EXPECT_TRUE(managed::kmalloc(own, 40));
        EXPECT_TRUE(managed::kmalloc(own, 70000));
        delete own;
        log->add("ended");
#if defined(DEVRES_TEST_EXCEPTIONS)
        if (throws)
            throw 1;
#else
        (void)throws;
#endif
    }
    ~ender()
    {
        log->add("destroyed");
    }
    ender(const ender&) = delete;
    ender& operator=(const ender&) = delete;
    event_log* log;
};
struct alignas(128) aligned_ender : ender { // in a block of its own
    using ender::ender;
};

template <class T>
class EndInConstructorTest : public EndTest {
public:
    bench_owner* filled()
    {
        auto* own = new bench_owner(&upstream);
        for (int i = 0; i < 70; ++i) // enough for the lock to be biased
            EXPECT_TRUE(managed::kmalloc(own, 40));
        EXPECT_EQ(0, managed::add_action(own, [this] { log.add("older"); }));
        return own;
    }
};
using enders = ::testing::Types<ender, aligned_ender>;
TYPED_TEST_SUITE(EndInConstructorTest, enders);

// C14, A8: a constructor ends its owner and returns: no object, which is destroyed once, and nothing is left.
TYPED_TEST(EndInConstructorTest, ReturnsAfterwards)
{
    bench_owner* own = this->filled();
    EXPECT_EQ(nullptr, managed::create<TypeParam>(own, own, &this->log, false));
    EXPECT_THAT(this->log.take(), ElementsAre("older", "ended", "destroyed"));
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("constructed"));
    EXPECT_EQ(0u, this->upstream.live_blocks());
}

#if defined(DEVRES_TEST_EXCEPTIONS)
// C14, A8: it throws instead.
TYPED_TEST(EndInConstructorTest, ThrowsAfterwards)
{
    bench_owner* own = this->filled();
    EXPECT_THROW((void)managed::create<TypeParam>(own, own, &this->log, true), int);
    EXPECT_THAT(this->log.take(), ElementsAre("older", "ended"));
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("constructed"));
    EXPECT_EQ(0u, this->upstream.live_blocks());
}
#endif

// C14: the constructor of an object drains its owner, which lives on.
TEST_F(EndTest, AConstructorMayDrainItsOwner)
{
    struct drainer {
        explicit drainer(bench_owner* own) { EXPECT_EQ(1, devres_drain(&own->devres)); }
    };
    ASSERT_TRUE(managed::kmalloc(&owner, 40));
    EXPECT_FALSE(managed::create<drainer>(&owner, &owner));
    EXPECT_THAT(warnings.take_one(), HasSubstr("constructed"));
    void* p = managed::kmalloc(&owner, 40);
    managed::kfree(&owner, p);
    EXPECT_EQ(0, devres_drain(&owner.devres));
    EXPECT_EQ(0u, upstream.live_blocks());
}

// --- Handles and kinds -------------------------------------------------------------------------------------

// Section 7, A9: a handle that is moved to itself keeps what it has.
TEST_F(EndTest, AHandleMovedToItselfKeepsItsCallable)
{
    devres_action handle;
    ASSERT_EQ(0, managed::add_action(
                     &owner, [this] { log.add("called"); }, &handle));
    devres_action& same = handle;
    handle = std::move(same);
    EXPECT_TRUE(handle);
    EXPECT_EQ(0, handle.run());
    EXPECT_THAT(log.take(), ElementsAre("called"));
}

// A9: a log hook that ends the owner while a handle cancels.
TEST_F(EndTest, ALogHookMayEndTheOwnerOfAHandle)
{
    static bench_owner* own;
    own = new bench_owner(&upstream);
    devres_action handle;
    ASSERT_EQ(0, managed::add_action(
                     own, [this] { log.add("called"); }, &handle));
    devres_set_log([](const char*, devres_head*, const char*, const char*, std::size_t) {
        delete std::exchange(own, nullptr);
    });
    EXPECT_EQ(0, handle.cancel());
    devres_set_log(nullptr);
    EXPECT_EQ(0u, upstream.live_blocks());
    EXPECT_THAT(log.take(), IsEmpty());
}

// C15: a head ends, without a drain, while another thread takes its last resource by a handle. Whoever comes
// second, the head is not touched once it has gone.
TEST_F(EndTest, AHeadMayEndWhileAHandleTakesItsLastResource)
{
    struct plain_owner {
        devres_head devres;
    };
    devres_action handle;
    std::atomic<int> begun{0};
    std::atomic<int> done{0};
    constexpr int rounds = 2000;
    std::thread canceller([&] {
        for (int round = 1; round <= rounds; ++round) {
            while (begun.load(std::memory_order_acquire) != round)
                std::this_thread::yield();
            handle.cancel();
            done.store(round, std::memory_order_release);
        }
    });
    for (int round = 1; round <= rounds; ++round) {
        auto* own = new plain_owner;
        ASSERT_EQ(0, managed::add_action(
                         own, [] {}, &handle));
        begun.store(round, std::memory_order_release);
        delete own;
        while (done.load(std::memory_order_acquire) != round)
            std::this_thread::yield();
    }
    canceller.join();
    for (const std::string& message : warnings.take())
        EXPECT_THAT(message, HasSubstr("still on a head that is being destroyed"));
}

// V12: the operations of a type stand in each module that uses it; what one has made another one recognises.
TEST_F(EndTest, KindsAreRecognisedByTypeAndNotByAddress)
{
    const auto& ours = detail::object_resource<std::string>::ops;
    const std::string name = ours.name;
    const detail::resource_ops theirs{ours.kind, ours.release, name.c_str()};
    const detail::resource_ops other{ours.kind, ours.release, "another type"};
    auto* made = managed::create<std::string>(&owner, "made here");
    ASSERT_TRUE(made);
    EXPECT_EQ(-ENOENT, detail::destroy_object(head, made, &other));
    EXPECT_THAT(warnings.take_one(), HasSubstr("another kind"));
    EXPECT_EQ(0, detail::destroy_object(head, made, &theirs));
    EXPECT_EQ(0u, listed());
}

// --- Epochs ------------------------------------------------------------------------------------------------

constexpr int epochs = 1 << 21;

// C16: epochs come round again inside one callback; the siblings of its pass do not look listed.
TEST_F(EndTest, SiblingsStayDetachedWhenEpochsComeRoundAgain)
{
    node_item sibling(&log, "sibling");
    devres_node_add(head, &sibling);
    void* memory = managed::kmalloc(&owner, 40);
    ASSERT_TRUE(memory);
    devres_action handle;
    ASSERT_EQ(0, managed::add_action(
                     &owner, [this] { log.add("handle"); }, &handle));
    ASSERT_EQ(0, managed::add_action(&owner, [&] {
                  node_item own(nullptr, "own");
                  devres_node_init(&own, nullptr);
                  for (int i = 0; i < epochs - 4; ++i) {
                      devres_node_add(head, &own);
                      devres_release_all(head);
                  }
                  for (int i = 0; i < 8; ++i) {
                      EXPECT_FALSE(devres_node_remove(head, &sibling)) << i;
                      managed::kfree(&owner, memory);
                      EXPECT_THAT(warnings.take_one(), HasSubstr("released")) << i;
                      devres_node_add(head, &own);
                      devres_release_all(head);
                  }
                  EXPECT_EQ(-ENOENT, handle.cancel());
                  EXPECT_EQ(0u, listed());
              }));
    EXPECT_EQ(4, devres_release_all(head));
    EXPECT_THAT(log.take(), ElementsAre("handle", "sibling"));
}

// C16: an index that a release of everything left behind is not taken for a valid one when its epoch comes
// round again.
TEST_F(EndTest, AnIndexStaysOvertakenWhenEpochsComeRoundAgain)
{
    std::vector<step> steps(200, step{&log, "step"});
    for (step& s : steps)
        ASSERT_EQ(0, managed::add_action(&owner, &record, &s));
    ASSERT_EQ(0, managed::remove_action_nowarn(&owner, &record, &steps[0]));
    node_item own(nullptr, "own");
    devres_node_init(&own, nullptr);
    ASSERT_EQ(199, devres_release_all(head));
    for (int i = 1; i < epochs; ++i) {
        devres_node_add(head, &own);
        devres_release_all(head);
    }
    for (step& s : steps)
        ASSERT_FALSE(managed::is_action_added(&owner, &record, &s));
    ASSERT_EQ(0, managed::add_action(&owner, &record, &steps[7]));
    for (step& s : steps)
        ASSERT_EQ(&s == &steps[7], managed::is_action_added(&owner, &record, &s));
    EXPECT_EQ(0, managed::remove_action_nowarn(&owner, &record, &steps[7]));
    EXPECT_EQ(199u, log.take().size());
}

} // namespace
