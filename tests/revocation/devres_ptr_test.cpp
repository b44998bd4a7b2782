// SPDX-License-Identifier: MIT
//
// V1, V4, V6, V8, V9, V10 on devres_ptr<T>.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/detail/revocation_stats.h>
#include <devres/devres_ptr.h>
#include <devres/drm_device.h>
#include <devres/revocable.h>

#include "device/scripted_device.h"
#include "revocation/reader_elsewhere.h"
#include "revocation/revoke_under_way.h"
#include "revocation/tracked.h"
#include "support/long_wait.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using handle = devres_ptr<tracked>;

class DevresPtrTest : public testing::Test {
protected:
    // Binds the device with one container in `*out`.
    int bind_with(handle* out, int value = 7)
    {
        return dev.bind([=, this](const bound_device& b) { return handle::create(b, out, &t, value); });
    }

    // Binds the device with a group, named by its address, of what `fill` attaches.
    template <class Fill>
    int bind_with_group(Fill fill)
    {
        return dev.bind([fill](const bound_device& b) {
            EXPECT_EQ(b, devm_open_group(b, b));
            fill(b);
            devm_close_group(b, b);
            return 0;
        });
    }

    warn_capture warns;
    tracking t;
    scripted_device dev;
};

TEST_F(DevresPtrTest, EmptyHandleGivesNothing) // V8
{
    handle empty;
    EXPECT_FALSE(empty);
    EXPECT_FALSE(empty.try_access());
    EXPECT_FALSE(empty.revoke());
    EXPECT_FALSE(empty.revoke(nowait));
    EXPECT_TRUE(empty.is_revoked());
    EXPECT_EQ(nullptr, empty.device());
    EXPECT_EQ(std::nullopt, empty.try_access_with([](tracked& object) { return object.value; }));
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(nullptr, empty.access(b));
        return 0;
    }));
}

TEST_F(DevresPtrTest, UnbindTakesTheObjectAwayFromEveryHandle) // D3, V8
{
    handle a;
    ASSERT_EQ(0, bind_with(&a));
    handle b = a;
    handle c;
    c = b;
    handle moved = std::move(b);
    EXPECT_FALSE(b);
    EXPECT_EQ(&dev, a.device());
    for (const handle* h : {&a, &c, &moved})
        EXPECT_EQ(7, h->try_access()->check());
    EXPECT_EQ(std::optional<int>(7), a.try_access_with([](tracked& object) { return object.check(); }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
    for (const handle* h : {&a, &c, &moved}) {
        EXPECT_FALSE(h->try_access());
        EXPECT_TRUE(h->is_revoked());
        EXPECT_EQ(nullptr, h->device());
    }
}

TEST_F(DevresPtrTest, HandleMayOutliveTheDevice) // V8
{
    handle survivor;
    {
        scripted_device gone("gone");
        ASSERT_EQ(0, gone.bind([&](const bound_device& b) { return handle::create(b, &survivor, &t); }));
    }
    EXPECT_EQ(1, t.destroyed);
    handle copy = survivor;
    EXPECT_FALSE(copy.try_access());
    EXPECT_EQ(nullptr, copy.device());
    EXPECT_FALSE(copy.revoke());
    survivor.reset();
}

TEST_F(DevresPtrTest, MovingAHandleToItselfKeepsTheObject) // section 7
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    handle& same = h;
    h = std::move(same);
    EXPECT_EQ(0, t.destroyed);
    EXPECT_EQ(7, h.try_access()->check());
}

// A pass of a group is not unbind: nobody has waited for the readers yet.
TEST_F(DevresPtrTest, ReleaseOfAGroupWaitsForTheReadersOfTheObject) // V1, G5
{
    handle h;
    ASSERT_EQ(0, bind_with_group([&](const bound_device& b) { EXPECT_EQ(0, handle::create(b, &h, &t, 7)); }));
    doorway inside;
    std::atomic<bool> left{false};
    std::thread reader([&] {
        auto guard = h.try_access();
        inside.open();
        while (!h.is_revoked())
            std::this_thread::yield();
        linger();
        guard->check();
        left = true;
    });
    inside.pass();
    EXPECT_EQ(1, devm_release_group(&dev, &dev));
    EXPECT_TRUE(left);
    EXPECT_EQ(1, t.destroyed);
    reader.join();
}

// The pass waits for this thread, which is inside a sibling: so this thread does not wait for the pass.
TEST_F(DevresPtrTest, FromInsideASiblingRevokeDoesNotWaitForAGroupThatHasBoth) // V1, V6, G5
{
    handle sibling;
    handle h;
    tracking t_of_sibling;
    ASSERT_EQ(0, bind_with_group([&](const bound_device& b) {
                  EXPECT_EQ(0, handle::create(b, &h, &t, 7));
                  EXPECT_EQ(0, handle::create(b, &sibling, &t_of_sibling, 3)); // goes first
              }));
    std::thread releaser;
    {
        const auto guard = sibling.try_access();
        releaser = std::thread([&] { EXPECT_EQ(2, devm_release_group(&dev, &dev)); });
        while (!sibling.is_revoked())
            std::this_thread::yield();
        EXPECT_FALSE(h.revoke());
        EXPECT_EQ(0, t_of_sibling.destroyed);
    }
    releaser.join();
    EXPECT_EQ(1, t.destroyed);
    EXPECT_EQ(1, t_of_sibling.destroyed);
}

// The same whatever this thread is inside of: the winner may wait for that on its way to the object.
TEST_F(DevresPtrTest, FromInsideADrmDeviceRevokeDoesNotWaitForAnUnbindThatUnplugsIt) // V1, D3 (3)
{
    static constexpr drm_driver driver{.name = "gadget"};
    drm_device* drm = drm_dev_alloc(&driver, &dev);
    handle h;
    doorway releasing;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t));
        EXPECT_EQ(0, devm_add_action(b, [drm] { EXPECT_EQ(0, drm_dev_unplug(drm)); }));
        return devm_add_action(b, [&] { releasing.open(); });
    }));
    std::thread unbinder;
    {
        const drm_dev_guard inside(drm);
        unbinder = std::thread([&] { EXPECT_EQ(0, dev.unbind()); });
        releasing.pass();
        EXPECT_FALSE(h.revoke());
        EXPECT_EQ(0, t.destroyed);
    }
    unbinder.join();
    EXPECT_EQ(1, t.destroyed);
    drm_dev_put(drm);
}

