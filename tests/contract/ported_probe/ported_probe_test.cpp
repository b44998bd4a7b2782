// SPDX-License-Identifier: MIT
//
// Runs the ported driver on registers and an interrupt that the test plays: bound, used, suspended, unbound
// while open, and with each step of its probe failing.
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <devres/drm_device.h>

#include "contract/ported_probe/kernel_words.h"
#include "contract/ported_probe/platform.h"
#include "contract/ported_probe/widget_driver.h"
#include "contract/ported_probe/widget_uapi.h"
#include "support/event_log.h"
#include "support/head_checker.h"
#ifdef DEVRES_TEST_FAILS_MALLOC
#include "support/malloc_faults.h"
#endif
#include "support/warn_capture.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct clk {
    bool there = true;
    int error = 0; // of the next start
    bool on = false;
};

namespace {

event_log hardware;
clk the_clock;
long planes_left = -1; // how many planes can still be allocated; negative: any number
long live_planes = 0;

// The registers of the widget, in words.
enum : unsigned { id = 0, ctrl = 1, irq_mask = 2, irq_status = 3, irq_ack = 4, num_planes = 5, modes = 16 };
enum : unsigned { planes = 32, gamma_table = 48 };
u32* window = nullptr;

u32 registers(unsigned word)
{
    return readl(window + word);
}

} // namespace

// --- What the ported driver calls --------------------------------------------------------------------------

clk* devm_clk_get(device* dev, const char*)
{
    if (!the_clock.there)
        return ERR_PTR(-ENOENT);
    if (int err = devm_add_action(dev, [] { hardware.add("put clock"); }))
        return ERR_PTR(err);
    return &the_clock;
}
int clk_prepare_enable(clk* clock)
{
    if (clock->error)
        return clock->error;
    EXPECT_FALSE(clock->on);
    clock->on = true;
    return 0;
}
void clk_disable_unprepare(clk* clock)
{
    EXPECT_TRUE(clock->on);
    EXPECT_EQ(0u, registers(ctrl)) << "the clock stops under a widget that runs";
    clock->on = false;
    hardware.add("clock off");
}

any_ptr kzalloc(std::size_t bytes, gfp_t)
{
    if (planes_left == 0)
        return nullptr;
    --planes_left;
    void* memory = std::calloc(1, bytes);
    if (memory)
        ++live_planes;
    return memory;
}
void kfree(const void* memory)
{
    --live_planes;
    hardware.add("free plane");
    std::free(const_cast<void*>(memory)); // SAFETY: what kzalloc returned
}

namespace {

class PortedProbeTest : public ::testing::Test {
public:
    PortedProbeTest()
    {
        the_clock = clk();
        planes_left = -1;
        dev->registers = memfd_create("widget", MFD_CLOEXEC);
        EXPECT_EQ(0, ftruncate(dev->registers, 4096));
        window =
            static_cast<u32*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, dev->registers, 0));
        EXPECT_NE(MAP_FAILED, static_cast<void*>(window));
        dev->interrupt = eventfd(0, EFD_CLOEXEC);
        dev->trace = [](const char* event) { hardware.add(event); };
        registers_fd = dev->registers;
        interrupt_fd = dev->interrupt;
        writel(0x57494447, window + id);
        writel(2, window + num_planes);
        for (unsigned n = 0; n < 6; ++n)
            writel(100 - n, window + modes + n);
        device_register(dev);
    }
    ~PortedProbeTest() override
    {
        device_unregister(dev);
        munmap(window, 4096);
        close(registers_fd);
        close(interrupt_fd);
        EXPECT_EQ(0, live_planes);
        EXPECT_FALSE(the_clock.on);
        hardware.take();
    }

    int bind() { return device_driver_attach(&widget_driver, dev); }
    drm_device* drm() { return platform_get_drvdata(dev); }

    // Binds, which must fail and leave nothing behind.
    void expect_failure(int expected, const events& unwound)
    {
        EXPECT_EQ(expected, bind());
        EXPECT_EQ(unwound, hardware.take());
        expect_nothing();
    }
    void expect_nothing()
    {
        EXPECT_EQ(0u, checked_count(dev->devres));
        EXPECT_EQ(nullptr, dev_driver(dev));
        EXPECT_EQ(nullptr, dev_get_drvdata(dev));
        EXPECT_EQ(0, live_planes);
        EXPECT_FALSE(the_clock.on);
        EXPECT_EQ(0u, registers(ctrl));
        EXPECT_EQ(0u, registers(irq_mask));
    }

    void raise_interrupt(u32 status)
    {
        const std::uint64_t one = 1;
        writel(status, window + irq_status);
        ASSERT_EQ(ssize_t{sizeof one}, write(interrupt_fd, &one, sizeof one));
    }
    // Raises frame interrupts, since several may be one for the file, until the client sees another frame.
    static void wait_for_frame(drm_file* file, const std::function<void()>& raise)
    {
        widget_info before = {};
        ASSERT_EQ(0, drm_ioctl(file, DRM_WIDGET_INFO, &before));
        widget_info now = before;
        for (raise(); now.frames == before.frames; std::this_thread::sleep_for(std::chrono::milliseconds(1)))
            ASSERT_EQ(0, drm_ioctl(file, DRM_WIDGET_INFO, &now));
    }

    warn_capture warnings;
    platform_device* dev =
        new platform_device("widget-0", nullptr, [](device* d) { delete static_cast<platform_device*>(d); });
    int registers_fd = -1;
    int interrupt_fd = -1;
};

