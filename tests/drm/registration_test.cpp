// SPDX-License-Identifier: MIT
//
// X1, X2: drm_registration, and D3, V4 for a registration that the parent owns.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_registration.h>
#include <devres/revocable.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "support/event_log.h"
#include "support/head_checker.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

class RegistrationTest : public testing::Test {
protected:
    // With one reference, the caller's.
    drm_device* logged()
    {
        drm_device* drm = drm_dev_get(devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log));
        devres_release_all(&parent.devres);
        return drm;
    }

    event_log log;
    warn_capture warns;
    scripted_driver driver;
    scripted_device parent;
};

TEST_F(RegistrationTest, RegistersInItsFactoryHoldsAReferenceAndUnplugsInItsDestructor) // X1
{
    logged_drm* drm = devm_drm_dev_alloc<logged_drm>(&parent, &driver, &log);
    {
        drm_registration registration;
        EXPECT_FALSE(registration);
        EXPECT_EQ(nullptr, registration.device());
        ASSERT_EQ(0, drm_registration::create(drm, &registration));
        EXPECT_TRUE(registration);
        EXPECT_EQ(drm, registration.device());
        EXPECT_EQ(0, client(drm).error());
        devres_release_all(&parent.devres); // the driver's reference
        EXPECT_EQ(events{}, log.take());
        EXPECT_FALSE(drm_dev_is_unplugged(registration.device()));
    }
    EXPECT_EQ((events{"~T"}), log.take());
}

TEST_F(RegistrationTest, FailureLeavesOutAlone) // X1
{
    drm_device* a = drm_dev_alloc(&driver, &parent);
    drm_device* b = drm_dev_alloc(&driver, &parent);
    drm_registration registration;
    EXPECT_EQ(-EINVAL, drm_registration::create(nullptr, &registration));
    EXPECT_EQ(-EINVAL, drm_registration::create(a, nullptr));
    ASSERT_EQ(0, drm_registration::create(a, &registration));
    EXPECT_EQ(-EBUSY, drm_registration::create(a, &registration));
    driver.on.load = [](drm_device*, unsigned long flags) { return flags == 9 ? -EIO : 0; };
    EXPECT_EQ(-EIO, drm_registration::create(b, &registration, 9));
    EXPECT_EQ(a, registration.device());
    EXPECT_FALSE(drm_dev_is_unplugged(a));
    registration = {};
    EXPECT_TRUE(drm_dev_is_unplugged(a));
    drm_dev_put(a);
    drm_dev_put(b);
}

TEST_F(RegistrationTest, LoadMayDropTheReferenceThatCreateWasCalledWith) // X1, C14
{
    driver.on.load = [](drm_device* drm, unsigned long flags) {
        drm_dev_put(drm);
        return flags == 9 ? -EIO : 0;
    };
    drm_registration registration;
    ASSERT_EQ(0, drm_registration::create(logged(), &registration)); // or it is gone already
    EXPECT_EQ(events{}, log.take());
    registration = {};
    EXPECT_EQ((events{"~T"}), log.take());
    EXPECT_EQ(-EIO, drm_registration::create(logged(), &registration, 9));
    EXPECT_EQ((events{"~T"}), log.take()) << "nothing is left of it";
}

TEST_F(RegistrationTest, MovedFromDoesNothing) // X1
{
    drm_device* a = drm_dev_alloc(&driver, &parent);
    drm_device* b = drm_dev_alloc(&driver, &parent);
    drm_registration of_b;
    ASSERT_EQ(0, drm_registration::create(b, &of_b));
    {
        drm_registration first;
        ASSERT_EQ(0, drm_registration::create(a, &first));
        drm_registration second(std::move(first));
        EXPECT_FALSE(first);
        EXPECT_EQ(nullptr, first.device());
        EXPECT_EQ(a, second.device());
        of_b = std::move(second); // unplugs b
        EXPECT_TRUE(drm_dev_is_unplugged(b));
        EXPECT_FALSE(second);
    }
    EXPECT_FALSE(drm_dev_is_unplugged(a));
    of_b = {};
    EXPECT_TRUE(drm_dev_is_unplugged(a));
    drm_dev_put(a);
    drm_dev_put(b);
}