TEST_F(DevresPtrTest, FromInsideAnotherDeviceRevokeDoesNotWaitForAnUnbindThatUnregistersIt) // V1, D3 (3), D7
{
    heap_device* port = heap_device::make("port", &dev);
    get_device(port);
    handle of_port;
    tracking t_of_port;
    ASSERT_EQ(0, port->bind([&](const bound_device& b) { return handle::create(b, &of_port, &t_of_port); }));
    handle h;
    doorway releasing;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t));
        return devm_add_action(b, [&] {
            releasing.open();
            EXPECT_EQ(0, device_unregister_tree(port));
        });
    }));
    std::thread unbinder;
    {
        const auto inside = of_port.try_access();
        unbinder = std::thread([&] { EXPECT_EQ(0, dev.unbind()); });
        releasing.pass();
        EXPECT_FALSE(h.revoke());
        EXPECT_EQ(0, t.destroyed);
    }
    unbinder.join();
    EXPECT_EQ(1, t.destroyed);
    EXPECT_EQ(1, t_of_port.destroyed);
    put_device(port);
}

// Who is told that a group cannot end what its thread is inside of may end that guard.
TEST_F(DevresPtrTest, AWarnHandlerMayEndTheGuardThatAGroupCameUponInside) // V5
{
    static std::optional<revocable_guard<tracked>> guard;
    handle h;
    ASSERT_EQ(0, bind_with_group([&](const bound_device& b) { EXPECT_EQ(0, handle::create(b, &h, &t, 7)); }));
    guard.emplace(h.try_access());
    const auto before = devres_set_warn_handler([](const char*) { guard.reset(); });
    EXPECT_EQ(1, devm_release_group(&dev, &dev));
    devres_set_warn_handler(before);
    EXPECT_EQ(1, t.destroyed);
    EXPECT_FALSE(h.revoke());
}

// What a drain has cut off is never gone, and nobody waits for it once unbind is over.
TEST_F(DevresPtrTest, RevokeAfterUnbindDoesNotWaitForWhatWasCutOff) // C12, V1
{
    struct again {
        tracking* t;
        handle newest{};
        int calls = 0;
        static void run(const bound_device& b, again* self)
        {
            ASSERT_LE(++self->calls, 2 * devres_max_passes);
            ASSERT_EQ(0, devm_add_action(b, &run, self));
            EXPECT_EQ(0, handle::create(b, &self->newest, self->t, self->calls));
        }
    } adder{&t};
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        again::run(b, &adder);
        return 0;
    }));
    devres_drain(&dev.devres);
    EXPECT_NE(std::string::npos, warns.take_one().find("still being added"));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_FALSE(adder.newest.revoke());
}

// V5, V11: the handler of a long wait may reset the handle that is being revoked, and the device may go.
TEST_F(DevresPtrTest, AHandleMayBeResetWhileItsRevokeWaits)
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    reader_elsewhere reader([&] { return h.try_access(); });
    const at_first_long_wait handler([&] {
        h.reset();
        reader.leave();
        std::thread([&] { EXPECT_EQ(0, dev.unbind()); }).join();
    });
    EXPECT_FALSE(h.revoke()); // unbind was faster
    EXPECT_TRUE(handler.has_come());
    EXPECT_EQ(1, t.destroyed);
}

