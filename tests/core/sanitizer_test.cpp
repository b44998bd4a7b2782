// SPDX-License-Identifier: MIT
//
// AddressSanitizer still finds bugs in managed memory, although slots are ours and reused: A4, A6, A8.
#include "core/core_test.h"
#include "support/environment.h"

#include <devres/managed.h>

using namespace devres;
using namespace devres::test;

namespace {

#ifdef DEVRES_TEST_ASAN

using DevresSanitizerDeathTest = core_fixture;

constexpr std::size_t sizes[] = {1, 13, 40, 1000, 100000}; // slots and large blocks

// So that the compiler cannot see through the bug.
volatile char sink;
char* opaque(void* p)
{
    asm volatile("" : "+r"(p));
    return static_cast<char*>(p);
}

// A6: a use after kfree.
TEST_F(DevresSanitizerDeathTest, AUseAfterKfreeIsReported)
{
    for (const std::size_t size : sizes) {
        ASSERT_TRUE(managed::kmalloc(&owner, size));
        void* p = managed::kmalloc(&owner, size);
        ASSERT_TRUE(p);
        ASSERT_TRUE(managed::kmalloc(&owner, size));
        managed::kfree(&owner, p);
        EXPECT_DEATH(sink = opaque(p)[0], "AddressSanitizer") << size;
        EXPECT_DEATH(opaque(p)[size - 1] = 1, "AddressSanitizer") << size;
    }
}

// A4: an overflow by one byte.
TEST_F(DevresSanitizerDeathTest, AnOverflowByOneByteIsReported)
{
    for (const std::size_t size : sizes) {
        ASSERT_TRUE(managed::kmalloc(&owner, size));
        char* p = opaque(managed::kmalloc(&owner, size));
        ASSERT_TRUE(p);
        ASSERT_TRUE(managed::kmalloc(&owner, size));
        p[0] = p[size - 1] = 1;
        EXPECT_DEATH(p[size] = 1, "AddressSanitizer") << size;
    }
}

// A5: the same after a resize, whether or not it moved.
TEST_F(DevresSanitizerDeathTest, AnOverflowAfterKreallocIsReported)
{
    for (const std::size_t to : {std::size_t{20}, std::size_t{30}, std::size_t{3000}, std::size_t{90000}}) {
        void* p = managed::kmalloc(&owner, 25);
        ASSERT_TRUE(p);
        char* q = opaque(managed::krealloc(&owner, p, to));
        ASSERT_TRUE(q);
        q[0] = q[to - 1] = 1;
        EXPECT_DEATH(q[to] = 1, "AddressSanitizer") << to;
        if (q != p) {
            EXPECT_DEATH(sink = opaque(p)[0], "AddressSanitizer") << to;
        }
    }
}

// A5: also a block of its own that shrinks.
TEST_F(DevresSanitizerDeathTest, AnOverflowAfterShrinkingIsReported)
{
    for (const std::size_t from : {std::size_t{900}, std::size_t{4000}, std::size_t{90000}}) {
        void* p = managed::kmalloc(&owner, from);
        ASSERT_TRUE(p);
        const std::size_t to = from / 4 * 3;
        char* q = opaque(managed::krealloc(&owner, p, to));
        ASSERT_TRUE(q);
        q[0] = q[to - 1] = 1;
        EXPECT_DEATH(q[to] = 1, "AddressSanitizer") << to;
    }
}

// C10: what was released with everything else.
TEST_F(DevresSanitizerDeathTest, AUseAfterReleaseAllIsReported)
{
    void* p = managed::kmalloc(&owner, 40);
    auto* object = managed::create<long>(&owner, 5);
    ASSERT_TRUE(p && object);
    EXPECT_EQ(2, devres_release_all(head));
    EXPECT_DEATH(sink = opaque(p)[0], "AddressSanitizer");
    EXPECT_DEATH(sink = opaque(object)[0], "AddressSanitizer");
}

// A8: a use after delete.
TEST_F(DevresSanitizerDeathTest, AUseAfterDeleteIsReported)
{
    auto* object = managed::create<long>(&owner, 5);
    ASSERT_TRUE(object);
    EXPECT_EQ(0, managed::destroy(&owner, object));
    EXPECT_DEATH(sink = opaque(object)[0], "AddressSanitizer");
}

// A6: a stale pointer is recognised however much was allocated since.
TEST_F(DevresSanitizerDeathTest, AStalePointerStaysStale)
{
    void* stale = managed::kmalloc(&owner, 40);
    ASSERT_TRUE(stale);
    managed::kfree(&owner, stale);
    for (int i = 0; i < 50; ++i)
        EXPECT_NE(stale, managed::kmalloc(&owner, 40)) << "the slot was used again";
    managed::kfree(&owner, stale);
    EXPECT_THAT(warnings.take_one(), ::testing::HasSubstr("kfree"));
    EXPECT_EQ(50u, listed());
}

#else

TEST(DevresSanitizerTest, NeedsAddressSanitizer)
{
    GTEST_SKIP() << "built without -fsanitize=address";
}

#endif

} // namespace
