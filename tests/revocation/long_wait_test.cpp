// SPDX-License-Identifier: MIT
//
// V11: a wait that takes long says for whom.
#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/devm.h>
#include <devres/devres.h>
#include <devres/devres_ptr.h>
#include <devres/diagnostics.h>
#include <devres/drm_device.h>
#include <devres/env/wait_clock.h>
#include <devres/revocable.h>

#include "device/scripted_device.h"
#include "revocation/tracked.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class LongWaitTest : public testing::Test {
protected:
    LongWaitTest() : before_(devres_set_wait_warning(5)) {}
    ~LongWaitTest() override { devres_set_wait_warning(before_); }

    // Collects WARNs until `n` of them contain `text`.
    void collect(unsigned n, const std::string& text)
    {
        while (count(text) < n) {
            for (std::string& message : warns.take())
                messages.push_back(std::move(message));
            std::this_thread::yield();
        }
    }
    unsigned count(const std::string& text) const
    {
        unsigned n = 0;
        for (const std::string& message : messages)
            n += message.find(text) != std::string::npos ? 1 : 0;
        return n;
    }
    static std::string place(int line) { return "long_wait_test.cpp:" + std::to_string(line); }

    warn_capture warns;
    tracking t;
    std::vector<std::string> messages;

private:
    unsigned before_;
};

TEST_F(LongWaitTest, NamesWhatIsEndedAndEachGuardWithItsThreadAndPlaceAndGoesOnWaiting) // V11
{
    revocable<tracked> r(&t);
    revocable<tracked> other(&t);
    const int inside = __LINE__ + 1;
    auto here = r.try_access();
    const int nested = __LINE__ + 1;
    auto again = r.try_access();
    const int elsewhere = __LINE__ + 1;
    auto theirs = other.try_access();
    std::atomic<bool> revoked{false};
    std::thread revoker([&] { revoked = r.revoke(); });
    collect(2, "has waited"); // the second one after twice the time
    collect(4, "waits for the guard");
    const std::string me = "thread " + std::to_string(::syscall(SYS_gettid)) + " ";
    EXPECT_FALSE(revoked);
    EXPECT_EQ(0, t.destroyed);
    EXPECT_GE(count("WARN: revoke: "), 2u);
    EXPECT_GE(count("tracked\""), 2u) << "what is being ended";
    EXPECT_GE(count(": 2 inside"), 2u);
    EXPECT_GE(count(me + "taken at "), 4u);
    EXPECT_GE(count(place(inside)), 2u);
    EXPECT_GE(count(place(nested)), 2u);
    EXPECT_EQ(0u, count(place(elsewhere)));
    here = {};
    again = {};
    revoker.join();
    EXPECT_TRUE(revoked);
    warns.take();
}

TEST_F(LongWaitTest, NamesThirtyTwoGuardsAndSaysHowManyMoreThereAre) // V11
{
    revocable<tracked> r(&t);
    std::vector<revocable<tracked>::guard> guards = take(32, r);
    std::thread revoker([&] { r.revoke(); });
    collect(2, "has waited"); // so the first report is whole
    EXPECT_GE(count("waits for the guard"), 32u);
    EXPECT_EQ(0u, count("more guards"));
    guards.clear();
    revoker.join();
    warns.take();

    revocable<tracked> crowded(&t);
    guards = take(40, crowded);
    std::thread second([&] { crowded.revoke(); });
    collect(1, "waits for 8 more guards");
    EXPECT_GE(count(": 40 inside"), 1u);
    guards.clear();
    second.join();
    warns.take();
}

TEST_F(LongWaitTest, NamesDetachedGuardsAndThoseOfEndedThreads) // V11
{
    revocable<tracked> r(&t);
    const int detached_at = __LINE__ + 1;
    auto detached = r.try_access().detach();
    decltype(detached) orphan;
    const int orphan_at = __LINE__ + 1;
    std::thread([&] { orphan = r.try_access(); }).join();
    // Deeper than a record, and left behind: it is nobody's, whatever thread gets the number next.
    revocable<int> other(1);
    std::vector<revocable<int>::guard> eight;
    decltype(detached) deep;
    const int deep_at = __LINE__ + 4;
    std::thread([&] {
        while (eight.size() != detail::reader_record::capacity)
            eight.push_back(other.try_access());
        deep = r.try_access();
    }).join();
    std::thread revoker([&] { r.revoke(); });
    collect(1, place(detached_at));
    collect(1, place(orphan_at));
    collect(1, place(deep_at));
    EXPECT_GE(count("no thread (detached) taken at"), 2u);
    EXPECT_EQ(count(place(deep_at)) + count(place(detached_at)), count("no thread (detached) taken at"));
    EXPECT_GE(count(", which has ended, taken at"), 1u);
    detached = {};
    orphan = {};
    deep = {};
    revoker.join();
    warns.take();
}

TEST_F(LongWaitTest, NamesTheOwnerThatTheCallerWaitsFor) // V11
{
    static constexpr devres_owner_ops ops{"gadget", [](devres_head*) { return "g7"; }};
    devres_head head(&ops);
    detail::gate gate;
    detail::reader_slot* slot = detail::try_enter(gate, {"here.cpp", 12});
    std::thread waiter([&] {
        gate.close();
        detail::wait_for_readers(detail::reader_set(gate), "gadget_unplug", &head, "its name");
    });
    collect(1, "here.cpp:12");
    EXPECT_GE(count("WARN: gadget_unplug: gadget \"g7\": \"its name\": has waited"), 1u) << messages.front();
    detail::leave(slot);
    waiter.join();
    warns.take();
}

