// SPDX-License-Identifier: MIT
//
// Link it in, and a test that hangs ends the program after two minutes instead of never.
#include <unistd.h>

#include <gtest/gtest.h>

namespace {

class deadline : public testing::EmptyTestEventListener {
    void OnTestStart(const testing::TestInfo&) override { ::alarm(120); }
    void OnTestEnd(const testing::TestInfo&) override { ::alarm(0); }
};

[[maybe_unused]] const bool installed = [] {
    testing::UnitTest::GetInstance()->listeners().Append(new deadline); // gtest owns it
    return true;
}();

} // namespace