// D1: what the revoking thread has of the device is the library's reference, and the user cannot wait for it.
TEST_F(DevresPtrTest, ADeviceOnTheStackMayEndWhileItsContainerIsRevoked)
{
    std::optional<scripted_device> local("local");
    handle h;
    ASSERT_EQ(0, local->bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
    reader_elsewhere reader([&] { return h.try_access(); });
    doorway revoking;
    const at_first_long_wait handler([&] {
        revoking.open();
        await_sleepers(1); // ~device
    });
    std::thread revoker([&] { EXPECT_FALSE(h.revoke()); }); // unbind is faster
    revoking.pass();
    reader.leave();
    devres_set_wait_warning(0); // ~device does not wake up by itself
    local.reset();
    revoker.join();
    EXPECT_EQ(1, t.destroyed);
}

// D1: the same if the creator's reference has been put: then the revoking thread may have the last one.
TEST_F(DevresPtrTest, ADeviceThatWasUnregisteredMayEndWhileItsContainerIsRevoked)
{
    for (const bool revoker_is_last : {false, true}) {
        std::optional<scripted_device> local("local");
        doorway releasing;
        std::atomic<bool> released{false};
        local->on_release = [&] {
            releasing.open();
            linger();
            released = true;
        };
        handle h;
        ASSERT_EQ(0, local->bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
        reader_elsewhere reader([&] { return h.try_access(); });
        doorway revoking;
        doorway unregistered;
        const at_first_long_wait handler([&] {
            revoking.open();
            unregistered.pass();
        });
        std::thread revoker([&] { EXPECT_FALSE(h.revoke()); });
        revoking.pass();
        reader.leave();
        EXPECT_EQ(0, device_unregister(&*local));
        unregistered.open();
        if (revoker_is_last)
            releasing.pass();
        local.reset(); // or its memory is used afterwards
        EXPECT_TRUE(released);
        revoker.join();
    }
    EXPECT_EQ(2, t.destroyed);
}

// Nobody waits for whoever waits for itself.
TEST_F(DevresPtrTest, ADeviceThatEndsInsideARevokeOfItsOwnThreadIsABug) // D1
{
    for (const bool unregisters : {false, true})
        EXPECT_DEATH(
            {
                static std::optional<scripted_device> local("local");
                static handle::guard inside; // of no thread
                static bool first;
                first = unregisters;
                handle h;
                EXPECT_EQ(0, local->bind([&](const bound_device& b) { return handle::create(b, &h, &t); }));
                inside = h.try_access().detach();
                devres_set_warn_handler([](const char*) {
                    inside = {};
                    if (first)
                        device_unregister(&*local);
                    local.reset();
                });
                devres_set_wait_warning(5);
                h.revoke();
            },
            "BUG: ~device: device \"local\": destroyed while references are still held");
}

// Each pass of the drain would find it again.
TEST_F(DevresPtrTest, DrainFromInsideAGuardLeavesTheObjectToUnbind) // V5, C12
{
    handle older;
    handle h;
    tracking t_of_older;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &older, &t_of_older, 3));
        return handle::create(b, &h, &t, 7);
    }));
    t.in_destructor = [&] { EXPECT_EQ(0, t_of_older.destroyed) << "the order they had"; };
    {
        const auto guard_of_older = older.try_access();
        const auto guard = h.try_access();
        devres_drain(&dev.devres);
        EXPECT_EQ(2u, warns.take().size()) << "one for each";
        EXPECT_EQ(7, guard->check());
        EXPECT_EQ(-EDEADLK, dev.unbind());
        EXPECT_EQ(1u, warns.take().size());
    }
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
    EXPECT_EQ(1, t_of_older.destroyed);
}

TEST_F(DevresPtrTest, ObjectThatADrainFromInsideLeftMayBeEndedEarly) // V1, V5, V8
{
    tracking by_drop;
    handle revoked;
    handle dropped;
    handle stays;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &revoked, &t));
        EXPECT_EQ(0, handle::create(b, &stays, &t));
        return handle::create(b, &dropped, &by_drop);
    }));
    {
        const auto first = revoked.try_access();
        const auto second = dropped.try_access();
        const auto third = stays.try_access();
        devres_drain(&dev.devres);
        EXPECT_EQ(3u, warns.take().size());
    }
    int refused = 0;
    t.in_destructor = [&] { refused += dev.unbind() == -EDEADLK ? 1 : 0; };
    EXPECT_TRUE(revoked.revoke()); // or waits for a pass that is over
    EXPECT_EQ(1, t.destroyed);
    EXPECT_EQ(1, refused); // D6
    EXPECT_NE(std::string::npos, warns.take_one().find("inside a release callback of the same device"));
    t.in_destructor = {};
    dropped.reset();
    EXPECT_EQ(1, by_drop.destroyed);
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(2, t.destroyed);
}

