// SPDX-License-Identifier: MIT
//
// Handlers, counters and the log hook: section 7.
#include <csignal>
#include <cstdlib>
#include <mutex>

#include "core/core_test.h"
#include "support/run_again.h"

#include <devres/managed.h>

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

using DevresDiagnosticsTest = core_fixture;
using DevresDiagnosticsDeathTest = core_fixture;

void handler_a(const char*) {}
void handler_b(const char*) {}

// Section 7: one replaceable handler; null restores the default.
TEST(DevresWarnHandlerTest, IsReplaceable)
{
    const devres_warn_handler before = devres_set_warn_handler(&handler_a);
    EXPECT_EQ(nullptr, before) << "the default";
    EXPECT_EQ(&handler_a, devres_set_warn_handler(&handler_b));
    EXPECT_EQ(&handler_b, devres_set_warn_handler(nullptr));
    EXPECT_EQ(nullptr, devres_set_warn_handler(nullptr));
}

// Section 7: the default prints one line to stderr and counts.
TEST(DevresWarnHandlerTest, TheDefaultPrintsOneLineToStderr)
{
    bench_owner owner;
    const std::size_t before = devres_warn_count();
    ::testing::internal::CaptureStderr();
    devres_close_group(&owner.devres, &owner);
    const std::string text = ::testing::internal::GetCapturedStderr();
    EXPECT_THAT(text, AllOf(HasSubstr("close_group"), HasSubstr("bench"), HasSubstr("bench-1")));
    ASSERT_FALSE(text.empty());
    EXPECT_EQ(text.size() - 1, text.find('\n')) << "exactly one line";
    EXPECT_EQ(before + 1, devres_warn_count());
}

// Section 7: every WARN is counted, whoever handles it.
TEST_F(DevresDiagnosticsTest, CountsEveryWarn)
{
    const std::size_t before = devres_warn_count();
    devres_close_group(head, head);
    devres_remove_group(head, head);
    EXPECT_EQ(before + 2, devres_warn_count());
    EXPECT_EQ(2u, warnings.take().size());
}

devres_head* used_head = nullptr;
int handler_calls = 0;
void handler_that_uses_the_head(const char*)
{
    ++handler_calls;
    EXPECT_EQ(nullptr, devres_find(used_head, &item::release));
}

// Section 7: the handler is called without a lock held.
TEST_F(DevresDiagnosticsTest, TheHandlerIsCalledWithoutTheLock)
{
    used_head = head;
    handler_calls = 0;
    int local = 0;
    const devres_warn_handler before = devres_set_warn_handler(&handler_that_uses_the_head);
    devres_close_group(head, head);
    managed::kfree(&owner, &local);
    EXPECT_EQ(nullptr, managed::krealloc(&owner, &local, 5));
    EXPECT_EQ(-ENOENT, managed::remove_action(
                           &owner, [](int*) {}, &local));
    devres_set_warn_handler(before);
    EXPECT_EQ(4, handler_calls);
}

// An owner without ops, and one without a name, can be reported as well.
TEST_F(DevresDiagnosticsTest, OwnersWithoutANameAreReported)
{
    devres_head anonymous;
    devres_close_group(&anonymous, &anonymous);
    EXPECT_THAT(warnings.take_one(), HasSubstr("close_group"));
    EXPECT_TRUE(devres_owner_kind(&anonymous));
    EXPECT_TRUE(devres_owner_name(&anonymous));
    static constexpr devres_owner_ops nameless{"nameless", nullptr};
    devres_head head2(&nameless);
    devres_close_group(&head2, &head2);
    EXPECT_THAT(warnings.take_one(), HasSubstr("nameless"));
    EXPECT_STREQ("nameless", devres_owner_kind(&head2));
    EXPECT_TRUE(devres_owner_name(&head2));
}

TEST_F(DevresDiagnosticsTest, OwnersHaveAKindAndAName)
{
    EXPECT_STREQ("bench", devres_owner_kind(head));
    EXPECT_STREQ("bench-1", devres_owner_name(head));
}

struct line {
    std::string op;
    devres_head* head;
    std::string kind;
    std::string name;
    std::size_t size;
};
std::vector<line> lines;

void log_line(const char* op, devres_head* head, const char* kind, const char* name, std::size_t size)
{
    (void)devres_find(head, &item::release); // no lock is held: this would hang
    lines.push_back({op, head, kind, name ? name : "", size});
}

