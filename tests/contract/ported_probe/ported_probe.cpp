// SPDX-License-Identifier: MIT
//
// The driver of probe_in_c.txt, ported. check_differences.sh says what may differ, and how often.
#include <devres/devm.h>
#include <devres/drm_managed.h>

#include "kernel_words.h"

#include "widget_hw.h"

using namespace devres;

struct widget : drm_device {
    struct mutex lock;
    struct widget_regs* regs;
    struct widget_clk* clk;
    struct widget_desc* ring;
    const char* irq_name;
    u32* lut;
};

static const u32 widget_gamma[] = {0, 8, 16, 32};

static void widget_unmap(void* data)
{
    widget_hw_unmap(data);
}

static void widget_clk_off(void* data)
{
    widget_hw_clk_disable(static_cast<widget_clk*>(data));
}

static void widget_irq_off(void* data)
{
    struct widget* w = static_cast<widget*>(data);

    widget_hw_irq_free(w->regs, w->irq_name);
}

static void widget_lut_off(struct drm_device* drm, void* data)
{
    widget_hw_lut_off(dev_name(drm->dev), static_cast<u32*>(data));
}

int widget_setup(struct device* dev, const struct drm_driver* driver)
{
    struct widget_config* cfg;
    struct drm_device* drm;
    struct widget* w;
    int err;

    w = devm_drm_dev_alloc<widget>(dev, driver);
    if (!w)
        return -ENOMEM;
    drm = w;
    dev_set_drvdata(dev, w);

    err = drmm_mutex_init(drm, &w->lock);
    if (err)
        return err;

    cfg = devm_new<widget_config>(dev);
    if (!cfg)
        return -ENOMEM;
    widget_hw_read_config(cfg);

    w->regs = widget_hw_map(cfg->base);
    if (!w->regs)
        return -ENODEV;
    err = devm_add_action_or_reset(dev, widget_unmap, w->regs);
    if (err)
        return err;

    w->clk = widget_hw_clk_get(w->regs);
    err = widget_hw_clk_enable(w->clk);
    if (err)
        return err;
    err = devm_add_action_or_reset(dev, widget_clk_off, w->clk);
    if (err)
        return err;

    w->irq_name = devm_kasprintf(dev, GFP_KERNEL, "%s-%u", dev_name(dev), cfg->irq);
    if (!w->irq_name)
        return -ENOMEM;
    err = widget_hw_irq_request(w->regs, w->irq_name);
    if (err)
        return err;
    err = devm_add_action_or_reset(dev, widget_irq_off, w);
    if (err)
        return err;

    w->ring = static_cast<widget_desc*>(devm_kcalloc(dev, cfg->ring_size, sizeof(*w->ring), GFP_KERNEL));
    if (!w->ring)
        return -ENOMEM;
    if (widget_hw_wants_larger_ring(w->regs)) {
        w->ring = static_cast<widget_desc*>(
            devm_krealloc_array(dev, w->ring, 2 * cfg->ring_size, sizeof(*w->ring), GFP_KERNEL));
        if (!w->ring)
            return -ENOMEM;
    }

    w->lut =
        static_cast<u32*>(drmm_kmalloc_array(drm, ARRAY_SIZE(widget_gamma), sizeof(*w->lut), GFP_KERNEL));
    if (!w->lut)
        return -ENOMEM;
    memcpy(w->lut, widget_gamma, sizeof(widget_gamma));
    err = drmm_add_action_or_reset(drm, widget_lut_off, w->lut);
    if (err)
        return err;

    devm_delete(dev, cfg);
    return drm_dev_register(drm, 0);
}

void widget_teardown(struct device* dev)
{
    struct widget* w = static_cast<widget*>(dev_get_drvdata(dev));

    drm_dev_unplug(w);
}
