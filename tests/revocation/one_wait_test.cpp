// SPDX-License-Identifier: MIT
//
// V3, V4: how often an end waits, counted.
#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/revocation_stats.h>
#include <devres/devres_ptr.h>
#include <devres/drm_registration.h>

#include "device/scripted_device.h"
#include "revocation/tracked.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

constexpr drm_driver driver{.name = "one-wait"};

class OneWaitTest : public testing::Test {
protected:
    std::size_t waits() const { return detail::revocation_stats().waits; }

    int probe(const bound_device& b, std::size_t containers)
    {
        drm = devm_drm_dev_alloc<drm_device>(b, &driver);
        EXPECT_NE(nullptr, drm);
        handles.resize(containers);
        for (devres_ptr<tracked>& h : handles)
            EXPECT_EQ(0, devres_ptr<tracked>::create(b, &h, &t));
        return drm_registration::create_owned_by_device(b, drm);
    }

    warn_capture warns;
    tracking t;
    scripted_device dev;
    drm_device* drm = nullptr;
    std::vector<devres_ptr<tracked>> handles;
};

TEST_F(OneWaitTest, UnbindOfAThousandContainersAndARegistrationWaitsOnce) // V4, D3 (2), M5
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return probe(b, 1000); }));
    drm_dev_get(drm);
    const std::size_t before = waits();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(before + 1, waits());
    EXPECT_EQ(1000, t.destroyed);
    EXPECT_TRUE(drm_dev_is_unplugged(drm));
    drm_dev_put(drm);
}

TEST_F(OneWaitTest, TheOneWaitIsForReadersOfContainersAndOfTheSection) // V4
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return probe(b, 1000); }));
    drm_dev_get(drm);
    doorway inside[2];
    std::atomic<int> left{0};
    std::thread of_container([&] {
        auto guard = handles[500].try_access();
        inside[0].open();
        while (!handles[0].is_revoked())
            std::this_thread::yield();
        linger();
        guard->check();
        ++left;
    });
    std::thread of_section([&] {
        drm_dev_guard guard(drm);
        inside[1].open();
        while (!drm_dev_is_unplugged(drm))
            std::this_thread::yield();
        linger();
        ++left;
    });
    inside[0].pass();
    inside[1].pass();
    ASSERT_EQ(0, devm_add_action(&dev, [&] { EXPECT_EQ(2, left) << "all waiting precedes all release"; }));
    const std::size_t before = waits();
    EXPECT_EQ(0, dev.unbind());
    EXPECT_EQ(before + 1, waits());
    of_container.join();
    of_section.join();
    drm_dev_put(drm);
}

TEST_F(OneWaitTest, FailedProbeWaitsOnceToo) // D2, V4
{
    const std::size_t before = waits();
    EXPECT_EQ(-EIO, dev.bind([this](const bound_device& b) {
        EXPECT_EQ(0, probe(b, 100));
        return -EIO;
    }));
    EXPECT_EQ(before + 1, waits());
    EXPECT_EQ(100, t.destroyed);
}

TEST_F(OneWaitTest, EarlyRevokeAndUnplugWaitOnceEach) // V3
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return probe(b, 3); }));
    std::size_t before = waits();
    EXPECT_TRUE(handles[0].revoke());
    EXPECT_EQ(before + 1, waits());
    before = waits();
    EXPECT_EQ(0, drm_dev_unplug(drm));
    EXPECT_EQ(before + 1, waits());
    EXPECT_EQ(0, drm_dev_unplug(drm)) << "the second does nothing";
    EXPECT_EQ(before + 1, waits());
}

TEST_F(OneWaitTest, AccessWithTheProofAndDropsDoNotWait) // V1, V9
{
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) {
        EXPECT_EQ(0, probe(b, 10));
        const std::size_t before = waits();
        for (devres_ptr<tracked>& h : handles) {
            EXPECT_NE(nullptr, h.access(b));
            h.reset();
        }
        EXPECT_EQ(before, waits());
        return 0;
    }));
}

TEST_F(OneWaitTest, AReaderOfAnotherBindingDelaysNeitherUnbindNorRevoke) // V3
{
    scripted_device other("other");
    devres_ptr<tracked> theirs;
    ASSERT_EQ(0,
              other.bind([&](const bound_device& b) { return devres_ptr<tracked>::create(b, &theirs, &t); }));
    ASSERT_EQ(0, dev.bind([this](const bound_device& b) { return probe(b, 10); }));
    doorway inside;
    doorway leave;
    std::thread reader([&] {
        auto guard = theirs.try_access();
        inside.open();
        leave.pass();
        guard->check();
    });
    inside.pass();
    EXPECT_TRUE(handles[0].revoke());
    EXPECT_EQ(0, dev.unbind()); // or this test never ends
    leave.open();
    reader.join();
    EXPECT_EQ(0, other.unbind());
}

} // namespace
} // namespace devres::test