TEST_F(DevresPtrTest, RevokeOfAnObjectThatADrainLeftLosesAgainstUnbindAsAnyOther) // V1, V5
{
    tracking of_newer;
    handle h;
    handle newer;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t));
        return handle::create(b, &newer, &of_newer);
    }));
    {
        const auto guard = h.try_access();
        const auto guard_of_newer = newer.try_access();
        devres_drain(&dev.devres);
        EXPECT_EQ(2u, warns.take().size());
    }
    std::thread loser;
    of_newer.in_destructor = [&] {
        loser = std::thread([&] {
            EXPECT_FALSE(h.revoke());
            EXPECT_EQ(1, t.destroyed);
        });
        await_sleepers(1); // until it is gone
    };
    EXPECT_EQ(0, dev.unbind());
    loser.join();
}

TEST_F(DevresPtrTest, ALogHookMayRevokeWhatADrainLeft) // V5
{
    static handle first;
    static handle second;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &first, &t));
        return handle::create(b, &second, &t);
    }));
    {
        const auto guard_of_first = first.try_access();
        const auto guard_of_second = second.try_access();
        devres_drain(&dev.devres);
        EXPECT_EQ(2u, warns.take().size());
    }
    const auto before = devres_set_log([](const char*, devres_head*, const char*, const char*, std::size_t) {
        first.revoke();
        second.revoke();
    });
    EXPECT_EQ(0, dev.unbind());
    devres_set_log(before);
    EXPECT_EQ(2, t.destroyed);
    first.reset();
    second.reset();
}

// Unbind has closed the container and waits for the reader, too; so what is closed need not be empty.
TEST_F(DevresPtrTest, ReleaseOfAGroupWaitsForTheReadersThatUnbindStillWaitsFor) // V1, D3 (2), G5
{
    handle h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(&h, devm_open_group(b, &h));
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        EXPECT_EQ(0, devm_add_action(b, [&] {
                      while (!h.is_revoked())
                          std::this_thread::yield();
                  }));
        devm_close_group(b, &h);
        return 0;
    }));
    const std::size_t waits = detail::revocation_stats().waits;
    auto guard = h.try_access();
    std::thread releaser([&] { EXPECT_EQ(2, devm_release_group(&dev, &h)); });
    std::thread unbinder([&] { EXPECT_EQ(0, dev.unbind()); });
    while (detail::revocation_stats().waits < waits + 2 && t.destroyed == 0)
        std::this_thread::yield();
    EXPECT_EQ(0, t.destroyed);
    guard = {};
    releaser.join();
    unbinder.join();
    EXPECT_EQ(1, t.destroyed);
}

// The library's own call of the function is no place that a user knows.
TEST_F(DevresPtrTest, ReleaseOfAGroupFromInsideAGuardNamesNoPathOfTheLibrary) // V5, section 7
{
    handle h;
    ASSERT_EQ(0, bind_with_group([&](const bound_device& b) { EXPECT_EQ(0, handle::create(b, &h, &t, 7)); }));
    {
        auto guard = h.try_access();
        devm_release_group(&dev, &dev);
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("devres_ptr_test.cpp:")) << message;
        EXPECT_EQ(std::string::npos, message.find("?")) << message;
        EXPECT_EQ(7, guard->check());
    }
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, AReaderThatIsInsideSomethingElseIsRefusedAsWell) // V1, V2, V4
{
    handle stays;
    handle ends_early;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &stays, &t));
        return handle::create(b, &ends_early, &t);
    }));
    tracking of_other;
    revocable<tracked> other(&of_other);
    const auto inside = other.try_access();
    EXPECT_TRUE(ends_early.revoke());
    EXPECT_FALSE(ends_early.try_access());
    EXPECT_TRUE(stays.try_access());
    EXPECT_EQ(0, dev.unbind());
    EXPECT_FALSE(stays.try_access());
}

TEST_F(DevresPtrTest, DroppingTheLastHandleDestroysTheObjectEarly) // V8
{
    handle a;
    ASSERT_EQ(0, bind_with(&a));
    handle b = a;
    a.reset();
    EXPECT_EQ(0, t.destroyed);
    b.reset();
    EXPECT_EQ(1, t.destroyed);
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, DroppingTheLastHandleNeverWaitsForAReader) // V1, V8
{
    auto h = std::make_unique<handle>();
    ASSERT_EQ(0, bind_with(h.get()));
    auto guard = h->try_access();
    h.reset(); // this very thread is inside
    EXPECT_EQ(0, t.destroyed);
    EXPECT_EQ(7, guard->check());
    guard = {};
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed) << "at unbind, if somebody was inside when the last handle went";
}

TEST_F(DevresPtrTest, UnbindWaitsForAReaderOfAHandleThatWasDropped) // V1, V8
{
    auto h = std::make_unique<handle>();
    ASSERT_EQ(0, bind_with(h.get()));
    doorway inside;
    doorway leave;
    std::atomic<bool> left{false};
    std::thread reader([&] {
        auto guard = h->try_access();
        inside.open();
        leave.pass();
        linger();
        guard->check();
        left = true;
    });
    inside.pass();
    h.reset();
    EXPECT_EQ(0, t.destroyed);
    leave.open();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_TRUE(left);
    EXPECT_EQ(1, t.destroyed);
    reader.join();
}

