// SPDX-License-Identifier: MIT
//
// With DEVRES_ORIGINS=1 a resource knows where it was attached (section 7). The test `test_origins` runs
// these.
#include "core/core_test.h"

#include <cerrno>
#include <cstdlib>
#include <string>

#include <devres/dump.h>
#include <devres/env/sanitizer.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::HasSubstr;
using ::testing::Not;

namespace origin_test {

void put_away(int*) {}
int data = 0;

[[gnu::noinline]] int attach_action_here(bench_owner* owner)
{
    const int err = managed::add_action(owner, put_away, &data);
    data = err; // the call is not the last thing, so this function stays on the stack
    return err;
}
[[gnu::noinline]] void* attach_memory_there(bench_owner* owner)
{
    void* memory = managed::kmalloc(owner, 40);
    if (memory)
        *static_cast<char*>(memory) = 0;
    return memory;
}

} // namespace origin_test

namespace {

class OriginTest : public core_fixture {
public:
    void SetUp() override
    {
        if (!std::getenv("DEVRES_ORIGINS"))
            GTEST_SKIP() << "DEVRES_ORIGINS=1 is not set; test_origins has it";
    }
    std::string dump(devres_format format)
    {
        std::string text;
        devres_dump(
            head,
            [](void* to, const char* part, std::size_t bytes) {
                static_cast<std::string*>(to)->append(part, bytes);
            },
            &text, format);
        return text;
    }
};

TEST_F(OriginTest, MessagesSayWhereAResourceWasAttached)
{
    ASSERT_EQ(0, origin_test::attach_action_here(&owner));
    EXPECT_EQ(-ENOENT, managed::destroy(&owner, static_cast<int*>(origin_test::attach_memory_there(&owner))));
    EXPECT_THAT(warnings.take_one(), HasSubstr("ms ago in origin_test::attach_memory_there("));
}

TEST_F(OriginTest, DumpsSayWhereAndHowLongAgo)
{
    ASSERT_EQ(0, origin_test::attach_action_here(&owner));
    ASSERT_TRUE(origin_test::attach_memory_there(&owner));
    const std::string text = dump(devres_format::text);
    EXPECT_THAT(text, HasSubstr("memory, 40 bytes, attached "));
    EXPECT_THAT(text, HasSubstr(" ms ago in origin_test::attach_memory_there(devres::test::bench_owner*)"));
    EXPECT_THAT(text, HasSubstr(" (test_core+0x")); // before that comes the line, in a build that has lines
    EXPECT_THAT(text, HasSubstr("ms ago in origin_test::attach_action_here("));
    EXPECT_THAT(dump(devres_format::json), HasSubstr("\"attached_in\":\"origin_test::attach_action_here("));
}

TEST_F(OriginTest, WhatIsRemovedOrReleasedIsForgotten)
{
    ASSERT_EQ(0, origin_test::attach_action_here(&owner));
    ASSERT_EQ(0, managed::remove_action(&owner, origin_test::put_away, &origin_test::data));
    ASSERT_EQ(0, devres_release_all(head));
    // A node of the caller's is attached at the same address, but by somebody else.
    void* memory = origin_test::attach_memory_there(&owner);
    managed::kfree(&owner, memory);
    void* again = managed::kmalloc(&owner, 40);
    if (!detail::checked_memory) { // which uses no address again
        ASSERT_EQ(memory, again);
    }
    EXPECT_THAT(dump(devres_format::text), Not(HasSubstr("attach_memory_there")));
}

} // namespace
