// SPDX-License-Identifier: MIT
//
// Runs the ported driver: bound, opened, unbound while open, and with each step of its probe failing.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contract/ported_probe/widget_hw.h"
#include "support/event_log.h"
#include "support/head_checker.h"
#include "support/warn_capture.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

struct widget_regs {
    unsigned long base;
};
struct widget_clk {
    bool on;
};

namespace {

event_log hardware;
std::string failing; // the step that fails
widget_regs the_regs;
widget_clk the_clk;

bool fails(const char* step)
{
    hardware.add(step);
    return failing == step;
}

drm_device* visible = nullptr;
int note_visible(drm_device* drm, unsigned long)
{
    visible = drm;
    return 0;
}
constexpr drm_driver widget_drm{.name = "widget", .load = &note_visible};

int probe(const bound_device& dev)
{
    return widget_setup(dev, &widget_drm);
}
void remove(const bound_device& dev)
{
    widget_teardown(dev);
}
constexpr device_driver widget_driver{"widget", &probe, &remove};

} // namespace

void widget_hw_read_config(widget_config* cfg)
{
    *cfg = {0x1000, 42, 64};
}
widget_regs* widget_hw_map(unsigned long base)
{
    the_regs.base = base;
    return fails("map") ? nullptr : &the_regs;
}
void widget_hw_unmap(void* regs)
{
    EXPECT_EQ(&the_regs, regs);
    hardware.add("unmap");
}
widget_clk* widget_hw_clk_get(widget_regs*)
{
    return &the_clk;
}
int widget_hw_clk_enable(widget_clk* clk)
{
    if (fails("clk"))
        return -EIO;
    clk->on = true;
    return 0;
}
void widget_hw_clk_disable(widget_clk* clk)
{
    clk->on = false;
    hardware.add("clk off");
}
int widget_hw_irq_request(widget_regs*, const char* name)
{
    EXPECT_STREQ("widget-0-42", name);
    return fails("irq") ? -EBUSY : 0;
}
void widget_hw_irq_free(widget_regs* regs, const char* name)
{
    EXPECT_EQ(0x1000u, regs->base);
    hardware.add(std::string("free ") + name);
}
bool widget_hw_wants_larger_ring(widget_regs*)
{
    return true;
}
void widget_hw_lut_off(const char* name, const u32* lut)
{
    EXPECT_EQ(32u, lut[3]);
    hardware.add(std::string("lut off ") + name);
}

namespace {

class PortedProbeTest : public ::testing::Test {
public:
    PortedProbeTest() { failing.clear(); }
    ~PortedProbeTest() override
    {
        device_unregister(dev);
        hardware.take();
    }
    warn_capture warnings;
    device* dev = device_create("widget-0");
};

// The body runs as it does in the kernel and unwinds in reverse order; the drm_device outlives unbind for
// as long as a file is open.
TEST_F(PortedProbeTest, BindsAndUnbinds)
{
    ASSERT_TRUE(dev);
    ASSERT_EQ(0, device_driver_attach(&widget_driver, dev));
    EXPECT_THAT(hardware.take(), ElementsAre("map", "clk", "irq"));
    EXPECT_TRUE(the_clk.on);
    drm_file* file = nullptr;
    ASSERT_EQ(0, drm_open(visible, &file));
    EXPECT_EQ(0, device_release_driver(dev));
    EXPECT_THAT(hardware.take(), ElementsAre("free widget-0-42", "clk off", "unmap"));
    EXPECT_EQ(0u, checked_count(dev->devres));
    drm_close(file);
    EXPECT_THAT(hardware.take(), ElementsAre("lut off widget-0"));
}

// A step that fails unwinds what came before it, and the error arrives.
TEST_F(PortedProbeTest, UnwindsAFailedProbe)
{
    ASSERT_TRUE(dev);
    failing = "map";
    EXPECT_EQ(-ENODEV, device_driver_attach(&widget_driver, dev));
    EXPECT_THAT(hardware.take(), ElementsAre("map"));
    failing = "clk";
    EXPECT_EQ(-EIO, device_driver_attach(&widget_driver, dev));
    EXPECT_THAT(hardware.take(), ElementsAre("map", "clk", "unmap"));
    failing = "irq";
    EXPECT_EQ(-EBUSY, device_driver_attach(&widget_driver, dev));
    EXPECT_THAT(hardware.take(), ElementsAre("map", "clk", "irq", "clk off", "unmap"));
    EXPECT_EQ(0u, checked_count(dev->devres));
}

} // namespace