TEST_F(DevresPtrTest, EarlyRevokeWaitsForReadersAndUnlinks) // V1, V8
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    doorway inside;
    std::atomic<bool> left{false};
    std::thread reader([&] {
        auto guard = h.try_access();
        inside.open();
        while (!h.is_revoked())
            std::this_thread::yield();
        linger();
        guard->check();
        left = true;
    });
    inside.pass();
    EXPECT_TRUE(h.try_access()); // a thread's first time is another way in
    EXPECT_TRUE(h.revoke());
    EXPECT_TRUE(left);
    EXPECT_EQ(1, t.destroyed);
    EXPECT_FALSE(h.try_access());
    EXPECT_FALSE(h.revoke());
    reader.join();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, NowaitDefersToUnbindIfSomebodyIsInside) // V1
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    auto guard = h.try_access();
    EXPECT_FALSE(h.revoke(nowait));
    EXPECT_TRUE(h.is_revoked());
    EXPECT_EQ(7, guard->check());
    guard = {};
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);

    ASSERT_EQ(0, bind_with(&h));
    EXPECT_TRUE(h.revoke(nowait));
    EXPECT_EQ(2, t.destroyed);
}

TEST_F(DevresPtrTest, RevokeFromInsideItsOwnGuardWarnsWithBothPlaces) // V5
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    const int inside = __LINE__ + 1;
    auto guard = h.try_access();
    const int revoke = __LINE__ + 1;
    EXPECT_FALSE(h.revoke());
    const std::string message = warns.take_one();
    EXPECT_NE(std::string::npos, message.find("devres_ptr_test.cpp:" + std::to_string(inside))) << message;
    EXPECT_NE(std::string::npos, message.find("devres_ptr_test.cpp:" + std::to_string(revoke))) << message;
    EXPECT_NE(std::string::npos, message.find("device \"dev0\"")) << message;
    EXPECT_NE(std::string::npos, message.find("tracked")) << message;
    EXPECT_FALSE(h.is_revoked());
    EXPECT_TRUE(h.try_access());
    guard = {};
    EXPECT_TRUE(h.revoke());
}

TEST_F(DevresPtrTest, RevokeOfOneContainerUnderAGuardOfAnotherOfTheSameBindingIsFine) // V3, V5
{
    handle a;
    handle b;
    ASSERT_EQ(0, dev.bind([&](const bound_device& bound) {
        EXPECT_EQ(0, handle::create(bound, &a, &t, 1));
        return handle::create(bound, &b, &t, 2);
    }));
    auto guard = a.try_access();
    EXPECT_TRUE(b.revoke());
    EXPECT_EQ(1, guard->check());
}

TEST_F(DevresPtrTest, AccessWithTheProofNeedsNoGuard) // V9
{
    handle h;
    dev.on_remove = [&](const bound_device& b) { EXPECT_EQ(7, h.access(b)->check()); };
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        EXPECT_EQ(7, h.access(b)->check());
        return 0;
    }));
    EXPECT_EQ(0, dev.unbind());
}

TEST_F(DevresPtrTest, AccessWithTheProofOfAnotherBindingIsNull) // V9
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    scripted_device other("other");
    ASSERT_EQ(0, other.bind([&](const bound_device& b) {
        EXPECT_EQ(nullptr, h.access(b));
        return 0;
    }));
}

TEST_F(DevresPtrTest, AccessAfterAnEarlyRevokeIsNull) // V9
{
    handle h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t));
        EXPECT_TRUE(h.revoke());
        EXPECT_EQ(nullptr, h.access(b));
        return 0;
    }));
}

TEST_F(DevresPtrTest, AccessDuringReleaseWorksUntilTheObjectsOwnTurn) // V9, D3 (3)
{
    static handle h;
    static int before;
    static int after;
    before = after = 0;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(
                         b,
                         +[](const bound_device& bound, void*) {
                             ++after;
                             EXPECT_EQ(nullptr, h.access(bound));
                         },
                         nullptr));
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        return devm_add_action(
            b,
            +[](const bound_device& bound, void*) {
                ++before;
                EXPECT_EQ(7, h.access(bound)->check());
            },
            nullptr);
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, before);
    EXPECT_EQ(1, after);
    h.reset();
}

TEST_F(DevresPtrTest, CreateAfterTheCloseGivesENODEVAndLeavesOutAlone) // V4
{
    static handle kept;
    static tracking* track;
    track = &t;
    int results = 0;
    ASSERT_EQ(0, bind_with(&kept));
    dev.on_remove = [&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(
                         b,
                         +[](const bound_device& bound, int* n) {
                             ++*n;
                             EXPECT_EQ(-ENODEV, handle::create(bound, &kept, track, 9));
                             EXPECT_TRUE(kept.access(bound)) << "changed only on success";
                         },
                         &results));
    };
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, results);
    EXPECT_EQ(t.made, t.destroyed);
    kept.reset();
}

