// SPDX-License-Identifier: MIT
//
// What no schedule shows on the machine at hand: that the barriers which locks and revocation rest on are
// issued, that nothing is called or allocated under a head's lock, and the ends of guards that hardly happen.
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_managed.h>
#include <devres/drm_registration.h>
#include <devres/managed.h>

#include "device/scripted_device.h"
#include "revocation/tracked.h"
#include "support/run_again.h"
#include "support/session.h"
#include "support/system_calls.h"
#include "support/threads.h"
#include "support/upstream.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using ::testing::HasSubstr;

// --- Barriers, counted by the kernel -----------------------------------------------------------------------

constexpr drm_driver plain_driver{.name = "structure"};

// Sections in a row, by the calling thread: more than a lock that has lost a bias twice needs to be biased to
// it.
void earn_a_bias(session& owner)
{
    for (int i = 0; i != 10000; ++i)
        managed::kfree(&owner, managed::kmalloc(&owner, 8));
}

class CountedBarrierTest : public testing::Test {
protected:
    void SetUp() override
    {
        if (!detail::have_membarrier())
            GTEST_SKIP() << "readers and locks fence, where nobody could count";
        if (!barrier_counter::run([] {}))
            GTEST_SKIP() << "the kernel does not let this process install a seccomp filter";
    }

    // How many barriers `body` asks the kernel for, in a thread of its own.
    template <class Body>
    static unsigned barriers_of(Body body)
    {
        unsigned counted = 0;
        EXPECT_TRUE(barrier_counter::run([&] {
            const unsigned before = barrier_counter::count();
            body();
            counted = barrier_counter::count() - before;
        }));
        return counted;
    }

    warn_capture warns;
    tracking t;
};

TEST_F(CountedBarrierTest, ARevokeIssuesOne) // V1, V13
{
    revocable<tracked> r(&t);
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_TRUE(r.revoke()); }));
    EXPECT_EQ(0u, barriers_of([&] { EXPECT_FALSE(r.revoke()); })) << "there is nothing left to wait for";
}

TEST_F(CountedBarrierTest, ANowaitRevokeIssuesOne) // V1, V13
{
    revocable<tracked> r(&t);
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_TRUE(r.revoke(nowait)); }));
}

TEST_F(CountedBarrierTest, ADestructorIssuesOne) // V1
{
    auto* r = new revocable<tracked>(&t);
    EXPECT_EQ(1u, barriers_of([&] { delete r; }));
}

TEST_F(CountedBarrierTest, UnbindIssuesOneHoweverManyContainersThereAre) // V4, D3 (2)
{
    scripted_device dev;
    std::array<devres_ptr<tracked>, 20> handles;
    const auto probe = [&](const bound_device& b) {
        for (devres_ptr<tracked>& h : handles)
            EXPECT_EQ(0, devres_ptr<tracked>::create(b, &h, &t));
        return 0;
    };
    EXPECT_EQ(1u, barriers_of([&] {
                  EXPECT_EQ(0, dev.bind(probe));
                  EXPECT_EQ(0, dev.unbind());
              }));
    EXPECT_EQ(20, t.destroyed);
}

TEST_F(CountedBarrierTest, UnbindWithoutContainersIssuesNone) // D3 (2)
{
    scripted_device dev;
    EXPECT_EQ(0u, barriers_of([&] {
                  EXPECT_EQ(0, dev.bind());
                  EXPECT_EQ(0, dev.unbind());
              }));
}

TEST_F(CountedBarrierTest, AnEarlyRevokeAndADropOfAContainerIssueOneEach) // V1, V8
{
    scripted_device dev;
    std::array<devres_ptr<tracked>, 2> handles;
    const auto probe = [&](const bound_device& b) {
        for (devres_ptr<tracked>& h : handles)
            EXPECT_EQ(0, devres_ptr<tracked>::create(b, &h, &t));
        return 0;
    };
    EXPECT_EQ(2u, barriers_of([&] {
                  ASSERT_EQ(0, dev.bind(probe));
                  EXPECT_TRUE(handles[0].revoke());
                  handles[1].reset();
              }));
    EXPECT_EQ(2, t.destroyed);
}

TEST_F(CountedBarrierTest, AGroupWithTwoContainersIssuesTwo) // V1, G5
{
    scripted_device dev;
    std::array<devres_ptr<tracked>, 2> handles;
    const auto probe = [&](const bound_device& b) {
        void* group = devm_open_group(b, nullptr);
        for (devres_ptr<tracked>& h : handles)
            EXPECT_EQ(0, devres_ptr<tracked>::create(b, &h, &t));
        EXPECT_EQ(2, devm_release_group(b, group));
        return 0;
    };
    EXPECT_EQ(2u, barriers_of([&] { ASSERT_EQ(0, dev.bind(probe)); }));
    EXPECT_EQ(2, t.destroyed);
}

