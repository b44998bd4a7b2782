// SPDX-License-Identifier: MIT
//
// What stands for the platform bus: a device with a file of registers and one that is read for an interrupt
// (as /dev/uio0 is both), and the bus's managed helpers under their kernel names, written once.
//
// `trace`, if set, hears when what a helper attached is released.
#pragma once

#include <cerrno>
#include <cstdint>

#include <sys/mman.h>

#include <devres/devm.h>
#include <devres/kernel.h>
#include <devres/posix.h>

struct platform_device : devres::device {
    using device::device;
    int registers = -1; // file descriptors
    int interrupt = -1;
    void (*trace)(const char* event) = nullptr;
};

inline void platform_set_drvdata(devres::device* dev, void* data)
{
    dev_set_drvdata(dev, data);
}
inline devres::any_ptr platform_get_drvdata(const devres::device* dev)
{
    return dev_get_drvdata(dev);
}

// Tells the trace when the resource that is attached next has gone.
inline int platform_trace_end(devres::device* dev, const char* event)
{
    auto* trace = static_cast<platform_device*>(dev)->trace;
    return trace ? devm_add_action(dev, [trace, event] { trace(event); }) : 0;
}

// --- Registers ---------------------------------------------------------------------------------------------

inline devres::any_ptr devm_platform_ioremap_resource(devres::device* dev, unsigned)
{
    const int fd = static_cast<platform_device*>(dev)->registers;
    if (fd < 0)
        return devres::ERR_PTR(-EINVAL);
    if (int err = platform_trace_end(dev, "unmap"))
        return devres::ERR_PTR(err);
    void* registers = nullptr;
    if (int err = devres::managed::map(dev, &registers, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd))
        return devres::ERR_PTR(err);
    return registers;
}

// --- Interrupts: their number is that of the file that is read for them ------------------------------------

enum irqreturn_t { IRQ_NONE, IRQ_HANDLED };
using irq_handler_t = irqreturn_t (*)(int irq, void* data);
inline constexpr unsigned long IRQF_ONESHOT = 0x2000;

inline int platform_get_irq(devres::device* dev, unsigned)
{
    const int irq = static_cast<platform_device*>(dev)->interrupt;
    return irq < 0 ? -ENXIO : irq;
}
inline int devm_request_threaded_irq(devres::device* dev, int irq, irq_handler_t, irq_handler_t handler,
                                     unsigned long, const char* name, void* data)
{
    if (int err = platform_trace_end(dev, "free irq"))
        return err;
    const auto body = [irq, handler, data](const devres::devres_stop& stop) {
        std::uint64_t times = 0;
        while (stop.read(irq, &times, sizeof times) == sizeof times)
            handler(irq, data);
    };
    return devres::managed::thread(dev, body, name);
}

// --- Clocks: the test plays them ---------------------------------------------------------------------------

struct clk;
clk* devm_clk_get(devres::device* dev, const char* id);
int clk_prepare_enable(clk* clock);
void clk_disable_unprepare(clk* clock);