// What was attached last is released first, whether it belongs to the device or, as the planes, to the
// drm_device, which nobody holds here (C1, M2).
TEST_F(PortedProbeTest, BindsAndUnbindsInReverseOrder)
{
    ASSERT_EQ(0, bind());
    EXPECT_THAT(hardware.take(), IsEmpty());
    EXPECT_TRUE(the_clock.on);
    EXPECT_EQ(1u, registers(ctrl));
    EXPECT_EQ(1u, registers(irq_mask));
    EXPECT_EQ(32u, registers(gamma_table + 3));
    EXPECT_EQ(2, live_planes);

    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_THAT(hardware.take(),
                ElementsAre("free irq", "free plane", "free plane", "clock off", "put clock", "unmap"));
    expect_nothing();
    ASSERT_EQ(0, bind()) << "a second time, on the same device";
    EXPECT_EQ(0, device_release_driver(dev));
}

// The client sees the table that grew while it was read, the frames that the interrupt's thread counts, and
// what it shows arrives in the registers.
TEST_F(PortedProbeTest, ServesClients)
{
    ASSERT_EQ(0, bind());
    drm_file* file = nullptr;
    ASSERT_EQ(0, drm_open(drm(), &file));

    widget_info info = {};
    EXPECT_EQ(0, drm_ioctl(file, DRM_WIDGET_INFO, &info));
    EXPECT_EQ(6u, info.num_modes);
    EXPECT_EQ(100u, info.largest_mode);
    EXPECT_EQ(0u, info.frames);
    wait_for_frame(file, [this] { raise_interrupt(1); });
    EXPECT_EQ(1u, registers(irq_ack));

    widget_show show = {.plane = 1, .address = 0x8000};
    EXPECT_EQ(0, drm_ioctl(file, DRM_WIDGET_SHOW, &show));
    EXPECT_EQ(0x8000u, registers(planes + 1));
    show.plane = 7;
    EXPECT_EQ(-ENOENT, drm_ioctl(file, DRM_WIDGET_SHOW, &show));
    drm_close(file);
}

// A client keeps the drm_device after unbind. Its ioctls get -ENODEV, also one that was past the look of
// drm_ioctl when the device went, and its planes live until it closes (M6, M7).
TEST_F(PortedProbeTest, ClientOutlivesTheHardware)
{
    ASSERT_EQ(0, bind());
    drm_file* file = nullptr;
    ASSERT_EQ(0, drm_open(drm(), &file));
    drm_device* held = drm();
    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_THAT(hardware.take(), ElementsAre("free irq", "clock off", "put clock", "unmap"));
    EXPECT_EQ(0u, checked_count(dev->devres));
    EXPECT_EQ(2, live_planes);

    widget_info info = {};
    widget_show show = {.plane = 1, .address = 0x8000};
    EXPECT_EQ(-ENODEV, drm_ioctl(file, DRM_WIDGET_INFO, &info));
    EXPECT_EQ(-ENODEV, drm_ioctl(file, DRM_WIDGET_SHOW, &show));
    EXPECT_EQ(-ENODEV, held->driver->ioctls[DRM_WIDGET_INFO].func(held, &info, file));
    EXPECT_EQ(-ENODEV, held->driver->ioctls[DRM_WIDGET_SHOW].func(held, &show, file));
    EXPECT_EQ(0u, registers(planes + 1));
    drm_file* late = nullptr;
    EXPECT_EQ(-ENODEV, drm_open(held, &late));

    drm_close(file);
    EXPECT_THAT(hardware.take(), ElementsAre("free plane", "free plane"));
    expect_nothing();
}