TEST_F(CountedBarrierTest, UnplugAndAFailedRegisterIssueOneEach) // M5
{
    device* parent = device_create("parent");
    static constexpr drm_driver failing{.name = "failing",
                                        .load = [](drm_device*, unsigned long) { return -EIO; }};
    drm_device* drm = drm_dev_alloc(&failing, parent);
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_EQ(-EIO, drm_dev_register(drm)); }));
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); }));
    EXPECT_EQ(0u, barriers_of([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); }));
    drm_dev_put(drm);
    device_unregister(parent);
}

TEST_F(CountedBarrierTest, WhoEndsABiasIssuesOne) // C13
{
    session owner;
    earn_a_bias(
        owner); // by this thread, which stays: one that takes a former thread's place takes its bias, too
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_TRUE(managed::kmalloc(&owner, 8)); }))
        << "the lock was biased to another thread";
    EXPECT_EQ(0u, barriers_of([&] { EXPECT_TRUE(managed::kmalloc(&owner, 8)); }))
        << "it is nobody's any more";
}

TEST_F(CountedBarrierTest, TheOwnerOfABiasIssuesNone) // C13
{
    EXPECT_EQ(0u, barriers_of([&] {
                  session owner;
                  earn_a_bias(owner);
                  EXPECT_EQ(0, managed::add_action(
                                   &owner, [](int*) {}, static_cast<int*>(nullptr)));
                  earn_a_bias(owner);
              }));
}

// Who goes to sleep announces itself, then makes everybody pass a barrier (parking_algorithm.h).
TEST_F(CountedBarrierTest, WhoGoesToSleepIssuesOne) // M5
{
    device* parent = device_create("parent");
    drm_device* drm = drm_dev_alloc(&plain_driver, parent);
    int asked = 0;
    std::thread waker([&] {
        await_sleepers(1);
        drm_wake_up(drm);
    });
    EXPECT_EQ(1u, barriers_of([&] { EXPECT_EQ(0, drm_wait_event(drm, [&] { return asked++ != 0; })); }));
    waker.join();
    EXPECT_EQ(0u, barriers_of([&] { EXPECT_EQ(0, drm_wait_event(drm, [] { return true; })); }))
        << "no need to sleep";
    drm_dev_put(drm);
    device_unregister(parent);
}

// --- Nothing is called, and no memory is asked for, under a head's lock ------------------------------------

// Another thread goes through the lock of `head`; it hangs, and the test with it, if the caller holds that.
void expect_unlocked(devres_head* head)
{
    std::thread([head] { devres_find(head, [](devres_head*, void*) {}); }).join();
}

struct looking {
    devres_head* head;
    int* looks;

    void look() const
    {
        expect_unlocked(head);
        ++*looks;
    }
};

// Its constructor and destructor look.
struct looking_object {
    explicit looking_object(looking l) : mine(l) { mine.look(); }
    ~looking_object() { mine.look(); }
    looking_object(const looking_object&) = delete;
    looking_object& operator=(const looking_object&) = delete;
    looking mine;
    std::array<char, 3000> room{};
};

void tell(looking* l)
{
    l->look();
}

struct looking_node : devres_node {
    explicit looking_node(looking l) : mine(l)
    {
        devres_node_init(this,
                         [](devres_head*, devres_node* n) { static_cast<looking_node*>(n)->mine.look(); });
    }
    looking mine;
};

// Cold: nobody owns a bias. Hot: the thread that does everything has earned one, and every look ends it.
class UnlockedTest : public testing::TestWithParam<bool> {
protected:
    UnlockedTest()
    {
        upstream.on_call = [this] {
            if (owner)
                expect_unlocked(&owner->devres);
            ++upstream_calls;
        };
        owner = std::make_unique<session>(&upstream);
        warm();
    }
    ~UnlockedTest() override
    {
        devres_head* const head = &owner->devres;
        devres_drain(head);
        upstream.on_call = nullptr;
        owner.reset();
    }
    void warm()
    {
        if (!GetParam())
            return;
        const auto look = std::exchange(upstream.on_call, nullptr);
        earn_a_bias(*owner);
        upstream.on_call = look;
    }

    warn_capture warns;
    test_upstream upstream;
    int upstream_calls = 0;
    int looks = 0;
    std::unique_ptr<session> owner;
};