// The library destroys that object, although no pass does: so its destructor waits for nobody.
TEST_F(DevresPtrTest, DestructorOfAnObjectThatCameAfterTheCloseDoesNotWaitForAnotherRevoke) // V1, V4, V6
{
    revoke_under_way slow;
    t.in_destructor = [&] { EXPECT_FALSE(slow.object.revoke()); }; // or it waits for the reader for ever
    ASSERT_EQ(0, dev.bind());
    dev.on_remove = [&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(
                         b,
                         +[](const bound_device& bound, tracking* track) {
                             std::thread([&] {
                                 handle late;
                                 EXPECT_EQ(-ENODEV, handle::create(bound, &late, track));
                             }).join();
                         },
                         &t));
    };
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, ReleaseCallbackMayRevokeAndDropSiblings) // V6, V8, C11
{
    static handle sibling;
    static handle other;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &sibling, &t, 1));
        EXPECT_EQ(0, handle::create(b, &other, &t, 2));
        return devm_add_action(
            static_cast<device*>(b),
            +[](void*) {
                sibling.revoke(); // whoever destroys it, it happens once
                other.reset();
            },
            nullptr);
    }));
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(2, t.made);
    EXPECT_EQ(2, t.destroyed);
    sibling.reset();
}

TEST_F(DevresPtrTest, ReleaseCallbackLeavesSiblingsToTheirPlacesInTheOrder) // V6, V8, C11
{
    static handle revoked;
    static handle dropped;
    tracking oldest;
    tracking older;
    std::string order;
    oldest.in_destructor = [&] { order += "oldest "; };
    older.in_destructor = [&] { order += "older "; };
    t.in_destructor = [&] { order += "newer "; };
    handle newer;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &revoked, &oldest));
        EXPECT_EQ(0, handle::create(b, &dropped, &older));
        EXPECT_EQ(0, handle::create(b, &newer, &t));
        return devm_add_action(b, [] {
            EXPECT_FALSE(revoked.revoke());
            dropped.reset();
        });
    }));
    const detail::revocation_counts before = detail::revocation_stats();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ("newer older oldest ", order);
    EXPECT_EQ(before.waits + 1, detail::revocation_stats().waits) << "more than the unbind's own";
    EXPECT_GE(before.barriers + 1, detail::revocation_stats().barriers) << "more than the unbind's own";
    revoked.reset();
}

TEST_F(DevresPtrTest, ReleaseCallbackDoesNotWaitForThePassThatHasTheContainer) // V1, V6
{
    handle h;
    doorway releasing;
    doorway callback_is_done;
    scripted_device other("other");
    ASSERT_EQ(0, devm_add_action(&other, [&] {
                  releasing.pass();
                  EXPECT_FALSE(h.revoke());
                  callback_is_done.open();
              }));
    void* group = nullptr;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        group = devm_open_group(b, nullptr);
        EXPECT_EQ(0, handle::create(b, &h, &t));
        return devm_add_action(b, [&] {
            releasing.open();
            callback_is_done.pass();
        });
    }));
    std::thread releaser([&] { EXPECT_EQ(2, devm_release_group(&dev, group)); });
    devres_release_all(&other.devres);
    releaser.join();
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, RevokeFromInsideItsOwnGuardWarnsAlsoInAReleaseCallbackDuringUnbind) // V5
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    scripted_device other("other");
    bool ended = true;
    ASSERT_EQ(0, devm_add_action(&other, [&] { ended = h.revoke(); }));
    std::thread unbinder;
    {
        const auto guard = h.try_access();
        unbinder = std::thread([&] { EXPECT_EQ(0, dev.unbind()); }); // waits for the guard
        while (!h.is_revoked())
            std::this_thread::yield();
        devres_release_all(&other.devres);
        EXPECT_NE(std::string::npos, warns.take_one().find("inside a guard"));
    }
    unbinder.join();
    EXPECT_FALSE(ended);
}

