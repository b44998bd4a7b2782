// SPDX-License-Identifier: MIT
//
// The kernel's words in <devres/kernel.h> mean what they mean there.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <devres/kernel.h>

#include "support/warn_capture.h"

using namespace devres;
using namespace devres::test;
using ::testing::HasSubstr;

namespace {

struct thing {
    int value;
};

thing* made_or_error(thing* t, int err)
{
    if (err)
        return ERR_PTR(err);
    return t;
}

TEST(KernelWordsTest, ErrorsTravelInPointers)
{
    thing t{1};
    thing* p = made_or_error(&t, -ENODEV);
    EXPECT_TRUE(IS_ERR(p));
    EXPECT_EQ(-ENODEV, PTR_ERR(p));
    EXPECT_EQ(-ENODEV, PTR_ERR_OR_ZERO(p));
    const int* other = ERR_CAST(p);
    EXPECT_EQ(-ENODEV, PTR_ERR(other));

    p = made_or_error(&t, 0);
    EXPECT_FALSE(IS_ERR(p));
    EXPECT_EQ(0, PTR_ERR_OR_ZERO(p));
    EXPECT_FALSE(IS_ERR(nullptr));
    EXPECT_TRUE(IS_ERR_OR_NULL(nullptr));
    EXPECT_TRUE(IS_ERR(reinterpret_cast<void*>(-4095l)));
    EXPECT_FALSE(IS_ERR(reinterpret_cast<void*>(-4096l)));
}

TEST(KernelWordsTest, AVoidPointerAssignsToAnyPointer)
{
    device dev("dev-1");
    thing* t = any_ptr(devm_kzalloc(&dev, sizeof *t, GFP_KERNEL));
    ASSERT_TRUE(t);
    EXPECT_EQ(0, t->value);
}

TEST(KernelWordsTest, ArraySizeAndBit)
{
    const thing things[] = {{1}, {2}, {3}};
    static_assert(ARRAY_SIZE(things) == 3);
    static_assert(BIT(5) == 32);
    EXPECT_EQ(2, things[ARRAY_SIZE(things) - 2].value);
}

TEST(KernelWordsTest, WarnOnReportsWhereItStands)
{
    warn_capture warnings;
    EXPECT_FALSE(WARN_ON(false));
    EXPECT_TRUE(WARN_ON(true));
    EXPECT_THAT(warnings.take_one(), HasSubstr("kernel_test.cpp:"));
}

std::string probe_output;
int probe_that_fails(const bound_device& dev)
{
    ::testing::internal::CaptureStderr();
    EXPECT_EQ(-EPROBE_DEFER, dev_err_probe(dev, -EPROBE_DEFER, "the clock is not there yet\n"));
    EXPECT_EQ(-ENODEV, dev_err_probe(dev, -ENODEV, "no clock %d\n", 7));
    dev_err(dev, "an error");
    dev_warn(dev, "a warning of %s\n", "two");
    dev_info(nullptr, "nobody's");
    EXPECT_EQ(-9999, dev_err_probe(dev, -9999, "unheard of\n"));
    probe_output = ::testing::internal::GetCapturedStderr();
    return -ENODEV;
}

TEST(KernelWordsTest, DevErrProbeSaysWhoAndReturnsTheError)
{
    const device_driver driver{"widget", &probe_that_fails, nullptr};
    device dev("dev-2");
    ASSERT_EQ(0, device_register(&dev));
    EXPECT_EQ(-ENODEV, device_driver_attach(&driver, &dev));
    EXPECT_EQ("widget dev-2: ENODEV: no clock 7\n"
              "widget dev-2: an error\n"
              "widget dev-2: a warning of two\n"
              "device (null): nobody's\n"
              "widget dev-2: error -9999: unheard of\n",
              probe_output);
}

} // namespace
