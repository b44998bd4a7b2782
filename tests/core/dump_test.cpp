// SPDX-License-Identifier: MIT
//
// Dumps show what an owner has, newest first, as text and as JSON (section 7).
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <unistd.h>

#include "core/core_test.h"
#include "support/long_wait.h"
#include "support/threads.h"

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

// Names of any length, in groups of any depth; and JSON is UTF-8 whatever a name is.
TEST_F(DevresDumpTest, NoNameIsTooLong)
{
    static const std::string name(3000, 'n');
    static constexpr devres_owner_ops ops{"long", [](devres_head*) { return name.c_str(); }};
    devres_head of(&ops);
    for (int i = 0; i != 300; ++i)
        ASSERT_TRUE(devres_open_group(&of, nullptr));
    void* res = devres_alloc(&item::release, sizeof(item), GFP_KERNEL, name.c_str());
    devres_add(&of, new (res) item{&log, 1});
    EXPECT_EQ("long \"" + name + "\": 1 resource, 16 bytes\n" + std::string(602, ' ') + "resource " + name +
                  ", 16 bytes\n",
              dumped(&of));
    devres_release_all(&of);
}

TEST_F(DevresDumpTest, JsonIsUtf8)
{
    static const char* name;
    static constexpr devres_owner_ops ops{"odd", [](devres_head*) { return name; }};
    devres_head odd(&ops);
    const auto in_json = [&](const char* text) {
        name = text;
        const std::string all = dumped(&odd, devres_format::json);
        const std::size_t begin = all.find("\"name\":\"") + 8;
        return all.substr(begin, all.find("\",\"resources") - begin);
    };
    for (const char* good :
         {"plain", "\xc3\xa9", "\xe2\x82\xac", "\xed\x9f\xbf", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"})
        EXPECT_EQ(good, in_json(good));
    for (const char* bad : {"\x80", "\xc1", "\xc3", "\xff"})
        EXPECT_EQ("<\\ufffd>", in_json((std::string("<") + bad + ">").c_str()));
    for (const char* bad : {"\xc0\x80", "\xe2\x82"})
        EXPECT_EQ("<\\ufffd\\ufffd>", in_json((std::string("<") + bad + ">").c_str()));
    for (const char* bad : {"\xe0\x9f\xbf", "\xed\xa0\x80"}) // too long; a surrogate
        EXPECT_EQ("<\\ufffd\\ufffd\\ufffd>", in_json((std::string("<") + bad + ">").c_str()));
    for (const char* bad : {"\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80"})
        EXPECT_EQ("<\\ufffd\\ufffd\\ufffd\\ufffd>", in_json((std::string("<") + bad + ">").c_str()));
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

// Others may come and go, and everything may be dumped, while the sink is called.
TEST_F(DevresDumpTest, TheSinkOfAllMayMakeAndEndOwnersAndDumpThem)
{
    struct listed_owner : bench_owner {
        devres_listed listed{&devres};
    };
    static std::unique_ptr<listed_owner> others[2];
    others[0] = std::make_unique<listed_owner>();
    const listed_owner dumped_one;
    static int calls;
    calls = 0;
    devres_dump_all(
        [](void*, const char* text, std::size_t bytes) {
            if (std::string(text, bytes) == "bench" && ++calls == 2) { // `dumped_one`
                others[0].reset();
                others[1] = std::make_unique<listed_owner>();
                EXPECT_THAT(all_dumped(), HasSubstr("bench-1"));
            }
        },
        nullptr);
    EXPECT_EQ(2, calls) << "not the new one";
    others[1].reset();
}

// Another thread that dumps everything, and stops at the first piece of text until it is told to go on.
class dump_under_way {
public:
    dump_under_way() { has_begun_.pass(); }
    ~dump_under_way()
    {
        if (!go_on_.is_open())
            go_on_.open();
        thread_.join();
    }
    dump_under_way(const dump_under_way&) = delete;
    dump_under_way& operator=(const dump_under_way&) = delete;

    void go_on() { go_on_.open(); }

private:
    static void stop_once(void* context, const char*, std::size_t)
    {
        auto* self = static_cast<dump_under_way*>(context);
        if (!self->has_begun_.is_open()) {
            self->has_begun_.open();
            self->go_on_.pass();
        }
    }

    doorway has_begun_;
    doorway go_on_;
    std::thread thread_{[this] { devres_dump_all(&stop_once, this); }};
};

// An owner that is about to end is left out of dumps that begin: else they could keep it for ever.
TEST_F(DevresDumpTest, DumpsOfAnOwnerThatWaitsForOneLeaveItOut)
{
    auto listed_one = std::make_unique<devres_listed>(head);
    dump_under_way dump;
    std::thread ender([&] { listed_one.reset(); });
    while (all_dumped().find("bench-1") != std::string::npos) // or for ever
        std::this_thread::yield();
    dump.go_on();
    ender.join();
}

// C2: a match callback may use another head, and make one. So the lock of the list is taken under a head's.
TEST_F(DevresDumpTest, AMatchCallbackMayMakeAnOwnerWhileAllAreDumped)
{
    bench_owner first;
    const devres_listed listed_first(&first.devres);
    devres_listed listed_one(head);
    add(1);
    std::optional<dump_under_way> dump;
    const auto makes_one = [](devres_head*, void*, void* to) {
        auto& begun = *static_cast<std::optional<dump_under_way>*>(to);
        begun.emplace();
        begun->go_on(); // it writes `first`, and comes to `head` next
        devres_head another;
        devres_listed listed_two(&another);
        return true;
    };
    EXPECT_TRUE(devres_find(head, &item::release, makes_one, &dump)); // or never
}

// An owner ends when the dumps of it that are under way are over.
TEST_F(DevresDumpTest, AnOwnerWaitsForItsDumps)
{
    const unsigned wait_before = devres_set_wait_warning(0); // nobody wakes up by himself
    auto listed_one = std::make_unique<devres_listed>(head);
    dump_under_way dump;
    std::atomic<pid_t> id{0};
    std::atomic<bool> goes_on{false};
    std::thread ender([&] {
        id = ::gettid();
        listed_one.reset();
        EXPECT_TRUE(goes_on);
    });
    while (id == 0)
        std::this_thread::yield();
    await_asleep(id);
    goes_on = true;
    dump.go_on();
    ender.join();
    devres_set_wait_warning(wait_before);
}

// V11
TEST_F(DevresDumpTest, ALongWaitForADumpIsReported)
{
    auto listed_one = std::make_unique<devres_listed>(head);
    dump_under_way dump;
    const at_first_long_wait reported([&] { dump.go_on(); });
    listed_one.reset();
    EXPECT_TRUE(reported.has_come());
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
