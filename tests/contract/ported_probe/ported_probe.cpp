// SPDX-License-Identifier: MIT
//
// The driver of probe_in_c.txt, ported. check_differences.sh says what may differ, and how often.
#include <devres/drm_managed.h>
#include <devres/kernel.h>

#include "kernel_words.h"
#include "platform.h"
#include "widget_driver.h"
#include "widget_uapi.h"

using namespace devres;

#define WIDGET_ID 0x00
#define WIDGET_ID_VALUE 0x57494447
#define WIDGET_CTRL 0x04
#define WIDGET_CTRL_ON BIT(0)
#define WIDGET_IRQ_MASK 0x08
#define WIDGET_IRQ_STATUS 0x0c
#define WIDGET_IRQ_ACK 0x10
#define WIDGET_IRQ_FRAME BIT(0)
#define WIDGET_NUM_PLANES 0x14
#define WIDGET_MODE(n) (0x40 + 4 * (n))
#define WIDGET_MAX_MODES 16
#define WIDGET_PLANE(n) (0x80 + 4 * (n))
#define WIDGET_GAMMA(n) (0xc0 + 4 * (n))
#define WIDGET_GAMMA_SIZE 4

/* What belongs to the hardware, and goes with it. */
struct widget_hw {
    u8* regs;
    struct clk* clk;
    const char* irq_name;
    u32* modes;
    u32 num_modes;
};

struct widget_plane {
    struct list_head head;
    u32 index;
    u32 address;
};

/* What clients hold open. Only code inside drm_dev_enter() may use hw. */
struct widget : drm_device {
    struct widget_hw* hw;
    struct mutex lock; /* guards planes and frames */
    struct list_head planes;
    u64 frames;
    u32* gamma;
};

static struct widget* to_widget(struct drm_device* drm)
{
    return static_cast<struct widget*>(drm);
}

static void widget_start(struct widget* w)
{
    struct widget_hw* hw = w->hw;
    struct widget_plane* plane;
    u32 i;

    mutex_lock(&w->lock);
    for (i = 0; i < WIDGET_GAMMA_SIZE; i++)
        writel(w->gamma[i], hw->regs + WIDGET_GAMMA(i));
    list_for_each_entry (plane, &w->planes, head)
        writel(plane->address, hw->regs + WIDGET_PLANE(plane->index));
    mutex_unlock(&w->lock);
    writel(WIDGET_IRQ_FRAME, hw->regs + WIDGET_IRQ_MASK);
    writel(WIDGET_CTRL_ON, hw->regs + WIDGET_CTRL);
}

static void widget_stop(void* data)
{
    struct widget_hw* hw = any_ptr(data);

    writel(0, hw->regs + WIDGET_CTRL);
    writel(0, hw->regs + WIDGET_IRQ_MASK);
}

static void widget_clk_off(void* data)
{
    clk_disable_unprepare(any_ptr(data));
}

static irqreturn_t widget_irq(int, void* data)
{
    struct widget* w = any_ptr(data);
    u32 status = readl(w->hw->regs + WIDGET_IRQ_STATUS);

    if (!(status & WIDGET_IRQ_FRAME))
        return IRQ_NONE;
    writel(status, w->hw->regs + WIDGET_IRQ_ACK);
    mutex_lock(&w->lock);
    w->frames++;
    mutex_unlock(&w->lock);
    return IRQ_HANDLED;
}

/* Nobody tells how many modes there are; a zero ends them. */
static int widget_read_modes(struct device* dev, struct widget_hw* hw)
{
    u32 mode, n, room = 0;

    for (n = 0; n < WIDGET_MAX_MODES; n++) {
        mode = readl(hw->regs + WIDGET_MODE(n));
        if (!mode)
            break;
        if (n == room) {
            room += 4;
            hw->modes = any_ptr(devm_krealloc(dev, hw->modes, room * sizeof(mode), GFP_KERNEL));
            if (!hw->modes)
                return -ENOMEM;
        }
        hw->modes[n] = mode;
        hw->num_modes = n + 1;
    }
    return n ? 0 : dev_err_probe(dev, -EINVAL, "no modes\n");
}

static void widget_free_planes(struct drm_device* drm, void*)
{
    struct widget_plane *plane, *next;

    list_for_each_entry_safe (plane, next, &to_widget(drm)->planes, head)
        kfree(plane);
}

static int widget_init_planes(struct drm_device* drm)
{
    struct widget* w = to_widget(drm);
    u32 i, n = readl(w->hw->regs + WIDGET_NUM_PLANES);
    struct widget_plane* plane;
    int err;

    INIT_LIST_HEAD(&w->planes);
    err = drmm_add_action_or_reset(drm, widget_free_planes, nullptr);
    if (err)
        return err;
    for (i = 0; i < n; i++) {
        plane = kzalloc(sizeof(*plane), GFP_KERNEL);
        if (!plane)
            return -ENOMEM;
        plane->index = i;
        list_add_tail(&plane->head, &w->planes);
    }
    return 0;
}