class DevresLogTest : public core_fixture {
public:
    DevresLogTest() { lines.clear(); }
    ~DevresLogTest() override { devres_set_log(before_); }
    events take()
    {
        events out;
        for (const line& l : lines) {
            EXPECT_EQ(head, l.head);
            EXPECT_EQ("bench", l.kind);
            out.push_back(l.op + " " + l.name);
        }
        lines.clear();
        return out;
    }

private:
    devres_log_fn before_ = devres_set_log(&log_line);
};

// Section 7: what is attached and released is told in order.
TEST_F(DevresLogTest, TellsOfAddAndRelease)
{
    add(1);
    EXPECT_THAT(take(), ElementsAre("ADD item"));
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_THAT(take(), ElementsAre("REL item"));
}

// Section 7: what is handed out or dropped without its release is told as REM.
TEST_F(DevresLogTest, TellsOfRemoval)
{
    add(1);
    add(2);
    void* res = devres_remove(head, &item::release);
    EXPECT_EQ(0, devres_destroy(head, &item::release));
    devres_free(res);
    EXPECT_THAT(take(), ElementsAre("ADD item", "ADD item", "REM item", "REM item"));
    add(3);
    EXPECT_EQ(0, devres_release(head, &item::release));
    EXPECT_THAT(take(), ElementsAre("ADD item", "REL item"));
}

// Section 7: nodes, with their given name.
TEST_F(DevresLogTest, TellsOfNodes)
{
    node_item node(&log, "a");
    devres_node_add(head, &node);
    EXPECT_TRUE(devres_node_remove(head, &node));
    devres_node_add(head, &node);
    EXPECT_EQ(0, devres_node_release(head, &node));
    EXPECT_THAT(take(), ElementsAre("ADD node item", "REM node item", "ADD node item", "REL node item"));
}

// Section 7: a group's markers, each of which is told of as often when it comes as when it goes.
TEST_F(DevresLogTest, TellsOfGroups)
{
    int id = 0;
    ASSERT_TRUE(devres_open_group(head, &id));
    devres_close_group(head, &id);
    devres_remove_group(head, &id);
    EXPECT_THAT(take(), ElementsAre("ADD group", "ADD end of group", "REM end of group", "REM group"));
    ASSERT_TRUE(devres_open_group(head, &id));
    devres_close_group(head, &id);
    EXPECT_EQ(0, devres_release_group(head, &id));
    EXPECT_THAT(take(), ElementsAre("ADD group", "ADD end of group", "REL end of group", "REL group"));
}

// Section 7: what is attached in one step.
TEST_F(DevresLogTest, TellsOfActionsAndCallables)
{
    int data = 0;
    constexpr auto action = +[](int*) {};
    ASSERT_EQ(0, managed::add_action(&owner, action, &data));
    EXPECT_EQ(0, managed::remove_action(&owner, action, &data));
    ASSERT_EQ(0, managed::add_action(&owner, action, &data));
    EXPECT_EQ(0, managed::release_action(&owner, action, &data));
    devres_action handle;
    ASSERT_EQ(0, managed::add_action(
                     &owner, [&data] { ++data; }, &handle));
    EXPECT_EQ(0, handle.cancel());
    std::vector<std::string> ops;
    for (const std::string& line : take())
        ops.push_back(line.substr(0, 3));
    EXPECT_THAT(ops, ElementsAre("ADD", "REM", "ADD", "REL", "ADD", "REM"));
}

// Section 7: size in bytes; freed memory has been released.
TEST_F(DevresLogTest, TellsSizes)
{
    void* p = managed::kmalloc(&owner, 77);
    ASSERT_TRUE(p);
    void* large = managed::kmalloc(&owner, 77777);
    ASSERT_TRUE(large);
    ASSERT_EQ(2u, lines.size());
    EXPECT_EQ(77u, lines[0].size);
    EXPECT_EQ(77777u, lines[1].size);
    managed::kfree(&owner, p);
    managed::kfree(&owner, large);
    ASSERT_EQ(4u, lines.size());
    EXPECT_EQ(77u, lines[2].size);
    EXPECT_EQ(77777u, lines[3].size);
}

// Section 7: null turns the log off.
TEST_F(DevresLogTest, NullTurnsItOff)
{
    EXPECT_EQ(&log_line, devres_set_log(nullptr));
    add(1);
    EXPECT_EQ(1, devres_release_all(head));
    EXPECT_THAT(take(), IsEmpty());
    EXPECT_EQ(nullptr, devres_set_log(&log_line));
}

// --- The environment, which is read when the library is loaded: in a process of its own
// ---------------------------