TEST_F(RegistrationTest, MovedToItselfStaysVisible) // X1, section 7
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    drm_registration registration;
    ASSERT_EQ(0, drm_registration::create(drm, &registration));
    drm_registration& same = registration;
    registration = std::move(same);
    EXPECT_EQ(drm, registration.device());
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    registration = {};
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    drm_dev_put(drm);
}

TEST_F(RegistrationTest, DestructorRunsOnAnyThreadAndWaitsForThoseInside) // X1
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    auto registration = std::make_unique<drm_registration>();
    ASSERT_EQ(0, drm_registration::create(drm, registration.get()));
    std::atomic<bool> left{false};
    std::optional<inside_until_unplugged> reader(std::in_place, drm, [&] {
        linger();
        left = true;
    });
    std::thread([&] {
        registration.reset();
        EXPECT_TRUE(left);
    }).join();
    reader.reset();
    drm_dev_put(drm);
}

TEST_F(RegistrationTest, DestructorInsideTheSectionWarnsAndLeavesItVisible) // X1, V5
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    auto registration = std::make_unique<drm_registration>();
    ASSERT_EQ(0, drm_registration::create(drm, registration.get()));
    {
        drm_dev_guard guard(drm);
        registration.reset();
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("~drm_registration")) << message;
        EXPECT_EQ(std::string::npos, message.find("drm_registration.cpp"))
            << "the library's own: " << message;
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
        EXPECT_EQ(0, client(drm).error());
    }
    EXPECT_EQ(0, drm_dev_unplug(drm));
    drm_dev_put(drm);
}

// --- Owned by the parent (X2) -----------------------------------------------------------------------------

TEST_F(RegistrationTest, OwnedRegistrationIsUnpluggedAtUnbindAtItsPlaceInTheOrder) // X2, D3
{
    driver.on.unmap = [this](drm_device*, drm_file*) { log.add("unplug"); };
    std::unique_ptr<client> user;
    logged_drm* drm = nullptr;
    parent.on_remove = [this, &drm](const bound_device&) {
        log.add("remove");
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
    };
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [this] { log.add("older"); }));
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [this, &drm] {
                      log.add("newer");
                      EXPECT_TRUE(drm_dev_is_unplugged(drm)) << "closed before anything is released";
                  }));
        user = std::make_unique<client>(drm);
        return 0;
    }));
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ((events{"remove", "newer", "unplug", "older"}), log.take());
    EXPECT_EQ(-ENODEV, user->ioctl(scripted_driver::plain));
    user.reset();
    EXPECT_EQ((events{"~T"}), log.take());
}

TEST_F(RegistrationTest, OwnedRegistrationOfAnotherParentsDeviceIsEINVAL) // X2
{
    scripted_device other("other");
    drm_device* theirs = drm_dev_alloc(&driver, &other);
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        EXPECT_EQ(-EINVAL, drm_registration::create_owned_by_device(b, theirs));
        EXPECT_EQ(-EINVAL, drm_registration::create_owned_by_device(b, nullptr));
        EXPECT_EQ(0, devres_release_all(&b->devres)) << "nothing was attached";
        return 0;
    }));
    drm_file* file = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(theirs, &file)) << "and not registered";
    drm_dev_put(theirs);
}

// Found by fuzzing: the unbind, or the unwinding of the probe, would wait for the section that its own thread
// is in.
TEST_F(RegistrationTest, OwnedRegistrationFromInsideTheSectionIsRefused) // X2, V5
{
    drm_device* drm = drm_dev_alloc(&driver, &parent);
    int err = 0;
    parent.on_remove = [&](const bound_device& b) { err = drm_registration::create_owned_by_device(b, drm); };
    ASSERT_EQ(0, parent.bind());
    {
        const drm_dev_guard inside(drm);
        EXPECT_EQ(0, parent.unbind());
    }
    EXPECT_EQ(-EDEADLK, err);
    EXPECT_NE(std::string::npos, warns.take_one().find("called from inside a guard"));
    EXPECT_EQ(0, parent.bind());
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ(0, err);
    drm_dev_put(drm);
}

