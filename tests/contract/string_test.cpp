// SPDX-License-Identifier: MIT
//
// Copies and strings: A7.
#include <cstdarg>
#include <cstdint>
#include <cstring>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;

namespace {

template <class Family>
class StringContract : public contract<Family> {
public:
    [[gnu::format(printf, 2, 3)]] char* format(const char* text, ...)
    {
        std::va_list args;
        va_start(args, text);
        char* s = Family::kvasprintf(this->owner, GFP_KERNEL, text, args);
        va_end(args);
        return s;
    }
};
TYPED_TEST_SUITE(StringContract, families, family_names);

// A7
TYPED_TEST(StringContract, KmemdupCopies)
{
    const int numbers[] = {1, 2, 3};
    auto* copy = static_cast<int*>(TypeParam::kmemdup(this->owner, numbers, sizeof(numbers)));
    ASSERT_TRUE(copy);
    EXPECT_EQ(0, std::memcmp(numbers, copy, sizeof(numbers)));
    EXPECT_NE(static_cast<const void*>(numbers), copy);
    auto* array = static_cast<int*>(TypeParam::kmemdup_array(this->owner, numbers, 3, sizeof(int)));
    ASSERT_TRUE(array);
    EXPECT_EQ(0, std::memcmp(numbers, array, sizeof(numbers)));
    EXPECT_EQ(2u, this->listed());
}

// A7: an overflow reads nothing.
TYPED_TEST(StringContract, KmemdupArrayOverflowGivesNull)
{
    EXPECT_EQ(nullptr, TypeParam::kmemdup_array(this->owner, "x", SIZE_MAX / 2, 4));
    EXPECT_EQ(0u, this->listed());
}

// A7
TYPED_TEST(StringContract, KstrdupCopies)
{
    const char text[] = "managed";
    char* copy = TypeParam::kstrdup(this->owner, text);
    ASSERT_TRUE(copy);
    EXPECT_STREQ("managed", copy);
    EXPECT_NE(static_cast<const char*>(text), copy);
    EXPECT_STREQ("", TypeParam::kstrdup(this->owner, ""));
    EXPECT_EQ(2u, this->listed());
}

// A7: kstrdup of null is null.
TYPED_TEST(StringContract, KstrdupOfNullIsNull)
{
    EXPECT_EQ(nullptr, TypeParam::kstrdup(this->owner, nullptr));
    EXPECT_EQ(nullptr, TypeParam::kstrndup(this->owner, nullptr, 5));
    EXPECT_EQ(0u, this->listed());
}

// A7: kstrndup takes at most that much, and needs no terminator behind it.
TYPED_TEST(StringContract, KstrndupCopiesAtMostThatMuch)
{
    const char unterminated[3] = {'a', 'b', 'c'};
    EXPECT_STREQ("abc", TypeParam::kstrndup(this->owner, unterminated, 3));
    EXPECT_STREQ("ab", TypeParam::kstrndup(this->owner, unterminated, 2));
    EXPECT_STREQ("", TypeParam::kstrndup(this->owner, unterminated, 0));
    EXPECT_STREQ("short", TypeParam::kstrndup(this->owner, "short", 1000));
    EXPECT_STREQ("short", TypeParam::kstrndup(this->owner, "short", SIZE_MAX));
    EXPECT_EQ(5u, this->listed());
}

// A7
TYPED_TEST(StringContract, KasprintfFormats)
{
    EXPECT_STREQ("irq-12", TypeParam::kasprintf(this->owner, "irq", 12));
    EXPECT_STREQ("<x>", TypeParam::kasprintf_gfp(this->owner, "x"));
    EXPECT_STREQ("<>", TypeParam::kasprintf_gfp(this->owner, ""));
    EXPECT_EQ(3u, this->listed());
}

// A7, as in Linux: a NUL that a %c writes is not the end.
TYPED_TEST(StringContract, KasprintfKeepsWhatFollowsANul)
{
    const char* s = TypeParam::kasprintf_char(this->owner, '\0', "abc");
    ASSERT_TRUE(s);
    EXPECT_EQ(0, std::memcmp(s, "\0abc", 5));
}

// A7: of any length.
TYPED_TEST(StringContract, KasprintfFormatsLongStrings)
{
    for (const std::size_t length : {std::size_t{15}, std::size_t{253}, std::size_t{254}, std::size_t{255},
                                     std::size_t{4096}, std::size_t{100000}}) {
        const std::string text(length, 'z');
        const char* s = TypeParam::kasprintf(this->owner, text.c_str(), 7);
        ASSERT_TRUE(s);
        EXPECT_EQ(text + "-7", s);
    }
}

// A7
TYPED_TEST(StringContract, KvasprintfFormats)
{
    EXPECT_STREQ("1 two 3.00", this->format("%d %s %.2f", 1, "two", 3.0));
    EXPECT_STREQ("100%", this->format("100%%"));
}

// A7: they are plain managed memory: freed and resized as such.
TYPED_TEST(StringContract, StringsAreManagedMemory)
{
    char* s = TypeParam::kasprintf(this->owner, "irq", 12);
    ASSERT_TRUE(s);
    auto* longer = static_cast<char*>(TypeParam::krealloc(this->owner, s, 4000));
    ASSERT_TRUE(longer);
    EXPECT_STREQ("irq-12", longer);
    TypeParam::kfree(this->owner, longer);
    TypeParam::kfree(this->owner, TypeParam::kstrdup(this->owner, "x"));
    TypeParam::kfree(this->owner, TypeParam::kmemdup(this->owner, "x", 2));
    EXPECT_EQ(0u, this->listed());
}

// A7: null on no memory.
TYPED_TEST(StringContract, WithoutMemoryTheyAreNull)
{
    this->upstream.fail_from(0);
    EXPECT_EQ(nullptr, TypeParam::kmemdup(this->owner, "x", 2));
    EXPECT_EQ(nullptr, TypeParam::kmemdup_array(this->owner, "x", 2, 1));
    EXPECT_EQ(nullptr, TypeParam::kstrdup(this->owner, "x"));
    EXPECT_EQ(nullptr, TypeParam::kstrndup(this->owner, "x", 1));
    EXPECT_EQ(nullptr, TypeParam::kasprintf(this->owner, "x", 1));
    EXPECT_EQ(nullptr, this->format("%d", 1));
    this->upstream.fail_no_more();
    EXPECT_EQ(0u, this->listed());
}

} // namespace