TEST_F(DevresPtrTest, ReleaseCallbackDoesNotWaitForTheThreadThatDestroysTheObject) // V1, V6
{
    handle h;
    doorway destroying;
    doorway callback_is_done;
    t.in_destructor = [&] {
        destroying.open();
        callback_is_done.pass();
    };
    ASSERT_EQ(0, bind_with(&h));
    scripted_device other("other");
    ASSERT_EQ(0, devm_add_action(&other, [&] {
                  destroying.pass();
                  EXPECT_FALSE(h.revoke());
                  callback_is_done.open();
              }));
    std::thread revoker([mine = h]() mutable { EXPECT_TRUE(mine.revoke()); });
    devres_release_all(&other.devres);
    revoker.join();
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, ObjectMayHoldAHandleOfItsSiblingAndOfItself) // V6, V8: nested drop inside a release
{
    struct holder {
        handle sibling;
        devres_ptr<holder> self;
        std::atomic<int>* ended;
        ~holder() { ++*ended; }
    };
    std::atomic<int> ended{0};
    devres_ptr<holder> h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        handle sibling;
        EXPECT_EQ(0, handle::create(b, &sibling, &t));
        EXPECT_EQ(0, devres_ptr<holder>::create(b, &h, sibling, devres_ptr<holder>(), &ended));
        h.try_access()->self = h;
        return 0;
    }));
    h.reset(); // the cycle is broken by the unbind
    EXPECT_EQ(0, ended);
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(1, ended);
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, DestructorOfTheObjectMayRevokeItsOwnContainer) // V1, V6: it does not wait for itself
{
    handle h;
    ASSERT_EQ(0, bind_with(&h));
    handle own = h;
    bool won = true;
    t.in_destructor = [&] { won = own.revoke(); };
    EXPECT_TRUE(h.revoke());
    EXPECT_FALSE(won);
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(DevresPtrTest, LoserOfARevokeReturnsOnlyWhenTheObjectIsGone) // V1
{
    for (int round = 0; round != 50; ++round) {
        tracking here;
        std::atomic<bool> destructor_done{false};
        here.in_destructor = [&] {
            linger();
            destructor_done = true;
        };
        scripted_device local("local");
        handle h;
        ASSERT_EQ(0, local.bind([&](const bound_device& b) { return handle::create(b, &h, &here); }));
        std::atomic<int> winners{0};
        std::vector<std::thread> revokers;
        for (int i = 0; i != 3; ++i) {
            revokers.emplace_back([&, mine = h]() mutable {
                winners += mine.revoke() ? 1 : 0;
                EXPECT_TRUE(destructor_done);
            });
        }
        for (std::thread& revoker : revokers)
            revoker.join();
        EXPECT_EQ(1, winners);
        EXPECT_EQ(1, here.destroyed);
    }
}

TEST_F(DevresPtrTest, OverAlignedObjectsAreAligned) // A8
{
    struct alignas(128) wide {
        char bytes[128];
    };
    devres_ptr<wide> h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) { return devres_ptr<wide>::create(b, &h); }));
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(h.try_access().get()) % 128);
}

TEST_F(DevresPtrTest, AnObjectMayHaveAnAddressOfOperatorOfItsOwn) // A8
{
    struct like_com {
        void** operator&() { return &out; }
        long before = 1;
        void* out = nullptr;
        long after = 2;
    };
    struct pinned {
        void operator&() const = delete;
        int value;
    };
    devres_ptr<like_com> com;
    devres_ptr<pinned> pin;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        if (const int err = devres_ptr<pinned>::create(b, &pin, 7))
            return err;
        return devres_ptr<like_com>::create(b, &com);
    }));
    const auto guard = com.try_access();
    ASSERT_TRUE(guard);
    EXPECT_EQ(1, guard->before);
    EXPECT_EQ(nullptr, guard->out);
    EXPECT_EQ(2, guard->after);
    EXPECT_EQ(7, pin.try_access()->value);
    revocable<like_com> alone;
    EXPECT_EQ(2, alone.try_access()->after);
}

TEST_F(DevresPtrTest, ObjectsMayBeConstAndAggregates) // A8, V1
{
    struct point {
        int x, y;
    };
    devres_ptr<const point> fixed;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        const int err = devres_ptr<const point>::create(b, &fixed, 1, 2);
        static_assert(std::is_same_v<const point*, decltype(fixed.access(b))>);
        return err;
    }));
    static_assert(std::is_same_v<const point&, decltype(*fixed.try_access())>);
    EXPECT_EQ(2, fixed.try_access()->y);
    EXPECT_EQ(1, fixed.try_access_with([](const point& p) { return p.x; }));
    revocable<point> braced(3, 4);
    EXPECT_EQ(4, braced.try_access()->y);
    revocable<const std::string> text("text");
    static_assert(std::is_same_v<const std::string&, decltype(*text.try_access())>);
    EXPECT_EQ("text", *text.try_access());
    EXPECT_TRUE(text.revoke());
}

#if defined(__cpp_exceptions)
TEST_F(DevresPtrTest, ThrowingConstructorLeavesNothingBehind) // A8
{
    struct thrower {
        thrower() { throw 42; }
    };
    devres_ptr<thrower> h;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_THROW((void)devres_ptr<thrower>::create(b, &h), int);
        EXPECT_EQ(0, devres_release_all(&b->devres));
        return 0;
    }));
    EXPECT_FALSE(h);
}
#endif

// --- A hook that returns inside a guard of its own --------------------------------------------------------

// It is too late to refuse the unbind, and this thread cannot be waited for. An object that somebody is
// inside is lost then: leak checkers still find it through `lost`.
class OwnGuardTest : public DevresPtrTest {
protected:
    void SetUp() override { ::alarm(20); } // a hang is a failure
    void TearDown() override { ::alarm(0); }