TEST_F(RegistrationTest, OwnedRegistrationThatFailsUnwindsItself) // X2, M5
{
    driver.on.load = [](drm_device*, unsigned long) { return -EIO; };
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm_device* drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        const std::size_t listed = checked_count(parent.devres);
        EXPECT_EQ(-EIO, drm_registration::create_owned_by_device(b, drm));
        EXPECT_EQ(listed, checked_count(parent.devres)) << "it is not the parent's";
        driver.on.load = nullptr;
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm)) << "once more";
        return 0;
    }));
    EXPECT_EQ(0, parent.unbind());
}

// What `load` takes for its device is still there when the unplug takes mappings away.
TEST_F(RegistrationTest, WhatLoadAttachesToTheParentIsReleasedAfterTheUnplug) // X2, M5, C1
{
    driver.on.load = [this](drm_device*, unsigned long) {
        return devm_add_action(static_cast<device*>(&parent), [this] { log.add("what load attached"); });
    };
    driver.on.unmap = [this](drm_device*, drm_file*) { log.add("unmap"); };
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    client file(drm);
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ((events{"unmap", "what load attached"}), log.take());
}

TEST_F(RegistrationTest, OwnedRegistrationAfterTheCloseIsENODEV) // X2, V4
{
    static scripted_driver* late_driver;
    late_driver = &driver;
    static int asked;
    asked = 0;
    ASSERT_EQ(0, parent.bind([](const bound_device& b) {
        return devm_add_action(
            b,
            +[](const bound_device& bound, void*) {
                ++asked;
                drm_device* drm = drm_dev_alloc(late_driver, bound);
                EXPECT_EQ(-ENODEV, drm_registration::create_owned_by_device(bound, drm));
                drm_file* file = nullptr;
                EXPECT_EQ(-ENODEV, drm_open(drm, &file));
                EXPECT_FALSE(drm_dev_is_unplugged(drm)) << "the binding never had it";
                drm_dev_put(drm);
            },
            nullptr);
    }));
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ(1, asked);
}

TEST_F(RegistrationTest, UnbindFromInsideASectionThatTheDeviceRegisteredIsASelfRevoke) // D3 (0), V5
{
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    parent.on_remove = [this](const bound_device&) { log.add("remove"); };
    {
        const int inside = __LINE__ + 1;
        drm_dev_guard guard(drm);
        EXPECT_EQ(-EDEADLK, parent.unbind());
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("registration_test.cpp:" + std::to_string(inside)))
            << message;
        EXPECT_EQ(-EDEADLK, device_del(&parent));
        EXPECT_EQ(1u, warns.take().size());
        EXPECT_EQ(events{}, log.take());
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
    }
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ((events{"remove"}), log.take());
}

// It is not when the unbind is asked for, but when the probe for which that waits is over.
TEST_F(RegistrationTest, UnbindFromInsideASectionThatAProbeIsJustRegisteringIsASelfRevoke) // D3 (0), V5
{
    drm_device* drm = nullptr;
    std::thread user;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        user = std::thread([&] {
            const drm_dev_guard inside(drm);
            EXPECT_EQ(-EDEADLK, parent.unbind()); // or never
        });
        await_sleepers(1);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    user.join();
    EXPECT_NE(std::string::npos, warns.take_one().find("from inside a guard"));
    EXPECT_FALSE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(0, parent.unbind());
}

TEST_F(RegistrationTest, UnbindFromAGuardedHandlerIsASelfRevokeAndFromAPlainOneIsNot) // D3 (0), V5, M7
{
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    client user(drm);
    driver.on.guarded = [this](const drm_dev_guard&, void*, drm_file*) {
        return static_cast<long>(parent.unbind());
    };
    driver.on.plain = [this](drm_device*, void*, drm_file*) { return static_cast<long>(parent.unbind()); };
    EXPECT_EQ(-EDEADLK, user.ioctl(scripted_driver::guarded));
    EXPECT_EQ(1u, warns.take().size());
    EXPECT_EQ(0, user.ioctl(scripted_driver::plain));
    EXPECT_EQ(-ENODEV, user.ioctl(scripted_driver::plain));
}