static long widget_ioctl_info(struct drm_device* drm, void* data, struct drm_file*)
{
    struct widget* w = to_widget(drm);
    struct widget_info* info = any_ptr(data);
    int idx;

    if (!drm_dev_enter(drm, &idx))
        return -ENODEV;
    info->num_modes = w->hw->num_modes;
    info->largest_mode = w->hw->modes[0];
    mutex_lock(&w->lock);
    info->frames = w->frames;
    mutex_unlock(&w->lock);
    drm_dev_exit(idx);
    return 0;
}

static long widget_ioctl_show(struct drm_device* drm, void* data, struct drm_file*)
{
    struct widget* w = to_widget(drm);
    struct widget_show* show = any_ptr(data);
    struct widget_plane* plane;
    int idx, err = -ENOENT;

    if (!drm_dev_enter(drm, &idx))
        return -ENODEV;
    mutex_lock(&w->lock);
    list_for_each_entry (plane, &w->planes, head) {
        if (plane->index != show->plane)
            continue;
        plane->address = show->address;
        writel(plane->address, w->hw->regs + WIDGET_PLANE(plane->index));
        err = 0;
    }
    mutex_unlock(&w->lock);
    drm_dev_exit(idx);
    return err;
}

static const struct drm_ioctl_desc widget_ioctls[] = {
    {"WIDGET_INFO", widget_ioctl_info},
    {"WIDGET_SHOW", widget_ioctl_show},
};

static const struct drm_driver widget_drm_driver = {
    .name = "widget",
    .ioctls = widget_ioctls,
    .num_ioctls = ARRAY_SIZE(widget_ioctls),
};

static int widget_probe(const bound_device& pdev)
{
    static const u32 gamma[WIDGET_GAMMA_SIZE] = {0, 8, 16, 32};
    struct device* dev = pdev;
    struct drm_device* drm;
    struct widget_hw* hw;
    struct widget* w;
    int irq, err;

    hw = any_ptr(devm_kzalloc(dev, sizeof(*hw), GFP_KERNEL));
    if (!hw)
        return -ENOMEM;
    hw->regs = devm_platform_ioremap_resource(pdev, 0);
    if (IS_ERR(hw->regs))
        return dev_err_probe(dev, PTR_ERR(hw->regs), "no registers\n");
    hw->clk = devm_clk_get(dev, NULL);
    if (IS_ERR(hw->clk))
        return dev_err_probe(dev, PTR_ERR(hw->clk), "no clock\n");
    err = clk_prepare_enable(hw->clk);
    if (err)
        return dev_err_probe(dev, err, "the clock does not start\n");
    err = devm_add_action_or_reset(dev, widget_clk_off, hw->clk);
    if (err)
        return err;
    if (readl(hw->regs + WIDGET_ID) != WIDGET_ID_VALUE)
        return dev_err_probe(dev, -ENODEV, "not a widget\n");
    err = widget_read_modes(dev, hw);
    if (err)
        return err;

    w = devm_drm_dev_alloc<struct widget>(dev, &widget_drm_driver);
    if (!w)
        return -ENOMEM;
    drm = w;
    w->hw = hw;
    platform_set_drvdata(pdev, drm);
    err = drmm_mutex_init(drm, &w->lock);
    if (err)
        return err;
    w->gamma = any_ptr(drmm_kcalloc(drm, WIDGET_GAMMA_SIZE, sizeof(*w->gamma), GFP_KERNEL));
    if (!w->gamma)
        return -ENOMEM;
    memcpy(w->gamma, gamma, sizeof(gamma));
    err = widget_init_planes(drm);
    if (err)
        return err;

    irq = platform_get_irq(pdev, 0);
    if (irq < 0)
        return dev_err_probe(dev, irq, "no interrupt\n");
    hw->irq_name = devm_kasprintf(dev, GFP_KERNEL, "%s-frame", dev_name(dev));
    if (!hw->irq_name)
        return -ENOMEM;
    err = devm_request_threaded_irq(dev, irq, NULL, widget_irq, IRQF_ONESHOT, hw->irq_name, w);
    if (err)
        return dev_err_probe(dev, err, "interrupt %d is taken\n", irq);
    widget_start(w);
    err = devm_add_action_or_reset(dev, widget_stop, hw);
    if (err)
        return err;
    return drm_dev_register(drm, 0);
}

static void widget_remove(const bound_device& pdev)
{
    struct drm_device* drm = platform_get_drvdata(pdev);

    drm_dev_unplug(drm);
}

int widget_suspend(struct device* dev)
{
    struct widget* w = to_widget(any_ptr(dev_get_drvdata(dev)));

    widget_stop(w->hw);
    clk_disable_unprepare(w->hw->clk);
    return 0;
}

int widget_resume(struct device* dev)
{
    struct widget* w = to_widget(any_ptr(dev_get_drvdata(dev)));
    int err;

    err = clk_prepare_enable(w->hw->clk);
    if (err)
        return err;
    widget_start(w);
    return 0;
}

const struct device_driver widget_driver = {
    .name = "widget",
    .probe = widget_probe,
    .remove = widget_remove,
};
