// SPDX-License-Identifier: MIT
//
// Messages name functions that nothing exports (section 7).
#include "core/core_test.h"

#include <cstring>

#include <devres/managed.h>

#include "../../devres_core/src/env/posix/symbol.h"

using namespace devres;
using namespace devres::test;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

static void put_away_quietly(int*) {}

namespace {

using DevresSymbolTest = core_fixture;

void hidden_in_a_namespace(int*) {}

std::string name_of(void (*function)(int*), bool expected)
{
    char text[200] = {};
    EXPECT_EQ(expected, detail::symbol_of(reinterpret_cast<const void*>(function), text, sizeof text));
    return text;
}

// Section 7: also a static function, without -rdynamic; a second look says the same.
TEST(DevresSymbolOfTest, NamesStaticFunctions)
{
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ("put_away_quietly(int*)", name_of(&put_away_quietly, true));
        EXPECT_THAT(name_of(&hidden_in_a_namespace, true), HasSubstr("hidden_in_a_namespace(int*)"));
    }
}

// A function of a shared library is named by that library's table.
TEST(DevresSymbolOfTest, NamesFunctionsOfOtherModules)
{
    char text[200] = {};
    const auto* function = reinterpret_cast<const void*>(&devres_set_warn_handler);
    EXPECT_TRUE(detail::symbol_of(function, text, sizeof text));
    EXPECT_THAT(text, HasSubstr("devres_set_warn_handler"));
}

// What is no function's beginning is a place in a file; what is in no module is an address.
TEST(DevresSymbolOfTest, WithoutANameItIsAPlace)
{
    char text[200] = {};
    const char* inside = reinterpret_cast<const char*>(&name_of) + 1;
    for (int i = 0; i < 2; ++i) {
        EXPECT_FALSE(detail::symbol_of(inside, text, sizeof text));
        EXPECT_THAT(std::string(text), MatchesRegex(".+\\+0x[0-9a-f]+"));
        EXPECT_EQ(nullptr, std::strchr(text, '/')) << "the file's name will do";
    }
    EXPECT_FALSE(detail::symbol_of(text, text, sizeof text));
    EXPECT_THAT(std::string(text), MatchesRegex("0x[0-9a-f]+"));
    EXPECT_FALSE(detail::symbol_of(nullptr, text, sizeof text));
    EXPECT_STRNE("", text);
}

// A long name is cut off, and nothing is written behind the text.
TEST(DevresSymbolOfTest, CutsOffWhatDoesNotFit)
{
    char text[12] = "untouched!!";
    EXPECT_TRUE(detail::symbol_of(reinterpret_cast<const void*>(&put_away_quietly), text, sizeof text - 4));
    EXPECT_STREQ("put_awa", text);
    EXPECT_STREQ("!!", text + 9);
}

// Section 7: so a WARN about a static function says its name.
TEST_F(DevresSymbolTest, AWarnNamesAStaticFunction)
{
    int data = 0;
    EXPECT_EQ(-ENOENT, managed::remove_action(&owner, put_away_quietly, &data));
    EXPECT_THAT(warnings.take_one(), HasSubstr("action put_away_quietly(int*)"));
}

} // namespace
