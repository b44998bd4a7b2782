// SPDX-License-Identifier: MIT
//
// Callables and their handles: A9.
#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <devres/env/sanitizer.h>

#include "contract/contract.h"
#include "support/environment.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

namespace {

template <class Family>
class CallableContract : public contract<Family> {
};
TYPED_TEST_SUITE(CallableContract, families, family_names);

// Records its call and the destruction of the one copy that is in managed memory.
struct traced {
    explicit traced(step* s) : mine(s) {}
    traced(traced&& other) noexcept : mine(std::exchange(other.mine, nullptr)) {}
    traced& operator=(traced&&) = delete;
    ~traced()
    {
        if (mine)
            mine->log->add("~" + mine->name);
    }
    void operator()() const { record(mine); }
    step* mine;
};

int plain_calls = 0;
void plain_function()
{
    ++plain_calls;
}

// A9: called once, then destroyed, at its place in the order.
TYPED_TEST(CallableContract, IsCalledAndDestroyedAtItsPlace)
{
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("callable"))));
    this->add("2");
    EXPECT_EQ(3u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("2", "callable", "~callable", "1"));
}

// A9: an lvalue is copied, and stays the caller's.
TYPED_TEST(CallableContract, CopiesAnLvalue)
{
    auto shared = std::make_shared<int>(0);
    const auto increment = [shared] { ++*shared; };
    ASSERT_EQ(0, TypeParam::add_action(this->owner, increment));
    EXPECT_EQ(3, shared.use_count());
    increment();
    this->end();
    EXPECT_EQ(2, *shared);
    EXPECT_EQ(2, shared.use_count());
}

// A9: move-only callables.
TYPED_TEST(CallableContract, TakesMoveOnlyCallables)
{
    auto number = std::make_unique<int>(7);
    int seen = 0;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [n = std::move(number), &seen] { seen = *n; }));
    EXPECT_EQ(nullptr, number);
    this->end();
    EXPECT_EQ(7, seen);
}

// A9: a function without arguments is a callable.
TYPED_TEST(CallableContract, TakesPlainFunctions)
{
    plain_calls = 0;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &plain_function));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, plain_function));
    this->end();
    EXPECT_EQ(2, plain_calls);
}

template <std::size_t Align>
struct alignas(Align) aligned_callable {
    explicit aligned_callable(std::uintptr_t* out) : where(out) {}
    void operator()() const { *where = reinterpret_cast<std::uintptr_t>(this); }
    std::uintptr_t* where;
};

// A9: over-aligned callables lie where they must.
TYPED_TEST(CallableContract, AlignsOverAlignedCallables)
{
    std::uintptr_t at_64 = 1;
    std::uintptr_t at_4096 = 1;
    this->add("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, aligned_callable<64>(&at_64)));
    this->add("2");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, aligned_callable<4096>(&at_4096)));
    EXPECT_THAT(this->end(), ElementsAre("2", "1"));
    EXPECT_EQ(0u, at_64 % 64);
    EXPECT_EQ(0u, at_4096 % 4096);
}

// A9: a large one keeps all of its bytes.
TYPED_TEST(CallableContract, TakesLargeCallables)
{
    std::array<unsigned char, 10000> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<unsigned char>(i % 251);
    bool same = false;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [bytes, &same] {
                  same = true;
                  for (std::size_t i = 0; i < bytes.size(); ++i)
                      same = same && bytes[i] == i % 251;
              }));
    this->end();
    EXPECT_TRUE(same);
}

// A9: without memory nothing is moved; the or_reset form calls it.
TYPED_TEST(CallableContract, WithoutMemoryTheCallableStaysWhole)
{
    this->upstream.fail_from(0);
    traced callable(this->make("callable"));
    EXPECT_EQ(-ENOMEM, TypeParam::add_action(this->owner, std::move(callable)));
    ASSERT_TRUE(callable.mine) << "moved from, although there was no place for it";
    EXPECT_EQ(-ENOMEM, TypeParam::add_action_or_reset(this->owner, std::move(callable)));
    EXPECT_THAT(this->log.take(), ElementsAre("callable"));
    EXPECT_EQ(0u, this->listed());
    this->upstream.fail_no_more();
    EXPECT_EQ(0, TypeParam::add_action_or_reset(this->owner, std::move(callable)));
    EXPECT_THAT(this->end(), ElementsAre("callable", "~callable"));
}

// A9: cancel drops it without calling it, once.
TYPED_TEST(CallableContract, CancelDestroysWithoutCalling)
{
    devres_action handle;
    EXPECT_FALSE(handle);
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("callable")), &handle));
    EXPECT_TRUE(handle);
    EXPECT_EQ(0, handle.cancel());
    EXPECT_THAT(this->log.take(), ElementsAre("~callable"));
    EXPECT_EQ(0u, this->listed());
    EXPECT_EQ(-ENOENT, handle.cancel());
    EXPECT_EQ(-ENOENT, handle.run());
    EXPECT_THAT(this->end(), ElementsAre());
}