TEST_F(RegistrationTest, SectionOfADeviceRegisteredByHandDoesNotHoldUpUnbind) // V3, X2
{
    drm_device* drm = drm_dev_alloc(&driver, &parent); // not the binding's
    ASSERT_EQ(0, drm_dev_register(drm));
    ASSERT_EQ(0, parent.bind([](const bound_device&) { return 0; }));
    {
        drm_dev_guard guard(drm);
        EXPECT_EQ(0, parent.unbind());
    }
    EXPECT_EQ(0, drm_dev_unplug(drm));
    drm_dev_put(drm);
}

TEST_F(RegistrationTest, UnbindWithAnOwnedRegistrationAndNoContainerWaitsForItsReaders) // D3 (2), X2
{
    drm_device* drm = nullptr;
    std::atomic<bool> left{false};
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
        return devm_add_action(static_cast<device*>(b), [&] { EXPECT_TRUE(left) << "released too early"; });
    }));
    const inside_until_unplugged reader(drm, [&] {
        linger();
        left = true;
    });
    EXPECT_EQ(0, parent.unbind());
}

// `remove` wakes the sleeper, whose condition does not hold yet, so it sleeps again. The close is what it
// waits for.
TEST_F(RegistrationTest, UnbindWakesWhoSleepsInsideTheSectionAfterTheClose) // D3 (1), (2)
{
    drm_device* drm = nullptr;
    std::atomic<int> asked{0};
    driver.on.guarded = [&](const drm_dev_guard& inside, void*, drm_file*) {
        return static_cast<long>(drm_wait_event(inside.device(), [&] {
            ++asked;
            return false;
        }));
    };
    parent.on_remove = [&](const bound_device&) {
        const int before = asked;
        drm_wake_up(drm);
        while (asked == before)
            std::this_thread::yield();
    };
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    client user(drm);
    std::thread sleeper([&] { EXPECT_EQ(-ENODEV, user.ioctl(scripted_driver::guarded)); });
    while (asked == 0)
        std::this_thread::yield();
    EXPECT_EQ(0, parent.unbind()); // or never
    sleeper.join();
}

// An action with the proof that another thread claimed registers while unbind releases everything else.
TEST_F(RegistrationTest, UnbindDoesNotEndAnOwnedRegistrationWhileItsLoadRuns) // X2, C15
{
    struct late {
        drm_device* drm;
        int result;
    };
    late registration{drm_dev_alloc(&driver, &parent), 1};
    int released = 0;
    driver.on.release = [&](drm_device*) { ++released; };
    doorway loading;
    doorway unbinding;
    driver.on.load = [&](drm_device*, unsigned long) {
        loading.open();
        unbinding.pass();
        return 0;
    };
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        EXPECT_EQ(0, devm_add_action(static_cast<device*>(b), [&] { unbinding.open(); }));
        EXPECT_EQ(&registration, devm_open_group(b, &registration));
        EXPECT_EQ(0, devm_add_action(
                         b,
                         +[](const bound_device& bound, late* l) {
                             l->result = drm_registration::create_owned_by_device(bound, l->drm);
                         },
                         &registration));
        devm_close_group(b, &registration);
        return 0;
    }));
    std::thread claimer([&] { EXPECT_EQ(1, devm_release_group(&parent, &registration)); });
    loading.pass();
    EXPECT_EQ(0, parent.unbind());
    claimer.join();
    EXPECT_EQ(0, registration.result);
    EXPECT_TRUE(drm_dev_is_unplugged(registration.drm));
    EXPECT_EQ(0, released);
    drm_dev_put(registration.drm);
    EXPECT_EQ(1, released) << "the registration has kept its reference";
}

