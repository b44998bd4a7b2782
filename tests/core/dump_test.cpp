// SPDX-License-Identifier: MIT
//
// Dumps show what an owner has, newest first, as text and as JSON (section 7).
#include "core/core_test.h"

#include <unistd.h>

#include <devres/dump.h>
#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

static void put_away(int*) {}

namespace {

using DevresDumpTest = core_fixture;

void append(void* context, const char* text, std::size_t bytes)
{
    static_cast<std::string*>(context)->append(text, bytes);
}

template <class Owner>
std::string dumped(Owner* of, devres_format format = devres_format::text)
{
    std::string text;
    devres_dump(of, &append, &text, format);
    return text;
}

std::string all_dumped(devres_format format = devres_format::text)
{
    std::string text;
    devres_dump_all(&append, &text, format);
    return text;
}

void fill(bench_owner* owner, int* data)
{
    ASSERT_TRUE(managed::kzalloc(owner, 40));
    ASSERT_TRUE(devres_open_group(owner, data));
    ASSERT_EQ(0, managed::add_action(owner, put_away, data));
    devres_close_group(owner, data);
    ASSERT_EQ(0, managed::add_action<put_away>(owner, data));
}

TEST_F(DevresDumpTest, TextIsNewestFirstWithKindNameSizeAndNesting)
{
    int data = 0;
    fill(&owner, &data);
    EXPECT_EQ("bench \"bench-1\": 3 resources, 72 bytes\n"
              "  action put_away, 16 bytes\n"
              "    action put_away(int*), 16 bytes\n"
              "  memory, 40 bytes\n",
              dumped(&owner));
}

TEST_F(DevresDumpTest, JsonSaysTheSame)
{
    int data = 0;
    fill(&owner, &data);
    EXPECT_EQ("{\"kind\":\"bench\",\"name\":\"bench-1\",\"resources\":3,\"bytes\":72,\"not_shown\":0,"
              "\"newest_first\":["
              "{\"kind\":\"action\",\"name\":\"put_away\",\"bytes\":16,\"groups\":0},"
              "{\"kind\":\"action\",\"name\":\"put_away(int*)\",\"bytes\":16,\"groups\":1},"
              "{\"kind\":\"memory\",\"name\":\"\",\"bytes\":40,\"groups\":0}]}\n",
              dumped(&owner, devres_format::json));
}

TEST_F(DevresDumpTest, AnEmptyOwnerAndOneResourceReadAsEnglish)
{
    EXPECT_EQ("bench \"bench-1\": 0 resources, 0 bytes\n", dumped(head));
    ASSERT_TRUE(managed::kzalloc(&owner, 1));
    EXPECT_EQ("bench \"bench-1\": 1 resource, 1 byte\n  memory, 1 byte\n", dumped(head));
}

const char* odd_name(devres_head*)
{
    return "a \"quoted\\name\"\n";
}

TEST_F(DevresDumpTest, JsonIsQuoted)
{
    static constexpr devres_owner_ops ops{"odd", &odd_name};
    devres_head odd(&ops);
    EXPECT_THAT(dumped(&odd, devres_format::json), HasSubstr("\"name\":\"a \\\"quoted\\\\name\\\"\\u000a\""));
}

void dump_again(void* context, const char*, std::size_t)
{
    EXPECT_THAT(dumped(static_cast<devres_head*>(context)), StartsWith("bench"));
}

// The sink is called without the lock: it may look at the same head.
TEST_F(DevresDumpTest, TheSinkIsCalledWithoutTheLock)
{
    ASSERT_TRUE(managed::kzalloc(&owner, 1));
    devres_dump(head, &dump_again, head);
    EXPECT_EQ(1u, listed());
}

TEST_F(DevresDumpTest, WritesToAFileDescriptor)
{
    int ends[2];
    ASSERT_EQ(0, pipe(ends));
    devres_dump(&owner, ends[1]);
    char text[200] = {};
    EXPECT_LT(0, read(ends[0], text, sizeof text - 1));
    EXPECT_THAT(text, StartsWith("bench \"bench-1\": 0 resources"));

    devres_listed listed_one(head);
    devres_dump_all(ends[1], devres_format::json);
    EXPECT_LT(0, read(ends[0], text, sizeof text - 1));
    EXPECT_THAT(text, StartsWith("[{\"kind\":\"bench\""));
    close(ends[0]);
    close(ends[1]);
}

// A listed owner is among all owners until it ends.
TEST_F(DevresDumpTest, AllOwnersAreThoseThatAreListed)
{
    EXPECT_THAT(all_dumped(), Not(HasSubstr("bench-1")));
    {
        devres_listed listed_one(head);
        static constexpr devres_owner_ops ops{"other", nullptr};
        devres_head other(&ops);
        devres_listed listed_two(&other);
        EXPECT_THAT(all_dumped(), HasSubstr("bench \"bench-1\": 0 resources, 0 bytes\n"
                                            "other \"(unnamed)\": 0 resources, 0 bytes\n"));
        const std::string json = all_dumped(devres_format::json);
        EXPECT_THAT(json, StartsWith("[{"));
        EXPECT_THAT(json, HasSubstr("},\n{\"kind\":\"other\""));
        listed_one.end();
        listed_one.end();
        EXPECT_THAT(all_dumped(), Not(HasSubstr("bench-1")));
        listed_one.begin(head); // behind the other one
        listed_one.begin(head);
        EXPECT_THAT(all_dumped(), HasSubstr("other \"(unnamed)\": 0 resources, 0 bytes\n"
                                            "bench \"bench-1\": 0 resources, 0 bytes\n"));
    }
    EXPECT_THAT(all_dumped(), Not(HasSubstr("other")));
}

} // namespace