TEST_P(UnlockedTest, WhateverAsksForMemoryOrCallsBackDoesItWithoutTheLock) // C2, A3, A5, A8, A9
{
    looking l{&owner->devres, &looks};
    ASSERT_EQ(0, managed::add_action(owner.get(), &tell, &l));
    ASSERT_EQ(0, managed::add_action(owner.get(), &tell, &l));
    warm();
    ASSERT_EQ(0, managed::release_action(owner.get(), &tell, &l)); // and makes the index
    EXPECT_EQ(1, looks);
    devres_action later;
    ASSERT_EQ(0, managed::add_action(
                     owner.get(), [l] { l.look(); }, &later));
    warm();
    EXPECT_EQ(0, later.run());
    EXPECT_EQ(2, looks);
    auto* made = managed::create<looking_object>(owner.get(), l);
    ASSERT_TRUE(made);
    warm();
    EXPECT_EQ(0, managed::destroy(owner.get(), made));
    EXPECT_EQ(4, looks);
    looking_node node(l);
    devres_node_add(&owner->devres, &node);
    warm();
    EXPECT_EQ(0, devres_node_release(&owner->devres, &node));
    EXPECT_EQ(5, looks);
    devres_node_add(&owner->devres, &node);

    void* group = managed::open_group(owner.get(), nullptr);
    ASSERT_EQ(0, managed::add_action(owner.get(), &tell, &l));
    managed::close_group(owner.get(), group);
    warm();
    EXPECT_EQ(1, managed::release_group(owner.get(), group));
    EXPECT_EQ(6, looks);

    void* p = managed::kmalloc(owner.get(), 24);
    for (std::size_t size = 100; size < 200000; size *= 3) {
        p = managed::krealloc(owner.get(), p, size);
        ASSERT_TRUE(p);
    }
    warm();
    managed::kfree(owner.get(), p);
    for (int i = 0; i != 300; ++i)
        ASSERT_TRUE(managed::kmalloc(owner.get(), static_cast<std::size_t>(i * 40 + 1)));
    EXPECT_TRUE(managed::kstrdup(owner.get(), "a string"));
    EXPECT_TRUE(managed::kasprintf(owner.get(), "%d and %d", 1, 2));
    ASSERT_TRUE(managed::create<looking_object>(owner.get(), l));
    EXPECT_LT(5, upstream_calls);
    warm();
    looks = 0;
    devres_release_all(&owner->devres);
    EXPECT_EQ(3, looks) << "the object, the node and the action";
}

TEST_P(UnlockedTest, TheLogHookIsCalledWithoutTheLock) // section 7
{
    static devres_head* watched = nullptr;
    static int events_seen = 0;
    watched = &owner->devres;
    events_seen = 0;
    const devres_log_fn before =
        devres_set_log([](const char*, devres_head*, const char*, const char*, std::size_t) {
            expect_unlocked(watched);
            ++events_seen;
        });
    int data = 0;
    constexpr auto action = [](int*) {};
    EXPECT_EQ(0, managed::add_action(owner.get(), action, &data));
    EXPECT_EQ(0, managed::remove_action(owner.get(), action, &data));
    EXPECT_EQ(0, managed::add_action(owner.get(), action, &data));
    EXPECT_EQ(0, managed::release_action(owner.get(), action, &data));
    devres_set_log(before);
    EXPECT_EQ(4, events_seen);
}

INSTANTIATE_TEST_SUITE_P(Lock, UnlockedTest, testing::Bool(),
                         [](const auto& hot) { return hot.param ? "Hot" : "Cold"; });

// --- Guards that end where they should not, and waits that wake nobody in vain -----------------------------

class OddEndTest : public testing::Test {
protected:
    using object = revocable<tracked>;
    warn_capture warns;
    tracking t;
};

TEST_F(OddEndTest, GuardEndedByAnotherThreadIsReported) // V5
{
    object r(&t);
    {
        object::guard guard = r.try_access();
        std::thread([&] { guard = {}; }).join();
    }
    EXPECT_THAT(warns.take_one(), HasSubstr("move it with detach()"));
    EXPECT_TRUE(r.revoke());
}

TEST_F(OddEndTest, GuardBeyondTheRecordEndedByAnotherThreadIsReported) // V2, V5
{
    object r(&t);
    std::vector<object::guard> guards;
    for (unsigned i = 0; i != detail::reader_record::capacity + 4; ++i)
        guards.push_back(r.try_access());
    std::thread([&] { guards.pop_back(); }).join();
    EXPECT_THAT(warns.take_one(), HasSubstr("move it with detach()"));
    guards.clear();
    EXPECT_TRUE(r.revoke());
}

