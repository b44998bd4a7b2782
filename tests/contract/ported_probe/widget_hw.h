// SPDX-License-Identifier: MIT
//
// The hardware that the ported probe drives: what a vendor's header would declare. The test plays the
// hardware.
#pragma once

#include <devres/drm_device.h>

#include "kernel_words.h"

struct widget_regs;
struct widget_clk;
struct widget_desc {
    u32 address;
    u32 length;
};
struct widget_config {
    unsigned long base;
    u32 irq;
    u32 ring_size;
};

void widget_hw_read_config(struct widget_config* cfg);
struct widget_regs* widget_hw_map(unsigned long base);
void widget_hw_unmap(void* regs);
struct widget_clk* widget_hw_clk_get(struct widget_regs* regs);
int widget_hw_clk_enable(struct widget_clk* clk);
void widget_hw_clk_disable(struct widget_clk* clk);
int widget_hw_irq_request(struct widget_regs* regs, const char* name);
void widget_hw_irq_free(struct widget_regs* regs, const char* name);
bool widget_hw_wants_larger_ring(struct widget_regs* regs);
void widget_hw_lut_off(const char* name, const u32* lut);

// The driver.
int widget_setup(struct devres::device* dev, const struct devres::drm_driver* driver);
void widget_teardown(struct devres::device* dev);