// A9: run calls it now, once.
TYPED_TEST(CallableContract, RunCallsAndDestroys)
{
    this->add("1");
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("callable")), &handle));
    EXPECT_EQ(0, handle.run());
    EXPECT_THAT(this->log.take(), ElementsAre("callable", "~callable"));
    EXPECT_EQ(1u, this->listed());
    EXPECT_EQ(-ENOENT, handle.run());
    EXPECT_EQ(-ENOENT, handle.cancel());
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

// A9: run holds no lock: the callable uses its owner.
TYPED_TEST(CallableContract, RunHoldsNoLock)
{
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [this] { this->add("from inside"); }, &handle));
    EXPECT_EQ(0, handle.run());
    EXPECT_THAT(this->end(), ElementsAre("from inside"));
}

// A9: an empty handle refers to nothing.
TYPED_TEST(CallableContract, AnEmptyHandleFindsNothing)
{
    devres_action handle;
    EXPECT_EQ(-ENOENT, handle.cancel());
    EXPECT_EQ(-ENOENT, handle.run());
}

// A9: dropping the handle leaves the callable attached.
TYPED_TEST(CallableContract, DroppingTheHandleKeepsTheCallable)
{
    {
        devres_action handle;
        ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("callable")), &handle));
    }
    EXPECT_EQ(1u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("callable", "~callable"));
}

// A9: -ENOENT after the release, and the handle never reaches what took the slot since.
TYPED_TEST(CallableContract, AHandleFindsNothingAfterTheRelease)
{
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("old")), &handle));
    EXPECT_EQ(1, devres_release_all(this->head()));
    EXPECT_THAT(this->log.take(), ElementsAre("old", "~old"));
    for (int i = 0; i < 50; ++i)
        ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("new"))));
    EXPECT_EQ(-ENOENT, handle.cancel());
    EXPECT_EQ(50u, this->listed());
    EXPECT_EQ(100u, this->end().size());
}

// A9: also after its owner is gone.
TYPED_TEST(CallableContract, HandlesOutliveTheOwner)
{
    devres_action cancels;
    devres_action runs;
    devres_action dropped;
    devres_action large;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("1")), &cancels));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("2")), &runs));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("3")), &dropped));
    std::array<char, 9000> bytes{};
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [bytes] { EXPECT_EQ(0, bytes[0]); }, &large));
    EXPECT_THAT(this->end(), ElementsAre("3", "~3", "2", "~2", "1", "~1"));
    EXPECT_TRUE(cancels) << "it still refers to the callable";
    EXPECT_EQ(-ENOENT, cancels.cancel());
    EXPECT_EQ(-ENOENT, runs.run());
    EXPECT_EQ(-ENOENT, large.run());
    EXPECT_FALSE(cancels);
    EXPECT_THAT(this->log.take(), ElementsAre());
}

// A9: handles move; the one that is assigned to lets its callable be.
TYPED_TEST(CallableContract, HandlesMayBeMoved)
{
    devres_action first;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("1")), &first));
    devres_action second(std::move(first));
    EXPECT_EQ(-ENOENT, first.cancel()); // NOLINT(bugprone-use-after-move): moved-from is empty
    devres_action third;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("2")), &third));
    third = std::move(second);        // what it held stays attached
    EXPECT_EQ(-ENOENT, second.run()); // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(0, third.run());
    EXPECT_THAT(this->log.take(), ElementsAre("1", "~1"));
    EXPECT_THAT(this->end(), ElementsAre("2", "~2"));
}

// A9: the same handle may be used for one callable after another.
TYPED_TEST(CallableContract, AHandleMayBeReused)
{
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("1")), &handle));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("2")), &handle));
    EXPECT_EQ(0, handle.cancel());
    EXPECT_THAT(this->log.take(), ElementsAre("~2"));
    EXPECT_THAT(this->end(), ElementsAre("1", "~1"));
}

// A9: a callable that was released while it was being moved leaves the handle empty.
TYPED_TEST(CallableContract, AHandleOfWhatWasReleasedInTheMakingRefersToNothing)
{
    struct releases_when_moved {
        releases_when_moved(devres_head* of, int* n)
            : head(of), called(n), group(devres_open_group(of, nullptr))
        {
        }
        releases_when_moved(releases_when_moved&& from) noexcept : head(from.head), called(from.called)
        {
            devres_release_group(head, from.group);
        }
        void operator()() const { ++*called; }
        devres_head* head;
        int* called;
        void* group = nullptr;
    };
    devres_action handle;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("1")), &handle));
    int called = 0;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, releases_when_moved(this->head(), &called), &handle));
    EXPECT_EQ(1, called);
    EXPECT_FALSE(handle);
    EXPECT_EQ(-ENOENT, handle.run());
    EXPECT_THAT(this->log.take(), ElementsAre());
    this->warnings.take();
    EXPECT_THAT(this->end(), ElementsAre("1", "~1"));
}