// What the registers lost while the widget was suspended is written again; a clock that does not start is
// reported, and can be tried again.
TEST_F(PortedProbeTest, SuspendsAndResumes)
{
    ASSERT_EQ(0, bind());
    drm_file* file = nullptr;
    ASSERT_EQ(0, drm_open(drm(), &file));
    widget_show show = {.plane = 0, .address = 0x4000};
    EXPECT_EQ(0, drm_ioctl(file, DRM_WIDGET_SHOW, &show));

    EXPECT_EQ(0, widget_suspend(dev));
    EXPECT_THAT(hardware.take(), ElementsAre("clock off"));
    EXPECT_EQ(0u, registers(irq_mask));
    writel(0, window + planes);
    writel(0, window + gamma_table + 3);

    the_clock.error = -EIO;
    EXPECT_EQ(-EIO, widget_resume(dev));
    EXPECT_EQ(0u, registers(ctrl));
    the_clock.error = 0;
    EXPECT_EQ(0, widget_resume(dev));
    EXPECT_TRUE(the_clock.on);
    EXPECT_EQ(0x4000u, registers(planes));
    EXPECT_EQ(32u, registers(gamma_table + 3));
    EXPECT_EQ(1u, registers(ctrl));
    drm_close(file);
}

// Each step that fails unwinds what came before it, and its error arrives (D2).
TEST_F(PortedProbeTest, FailureAtEachStepLeavesNothing)
{
    dev->registers = -1;
    expect_failure(-EINVAL, {});
    dev->registers = registers_fd;

    the_clock.there = false;
    expect_failure(-ENOENT, {"unmap"});
    the_clock.there = true;

    the_clock.error = -EIO;
    expect_failure(-EIO, {"put clock", "unmap"});
    the_clock.error = 0;

    writel(0, window + id);
    expect_failure(-ENODEV, {"clock off", "put clock", "unmap"});
    writel(0x57494447, window + id);

    writel(0, window + modes);
    expect_failure(-EINVAL, {"clock off", "put clock", "unmap"});
    writel(100, window + modes);

    planes_left = 1;
    expect_failure(-ENOMEM, {"free plane", "clock off", "put clock", "unmap"});
    planes_left = -1;

    dev->interrupt = -1;
    expect_failure(-ENXIO, {"free plane", "free plane", "clock off", "put clock", "unmap"});
    dev->interrupt = interrupt_fd;

    EXPECT_EQ(0, bind());
}

#ifdef DEVRES_TEST_FAILS_MALLOC
// The same for the N-th request for memory, for every N there is.
TEST_F(PortedProbeTest, FailureOfEachAllocationLeavesNothing)
{
    dev->trace = nullptr;
    for (int warm_up = 0; warm_up < 2; ++warm_up) { // libc keeps something for the thread
        ASSERT_EQ(0, bind());
        ASSERT_EQ(0, device_release_driver(dev));
    }
    hardware.take();
    const long blocks = mallocs::live_blocks();
    std::size_t refused = 0;
    for (std::size_t nth = 0;; ++nth) {
        mallocs::fail_once(nth);
        const int err = bind();
        const bool failed = mallocs::fail_no_more() != 0;
        if (!failed) {
            EXPECT_EQ(0, err);
            break;
        }
        if (err) {
            EXPECT_TRUE(err == -ENOMEM || err == -EAGAIN) << err; // the latter is pthread_create's
            ++refused;
        } else { // the library did without
            EXPECT_EQ(0, device_release_driver(dev));
        }
        hardware.take();
        expect_nothing();
        ASSERT_EQ(blocks, mallocs::live_blocks()) << "after the failure of allocation " << nth;
    }
    EXPECT_LT(2u, refused);
}
#endif

} // namespace
