// SPDX-License-Identifier: MIT
//
// What the program that hosts the ported driver calls, where the kernel has a bus and power management.
#pragma once

#include <devres/device.h>

extern const devres::device_driver widget_driver;
int widget_suspend(devres::device* dev);
int widget_resume(devres::device* dev);