// Section 7: DEVRES_PANIC_ON_WARN turns a WARN into abort.
TEST(DevresEnvironmentTest, PanicOnWarnAborts)
{
    const char* one_warn = "DevresWarnHandlerTest.TheDefaultPrintsOneLineToStderr";
    EXPECT_EQ(0, run_again("DEVRES_PANIC_ON_WARN=0", one_warn));
    EXPECT_EQ(128 + SIGABRT, run_again("DEVRES_PANIC_ON_WARN=1", one_warn));
}

// Nor is it looked at again later.
TEST(DevresEnvironmentTest, IsReadWhenTheLibraryIsLoaded)
{
    ASSERT_EQ(0, ::setenv("DEVRES_PANIC_ON_WARN", "1", 1)); // NOLINT(concurrency-mt-unsafe)
    const auto before = devres_set_warn_handler([](const char*) {});
    devres_head head;
    devres_remove_group(&head, nullptr);
    devres_set_warn_handler(before);
    ::unsetenv("DEVRES_PANIC_ON_WARN"); // NOLINT(concurrency-mt-unsafe)
}

// DEVRES_LOG=1 installs a hook when the library is loaded, and nothing else does.
TEST(DevresEnvironmentTest, TheLogIsOffUnlessAskedFor)
{
    const char* variable = std::getenv("DEVRES_LOG"); // NOLINT(concurrency-mt-unsafe)
    const bool asked_for = variable && std::string(variable) == "1";
    const devres_log_fn installed = devres_set_log(nullptr);
    EXPECT_EQ(asked_for, installed != nullptr);
    devres_set_log(installed);
}

TEST(DevresEnvironmentTest, LogCanBeAskedFor)
{
    EXPECT_EQ(0, run_again("DEVRES_LOG=1", "DevresEnvironmentTest.TheLogIsOffUnlessAskedFor"));
    EXPECT_EQ(0, run_again("DEVRES_LOG=0", "DevresEnvironmentTest.TheLogIsOffUnlessAskedFor"));
}

// Section 7: a BUG names function, owner and resource.
TEST_F(DevresDiagnosticsDeathTest, ABugNamesFunctionOwnerAndResource)
{
    item* i = add(1);
    EXPECT_DEATH(devres_add(head, i), "devres_add");
    EXPECT_DEATH(devres_add(head, i), "bench.*bench-1");
    EXPECT_DEATH(devres_add(head, i), "item");
}

// C4, C14: nor does it ask an owner that has ended in the callback.
TEST_F(DevresDiagnosticsDeathTest, ABugInACallbackThatHasEndedItsOwnerAsksNobody)
{
    const auto ends_and_frees = [](devres_head* ending, void* data) {
        delete container_of<&bench_owner::devres>(ending);
        devres_free(data);
    };
    EXPECT_DEATH(
        {
            auto* own = new bench_owner;
            devres_add(&own->devres, devres_alloc(ends_and_frees, 8, GFP_KERNEL, "late"));
            devres_release_all(&own->devres);
        },
        "BUG: devres_free: resource late: already listed, or still");
}

// C2: even if the owner's name comes back to the head whose callback is running.
TEST(DevresNameDeathTest, ANameThatUsesItsHeadEndsInABug)
{
    static constexpr devres_owner_ops ops{"odd", [](devres_head* of) -> const char* {
                                              devres_find(of, &item::release, nullptr, nullptr);
                                              return "odd";
                                          }};
    devres_head head(&ops);
    event_log log;
    void* res = devres_alloc(&item::release, sizeof(item));
    devres_add(&head, new (res) item{&log, 1});
    const auto calls_back = [](devres_head* of, void*, void*) {
        devres_find(of, &item::release, nullptr, nullptr);
        return true;
    };
    EXPECT_DEATH(devres_find(&head, &item::release, calls_back, nullptr),
                 "BUG: devres_find: called from a match or for_each callback of the same head");
    devres_release_all(&head);
}

TEST_F(DevresDiagnosticsTest, ALongNameLeavesRoomForTheReason)
{
    static const std::string name(3000, 'n');
    static constexpr devres_owner_ops ops{"long", [](devres_head*) { return name.c_str(); }};
    devres_head ending(&ops);
    void* res = devres_alloc(&item::release, sizeof(item), GFP_KERNEL, name.c_str());
    devres_add(&ending, new (res) item{&log, 1});
    ending.~devres_head();
    new (&ending) devres_head;
    EXPECT_THAT(warnings.take_one(), ::testing::HasSubstr("released now"));
}

} // namespace