    // Requires: `guard`, taken at `line`, is of the object of `h`, which is the last handle.
    void expect_lost(int line)
    {
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("devres_ptr_test.cpp:" + std::to_string(line))) << message;
        EXPECT_NE(std::string::npos, message.find("dev0")) << message;
        EXPECT_FALSE(h.try_access());
        EXPECT_FALSE(h.revoke()) << "or waits for who would destroy it";
        static auto* const lost = new std::vector<const tracked*>; // lives as long as what it names
        lost->push_back(guard.get());
        h.reset();
        EXPECT_EQ(7, guard->check());
        guard = {};
        EXPECT_EQ(0, t.destroyed);
    }

    handle h;
    handle::guard guard;
};

TEST_F(OwnGuardTest, OfAFailingProbeIsReportedAndNotWaitedFor) // V5, D2
{
    int line = 0;
    const int err = dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        line = __LINE__ + 1;
        guard = h.try_access();
        return -EIO;
    });
    EXPECT_EQ(-EIO, err);
    expect_lost(line);
    EXPECT_EQ(0, dev.bind([](const bound_device&) { return 0; })) << "the device is as before";
}

TEST_F(OwnGuardTest, OfRemoveIsReportedAndOthersAreWaitedFor) // V5, D3 (2)
{
    handle other;
    handle::guard of_other;
    tracking t_of_other;
    int line = 0;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &other, &t_of_other));
        return handle::create(b, &h, &t, 7);
    }));
    dev.on_remove = [&](const bound_device&) {
        line = __LINE__ + 1;
        guard = h.try_access();
    };
    doorway inside;
    const pid_t unbinder = ::gettid();
    std::atomic<bool> leaves{false};
    t_of_other.in_destructor = [&] { EXPECT_TRUE(leaves); };
    std::thread reader([&] {
        const auto theirs = other.try_access();
        inside.open();
        while (!other.is_revoked())
            std::this_thread::yield();
        await_asleep(unbinder); // for this one, or it has not waited and joins this one
        leaves = true;
    });
    inside.pass();
    EXPECT_EQ(0, dev.unbind()); // or never
    EXPECT_EQ(1, t_of_other.destroyed);
    reader.join();
    t_of_other.in_destructor = {};
    expect_lost(line);
}

// What they are inside of is not waited for, but it stays.
TEST_F(OwnGuardTest, KeepsTheObjectAlsoForOtherThreads) // V5, V1
{
    int line = 0;
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        return devm_add_action(b, [&] { guard = {}; });
    }));
    dev.on_remove = [&](const bound_device&) {
        line = __LINE__ + 1;
        guard = h.try_access();
    };
    doorway inside;
    doorway unbound;
    std::thread reader([&] {
        const revocable<int> unrelated(1);
        const auto elsewhere = unrelated.try_access();
        auto theirs = h.try_access();
        inside.open();
        unbound.pass();
        theirs->check();
        guard = theirs.detach();
    });
    inside.pass();
    EXPECT_EQ(0, dev.unbind()); // or never
    unbound.open();
    reader.join();
    expect_lost(line);
}

// The handle is gone by then, so that the binding frees the container.
TEST_F(OwnGuardTest, KeepsAnObjectWithoutAHandle) // V5, V8
{
    int line = 0;
    const int err = dev.bind([&](const bound_device& b) {
        handle only;
        EXPECT_EQ(0, handle::create(b, &only, &t, 7));
        line = __LINE__ + 1;
        guard = only.try_access();
        return -EIO;
    });
    EXPECT_EQ(-EIO, err);
    expect_lost(line);
}

TEST_F(OwnGuardTest, ThatHasEndedBeforeTheObjectsTurnKeepsNothing) // V5
{
    ASSERT_EQ(0, dev.bind([&](const bound_device& b) {
        EXPECT_EQ(0, handle::create(b, &h, &t, 7));
        return devm_add_action(b, [&] { guard = {}; });
    }));
    dev.on_remove = [&](const bound_device&) { guard = h.try_access(); };
    EXPECT_EQ(0, dev.unbind()); // or never
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(1, t.destroyed);
}

TEST_F(OwnGuardTest, OfATreeIsReportedAndNotWaitedFor) // V5, D7
{
    heap_device* hub = heap_device::make("dev0");
    heap_device* leaf = heap_device::make("leaf", hub);
    int line = 0;
    ASSERT_EQ(0, leaf->bind([&](const bound_device& b) { return handle::create(b, &h, &t, 7); }));
    leaf->on_remove = [&](const bound_device&) {
        line = __LINE__ + 1;
        guard = h.try_access();
    };
    EXPECT_EQ(0, device_unregister_tree(hub)); // or never
    expect_lost(line);
}

} // namespace
} // namespace devres::test