TEST_F(LongWaitTest, AReportThatFindsNobodyInsideAnyMoreSaysNothing) // V11
{
    struct {
        detail::gate gate;
        int asked = 0;
    } once;
    const auto is_inside_when_first_asked = [](const void* context, detail::identity domain,
                                               detail::identity) {
        auto& self = *const_cast<decltype(once)*>(static_cast<const decltype(once)*>(context));
        return domain == self.gate.id() && self.asked++ == 0;
    };
    detail::reader_slot* slot = detail::try_enter(once.gate, {"here.cpp", 1});
    detail::wait_for_readers({is_inside_when_first_asked, &once});
    EXPECT_LE(2, once.asked);
    EXPECT_TRUE(warns.take().empty());
    detail::leave(slot);
}

TEST_F(LongWaitTest, ZeroIsNever) // V11
{
    devres_set_wait_warning(0);
    detail::wait_clock silent;
    EXPECT_EQ(detail::wait_clock::never, silent.nanoseconds_left()) << "a sleep without an end";
    EXPECT_EQ(0u, devres_set_wait_warning(1));
    revocable<int> reported(1);
    auto guard = reported.try_access();
    std::thread revoker([&] { reported.revoke(); });
    collect(3, "\"int\": has waited"); // for at least four milliseconds
    EXPECT_FALSE(silent.is_due()) << "a wait keeps the time that it began with";
    EXPECT_EQ(detail::wait_clock::never, silent.nanoseconds_left());
    guard = {};
    revoker.join();
    warns.take();
}

TEST_F(LongWaitTest, TheHandlerMayRevokeWhatIsBeingRevoked) // V1, V11
{
    static revocable<tracked>* revoked;
    static doorway leave;
    static bool asked;
    asked = false;
    revocable<tracked> r(&t);
    revoked = &r;
    doorway inside;
    std::thread reader([&] {
        const auto guard = r.try_access();
        inside.open();
        leave.pass();
    });
    inside.pass();
    const auto before = devres_set_warn_handler([](const char*) {
        if (std::exchange(asked, true))
            return;
        EXPECT_FALSE(revoked->revoke()) << "the other one will do it";
        leave.open();
    });
    EXPECT_TRUE(r.revoke());
    devres_set_warn_handler(before);
    reader.join();
    EXPECT_TRUE(asked);
    EXPECT_EQ(1, t.destroyed);
}

// An unplug in the handler of an unplug waits for the readers as well, before the unbind that it is part of
// releases what they use.
TEST_F(LongWaitTest, AnUnbindInTheHandlerOfAnUnplugWaitsForTheReadersToo) // M5, D3, V11
{
    static scripted_device* parent;
    static doorway leave;
    static std::atomic<bool> left;
    static bool asked;
    left = asked = false;
    static constexpr drm_driver driver{.name = "slow"};
    scripted_device dev;
    parent = &dev;
    drm_device* drm = drm_dev_alloc(&driver, &dev);
    ASSERT_EQ(0, drm_dev_register(drm));
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(b, [] { EXPECT_TRUE(left) << "released under a reader"; }));
        return devm_add_action(b, [drm] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
    }));
    doorway inside;
    std::thread reader([&] {
        const drm_dev_guard guard(drm);
        inside.open();
        leave.pass();
        linger();
        left = true;
    });
    inside.pass();
    const auto before = devres_set_warn_handler([](const char*) {
        if (std::exchange(asked, true))
            return;
        std::thread opener([] { leave.open(); });
        EXPECT_EQ(0, parent->unbind());
        opener.join();
    });
    EXPECT_EQ(0, drm_dev_unplug(drm));
    devres_set_warn_handler(before);
    reader.join();
    EXPECT_TRUE(asked);
    drm_dev_put(drm);
}

TEST_F(LongWaitTest, TheLoserOfARevokeSaysThatItWaitsForAnotherThread) // V1, V11
{
    revocable<tracked> r(&t);
    doorway destroying;
    doorway go_on;
    t.in_destructor = [&] {
        destroying.open();
        go_on.pass();
    };
    std::thread winner([&] { EXPECT_TRUE(r.revoke()); });
    destroying.pass();
    std::thread loser([&] { EXPECT_FALSE(r.revoke()); });
    collect(2, "for another thread, which is to destroy");
    EXPECT_GE(count("WARN: revoke: "), 2u);
    go_on.open();
    winner.join();
    loser.join();
    warns.take(); // what came since
}

TEST_F(LongWaitTest, WhoComesWhileUnbindDestroysAContainerSaysSo) // V1, V11
{
    scripted_device dev("camera");
    devres_ptr<tracked> p;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<tracked>::create(b, &p, &t); }));
    doorway destroying;
    doorway go_on;
    t.in_destructor = [&] {
        destroying.open();
        go_on.pass();
    };
    std::thread unbinder([&] { EXPECT_EQ(0, dev.unbind()); });
    destroying.pass();
    std::thread loser([&] { EXPECT_FALSE(p.revoke()); });
    collect(1, "device \"camera\": has waited");
    go_on.open();
    unbinder.join();
    loser.join();
    warns.take(); // what came since
}

} // namespace
} // namespace devres::test