// A9: a large one is copied to where it stays, and nowhere else: it has no room on a stack.
TYPED_TEST(CallableContract, ATriviallyCopyableCallableMayBeLargerThanTheStack)
{
    struct large {
        int* called;
        char more[16 << 20];
        void operator()() const { *called += more[(16 << 20) - 1]; }
    };
    int called = 0;
    const auto f = std::make_unique<large>();
    f->called = &called;
    f->more[(16 << 20) - 1] = 7;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, *f));
    this->end();
    EXPECT_EQ(7, called);
}

// A9: from inside itself a callable finds that it is being run already.
TYPED_TEST(CallableContract, ACallableCannotCancelItselfWhileItRuns)
{
    devres_action handle;
    int result = 0;
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [&] { result = handle.cancel(); }, &handle));
    EXPECT_EQ(1, devres_release_all(this->head()));
    EXPECT_EQ(-ENOENT, result);
}

// A9: a callable may cancel another one that is not of its pass.
TYPED_TEST(CallableContract, ACallableMayCancelAnother)
{
    devres_action victim;
    devres_action runner;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("victim")), &victim));
    ASSERT_EQ(0, TypeParam::add_action(
                     this->owner, [&] { EXPECT_EQ(0, victim.cancel()); }, &runner));
    EXPECT_EQ(0, runner.run());
    EXPECT_THAT(this->log.take(), ElementsAre("~victim"));
    EXPECT_EQ(0u, this->listed());
}

// A9, C11: not one that the pass has that is under way; it comes at its place.
TYPED_TEST(CallableContract, ACallableThatIsPendingCannotBeCancelled)
{
    devres_action victim;
    int result = 0;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, traced(this->make("victim")), &victim));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] { result = victim.cancel(); }));
    EXPECT_EQ(2, devres_release_all(this->head()));
    EXPECT_EQ(-ENOENT, result);
    EXPECT_THAT(this->log.take(), ElementsAre("victim", "~victim"));
}

#ifdef DEVRES_TEST_EXCEPTIONS
struct throws_when_moved {
    explicit throws_when_moved(step* s) : mine(s) {}
    throws_when_moved(throws_when_moved&& other) : mine(other.mine) { throw 5; }
    throws_when_moved& operator=(throws_when_moved&&) = delete;
    void operator()() const { record(mine); }
    step* mine;
};

// A9: a move that throws leaves nothing behind and is rethrown.
TYPED_TEST(CallableContract, AThrowingMoveLeavesNothingBehind)
{
    this->add("1");
    devres_action handle;
    EXPECT_THROW((void)TypeParam::add_action(this->owner, throws_when_moved(this->make("2"))), int);
    EXPECT_THROW((void)TypeParam::add_action(this->owner, throws_when_moved(this->make("3")), &handle), int);
    EXPECT_FALSE(handle);
    EXPECT_EQ(1u, this->listed());
    this->add("4");
    EXPECT_THAT(this->end(), ElementsAre("4", "1"));
}
#endif

// However a handle ends, the memory of its callable is used again.
TYPED_TEST(CallableContract, HandlesGiveTheirMemoryBack)
{
    this->add("first"); // so that the head is never empty
    auto shared = std::make_shared<int>(0);
    int sum = 0;
    for (int i = 0; i < 3000; ++i) {
        devres_action handle;
        void* group = i % 3 == 2 ? devres_open_group(this->head(), nullptr) : nullptr;
        if (i % 2 == 0)
            ASSERT_EQ(0, TypeParam::add_action(
                             this->owner, [&sum] { ++sum; }, &handle));
        else
            ASSERT_EQ(0, TypeParam::add_action(
                             this->owner, [shared, &sum] { sum += 1 + *shared; }, &handle));
        if (i % 3 == 0)
            EXPECT_EQ(0, handle.run());
        else if (i % 3 == 1)
            EXPECT_EQ(0, handle.cancel());
        else
            EXPECT_EQ(1, devres_release_group(this->head(), group));
    }
    EXPECT_EQ(2000, sum);
    EXPECT_EQ(1, shared.use_count());
    if (!detail::checked_memory) { // else freed slots stay forbidden
        EXPECT_GT(8192u, this->upstream.live_bytes());
    }
}

// A2, A9: a const callable that only a copy may be called of: without memory a copy is called.
TYPED_TEST(CallableContract, AConstCallableThatChangesItselfIsCopied)
{
    const auto callable = [log = &this->log, calls = 0]() mutable {
        log->add("call " + std::to_string(++calls));
    };
    ASSERT_EQ(0, TypeParam::add_action_or_reset(this->owner, callable));
    this->upstream.fail_from(0);
    int err = 0;
    while (!err)
        err = TypeParam::add_action_or_reset(this->owner, callable);
    this->upstream.fail_no_more();
    EXPECT_EQ(-ENOMEM, err);
    EXPECT_THAT(this->log.take(), ElementsAre("call 1"));
    for (const std::string& call : this->end())
        EXPECT_EQ("call 1", call);
}

} // namespace