// The members of a binding are found by identity, in a table that grows and shrinks.
TEST_F(RegistrationTest, UnbindKnowsEachOfManyOwnedRegistrations) // D3 (0), (2), X2
{
    std::vector<drm_device*> drms(300);
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        for (std::size_t i = 0; i != drms.size(); ++i) {
            const bool in_group = i % 3 == 0; // released before the others
            EXPECT_TRUE(!in_group || devm_open_group(b, &drms[i]));
            drms[i] = devm_drm_dev_alloc<drm_device>(b, &driver);
            EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drms[i]));
            if (in_group)
                devm_close_group(b, &drms[i]);
        }
        return 0;
    }));
    for (std::size_t i = 0; i != drms.size(); ++i) {
        if (i % 3 == 0) {
            EXPECT_EQ(2, devm_release_group(&parent, &drms[i]));
            continue;
        }
        const drm_dev_guard inside(drms[i]);
        EXPECT_EQ(-EDEADLK, parent.unbind()) << i;
        EXPECT_EQ(1u, warns.take().size()) << i;
    }
    EXPECT_EQ(0, parent.unbind());
}

TEST_F(RegistrationTest, ReleaseOfAGroupFromInsideTheSectionLeavesTheRegistrationToUnbind) // X2, V5
{
    logged_drm* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        EXPECT_EQ(&log, devm_open_group(b, &log));
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
        devm_close_group(b, &log);
        return 0;
    }));
    drm_dev_get(drm);
    {
        const int line = __LINE__ + 1;
        const drm_dev_guard inside(drm);
        devm_release_group(&parent, &log);
        const std::string message = warns.take_one();
        EXPECT_NE(std::string::npos, message.find("registration_test.cpp:" + std::to_string(line)));
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
        EXPECT_EQ(-EDEADLK, parent.unbind()) << "it is still a part of the binding";
        EXPECT_EQ(1u, warns.take().size());
    }
    EXPECT_EQ(0, parent.unbind());
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(events{}, log.take());
    drm_dev_put(drm);
    EXPECT_EQ((events{"~T"}), log.take()) << "the registration has put its reference";
}

TEST_F(RegistrationTest, DrainFromInsideTheSectionLeavesTheRegistrationToUnbind) // X2, V5, C12
{
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = drm_dev_get(devm_drm_dev_alloc<drm_device>(b, &driver));
        return drm_registration::create_owned_by_device(b, drm);
    }));
    {
        const drm_dev_guard inside(drm);
        devres_drain(&parent.devres);
        EXPECT_EQ(1u, warns.take().size());
        EXPECT_FALSE(drm_dev_is_unplugged(drm));
    }
    EXPECT_EQ(0, parent.unbind());
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    drm_dev_put(drm);
}

TEST_F(RegistrationTest, RegistrationsThatADrainLeftKeepTheirOrder) // X2, V5, C1
{
    logged_drm* older = nullptr;
    logged_drm* newer = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        older = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        newer = devm_drm_dev_alloc<logged_drm>(b, &driver, &log);
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, older));
        return drm_registration::create_owned_by_device(b, newer);
    }));
    {
        const drm_dev_guard in_older(older);
        const drm_dev_guard in_newer(newer);
        devres_drain(&parent.devres);
        EXPECT_EQ(2u, warns.take().size());
    }
    driver.on.release = [&](drm_device* drm) { log.add(drm == older ? "older" : "newer"); };
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ((events{"newer", "~T", "older", "~T"}), log.take());
}

// It is too late to refuse, and this thread cannot be waited for.
TEST_F(RegistrationTest, HookThatReturnsInsideTheSectionIsReportedAndNotWaitedFor) // V5, X2, M5
{
    ::alarm(20); // a hang is a failure
    int idx = -1;
    drm_device* drm = nullptr;
    EXPECT_EQ(-EIO, parent.bind([&](const bound_device& b) {
        drm = drm_dev_get(devm_drm_dev_alloc<drm_device>(b, &driver));
        EXPECT_EQ(0, drm_registration::create_owned_by_device(b, drm));
        return drm_dev_enter(drm, &idx) ? -EIO : 0;
    })); // or never
    EXPECT_NE(std::string::npos, warns.take_one().find("registration_test.cpp:"));
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    EXPECT_EQ(-ENODEV, client(drm).error());
    drm_dev_exit(idx);
    drm_dev_put(drm);
    ::alarm(0);
}