TEST_F(OddEndTest, GuardBeyondTheRecordEndedByAnotherReaderIsReported) // V2, V5
{
    object r(&t);
    std::vector<object::guard> guards;
    for (unsigned i = 0; i != detail::reader_record::capacity + 4; ++i)
        guards.push_back(r.try_access());
    std::thread([&] {
        const object::guard own = r.try_access(); // this thread has a record, too
        guards.pop_back();
    }).join();
    EXPECT_THAT(warns.take_one(), HasSubstr("move it with detach()"));
    guards.clear();
    EXPECT_TRUE(r.revoke());
}

// Out of order, and by another thread.
TEST_F(OddEndTest, AGuardTakesTheFirstSlotThatIsFree) // V2
{
    object r(&t);
    const object::guard first = r.try_access(); // there is a record now
    std::vector<object::guard> guards;
    while (slots_in_use() != static_cast<int>(detail::reader_record::capacity))
        guards.push_back(r.try_access());
    const auto ends = [&](std::size_t i) {
        const detail::reader_slot& slot = detail::my_record->slots[i + 1];
        EXPECT_NE(0u, slot.domain.load());
        return [&slot] { return slot.domain.load() == 0; };
    };
    const auto third_is_free = ends(2);
    const auto fifth_is_free = ends(4);
    guards[4] = {};
    std::thread([&] { guards[2] = {}; }).join();
    EXPECT_THAT(warns.take_one(), HasSubstr("move it with detach()"));
    EXPECT_TRUE(third_is_free() && fifth_is_free());
    const object::guard next = r.try_access();
    EXPECT_FALSE(third_is_free());
    EXPECT_TRUE(fifth_is_free());
    const object::guard one_more = r.try_access();
    EXPECT_FALSE(fifth_is_free());
    EXPECT_EQ(static_cast<int>(detail::reader_record::capacity), slots_in_use());
}

TEST_F(OddEndTest, AGuardWithoutAPlaceIsFoundAllTheSame) // V5
{
    object r(&t);
    const object::guard guard = r.try_access(nullptr, 0);
    EXPECT_FALSE(r.revoke());
    EXPECT_THAT(warns.take_one(), HasSubstr("took at ?:0"));
}

TEST_F(OddEndTest, ManyLosersOfARevokeAllReturn) // V1
{
    constexpr unsigned losers = 4;
    object r(&t);
    doorway revoking;
    doorway leave;
    std::thread reader([&] {
        const object::guard guard = r.try_access();
        revoking.open();
        leave.pass();
    });
    revoking.pass();
    std::vector<std::thread> revokers;
    std::atomic<int> won{0};
    for (unsigned i = 0; i != losers + 1; ++i)
        revokers.emplace_back([&] { won += r.revoke() ? 1 : 0; });
    await_sleepers(losers); // the winner waits for readers, which does not count
    leave.open();
    for (std::thread& revoker : revokers)
        revoker.join();
    reader.join();
    EXPECT_EQ(1, won);
    EXPECT_EQ(1, t.destroyed);
}

// A nowait revoke that finds a reader gives its claim up, and whoever sleeps until then goes on.
TEST_F(OddEndTest, GivingUpAClaimWakesWhoWaitsForIt) // V1
{
    detail::revocable_state state;
    state.close();
    ASSERT_TRUE(state.claim());
    std::thread loser([&] { EXPECT_TRUE(state.claim_or_wait()); });
    await_sleepers(1);
    state.give_up_claim();
    loser.join();
    state.gone();
}

TEST_F(OddEndTest, WhatIsNotMembarrierIsChosenByTheEnvironment) // V13
{
    const char* no = std::getenv("DEVRES_NO_MEMBARRIER");
    const bool refused = no && std::strcmp(no, "0") != 0;
    const long offered = ::syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    EXPECT_EQ(!refused && offered > 0 && (offered & MEMBARRIER_CMD_PRIVATE_EXPEDITED),
              detail::have_membarrier());
}

TEST(BarrierEnvironmentTest, MembarrierCanBeRefused) // V13
{
    const char* test = "OddEndTest.WhatIsNotMembarrierIsChosenByTheEnvironment";
    EXPECT_EQ(0, run_again("DEVRES_NO_MEMBARRIER=0", test));
    EXPECT_EQ(0, run_again("DEVRES_NO_MEMBARRIER=1", test));
}

} // namespace
} // namespace devres::test