TEST_F(RegistrationTest, HookThatReturnsInsideTheSectionWaitsForOthersElsewhere) // V5, D3 (2)
{
    int idx = -1;
    drm_device* drm = nullptr;
    drm_device* other = nullptr;
    std::atomic<bool> left{false};
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        for (drm_device** d : {&drm, &other}) {
            *d = devm_drm_dev_alloc<drm_device>(b, &driver);
            EXPECT_EQ(0, drm_registration::create_owned_by_device(b, *d));
        }
        return devm_add_action(b, [&] { EXPECT_TRUE(left) << "released too early"; });
    }));
    parent.on_remove = [&](const bound_device&) { EXPECT_TRUE(drm_dev_enter(drm, &idx)); };
    const inside_until_unplugged reader(other, [&] {
        linger();
        left = true;
    });
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ(1u, warns.take().size());
    drm_dev_exit(idx);
}

// That other thread goes on when this one has left the section.
TEST_F(RegistrationTest, HookThatReturnsInsideTheSectionDoesNotWaitForWhoUnplugsOnAnotherThread) // V5, M5
{
    ::alarm(20); // a hang is a failure
    int idx = -1;
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    drm_dev_get(drm);
    std::thread unplugger;
    parent.on_remove = [&](const bound_device&) {
        EXPECT_TRUE(drm_dev_enter(drm, &idx));
        unplugger = std::thread([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
    };
    EXPECT_EQ(0, parent.unbind()); // or never
    EXPECT_EQ(1u, warns.take().size());
    drm_dev_exit(idx);
    unplugger.join();
    drm_dev_put(drm);
    ::alarm(0);
}

TEST_F(RegistrationTest, UnbindWaitsForWhoUnplugsOnAnotherThread) // X2, M5
{
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    doorway unmapping;
    driver.on.unmap = [&](drm_device*, drm_file*) {
        unmapping.open();
        await_sleepers(1); // the unbind
        log.add("unmap");
    };
    client file(drm);
    std::thread unplugger([&] { EXPECT_EQ(0, drm_dev_unplug(drm)); });
    unmapping.pass();
    const revocable<int> another(1);
    const auto guard = another.try_access(); // no reason to release what the hook may use
    EXPECT_EQ(0, parent.unbind());
    EXPECT_EQ((events{"unmap"}), log.take());
    unplugger.join();
}

TEST_F(RegistrationTest, EarlyUnplugOfAnOwnedRegistrationIsFine) // X2, M5
{
    drm_device* drm = nullptr;
    ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        return drm_registration::create_owned_by_device(b, drm);
    }));
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(0, parent.unbind());
}

TEST_F(RegistrationTest, UnbindAgainstUnplugAgainstUsers) // X2, D3, M5
{
    for (int round = 0; round != 150; ++round) {
        drm_device* drm = nullptr;
        ASSERT_EQ(0, parent.bind([&](const bound_device& b) {
            drm = devm_drm_dev_alloc<drm_device>(b, &driver);
            return drm_registration::create_owned_by_device(b, drm);
        }));
        std::atomic<int> inside{0};
        driver.on.guarded = [&](const drm_dev_guard&, void*, drm_file*) {
            ++inside;
            std::this_thread::yield();
            --inside;
            return 0L;
        };
        drm_dev_get(drm);
        drm_dev_get(drm);
        std::thread unplugger([drm, round] {
            for (int i = 0; i != round % 7; ++i)
                std::this_thread::yield();
            EXPECT_EQ(0, drm_dev_unplug(drm));
            drm_dev_put(drm);
        });
        std::thread user([&, drm] {
            for (;;) {
                client c(drm);
                if (c.error() || c.ioctl(scripted_driver::guarded) == -ENODEV)
                    break;
            }
            drm_dev_put(drm);
        });
        EXPECT_EQ(0, parent.unbind());
        EXPECT_EQ(0, inside);
        unplugger.join();
        user.join();
    }
}

} // namespace
} // namespace devres::test
