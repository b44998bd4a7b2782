// SPDX-License-Identifier: MIT
//
// Objects in managed memory: A8.
#include <array>
#include <cstdint>
#include <memory>

#include "contract/contract.h"
#include "support/environment.h"
#include "support/threads.h"

using namespace devres;
using namespace devres::test;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <class Family>
class ObjectContract : public contract<Family> {
};
TYPED_TEST_SUITE(ObjectContract, families, family_names);

struct traced {
    explicit traced(step* s) : mine(s) { s->log->add("+" + s->name); }
    ~traced() { mine->log->add("-" + mine->name); }
    traced(const traced&) = delete;
    traced& operator=(const traced&) = delete;
    step* mine;
};

// A8: constructed at once, destroyed at its place in the order.
TYPED_TEST(ObjectContract, IsDestroyedAtItsPlace)
{
    this->add("1");
    auto* object = TypeParam::template create<traced>(this->owner, this->make("object"));
    ASSERT_TRUE(object);
    EXPECT_THAT(this->log.take(), ElementsAre("+object"));
    this->add("2");
    EXPECT_THAT(this->end(), ElementsAre("2", "-object", "1"));
}

// A8: arguments are forwarded; aggregates take their members.
TYPED_TEST(ObjectContract, ForwardsArguments)
{
    struct aggregate {
        int a;
        std::unique_ptr<int> b;
    };
    auto* made = TypeParam::template create<aggregate>(this->owner, 1, std::make_unique<int>(2));
    ASSERT_TRUE(made);
    EXPECT_EQ(1, made->a);
    EXPECT_EQ(2, *made->b);
    auto* zeroed = TypeParam::template create<std::array<int, 4>>(this->owner);
    ASSERT_TRUE(zeroed);
    EXPECT_EQ((std::array<int, 4>{}), *zeroed);
    int* number = TypeParam::template create<int>(this->owner, 3);
    ASSERT_TRUE(number);
    EXPECT_EQ(3, *number);
}

template <std::size_t Align, std::size_t Size>
struct alignas(Align) aligned_object {
    std::array<unsigned char, Size> bytes{};
    step* mine = nullptr;
    ~aligned_object()
    {
        EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(this) % Align);
        if (mine)
            record(mine);
    }
};

// A8: over-aligned types, small and large.
TYPED_TEST(ObjectContract, AlignsOverAlignedTypes)
{
    this->add("1");
    auto* a = TypeParam::template create<aligned_object<32, 8>>(this->owner);
    auto* b = TypeParam::template create<aligned_object<64, 100>>(this->owner);
    this->add("2");
    auto* c = TypeParam::template create<aligned_object<256, 3>>(this->owner);
    auto* d = TypeParam::template create<aligned_object<4096, 10000>>(this->owner);
    ASSERT_TRUE(a && b && c && d);
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(a) % 32);
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(b) % 64);
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(c) % 256);
    EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(d) % 4096);
    a->mine = this->make("a");
    b->mine = this->make("b");
    c->mine = this->make("c");
    d->mine = this->make("d");
    EXPECT_EQ(0, TypeParam::destroy(this->owner, c));
    EXPECT_THAT(this->log.take(), ElementsAre("c"));
    EXPECT_THAT(this->end(), ElementsAre("d", "2", "b", "a", "1"));
}

// A8: many over-aligned ones, some of them deleted.
TYPED_TEST(ObjectContract, ReusesPlacesOfOverAlignedTypes)
{
    using object = aligned_object<128, 200>;
    std::vector<object*> all;
    for (int i = 0; i < 60; ++i) {
        all.push_back(TypeParam::template create<object>(this->owner));
        ASSERT_TRUE(all.back());
        EXPECT_EQ(0u, reinterpret_cast<std::uintptr_t>(all.back()) % 128);
        if (i % 3 == 0) {
            EXPECT_EQ(0, TypeParam::destroy(this->owner, all.front()));
            all.erase(all.begin());
        }
    }
    EXPECT_EQ(all.size(), this->listed());
}

template <class Family>
struct attaching {
    using owner_type = typename Family::owner;
    attaching(contract<Family>* t, step* s) : test(t), mine(s)
    {
        test->add("attached by constructor");
        EXPECT_EQ(2u, test->listed()) << "the place is linked before the constructor runs";
    }
    ~attaching() { record(mine); }
    attaching(const attaching&) = delete;
    attaching& operator=(const attaching&) = delete;
    contract<Family>* test;
    step* mine;
};

// A8: what T's constructor attaches is newer than T and goes before it.
TYPED_TEST(ObjectContract, WhatTheConstructorAttachesGoesBeforeTheObject)
{
    ASSERT_TRUE((TypeParam::template create<attaching<TypeParam>>(this->owner, this, this->make("object"))));
    EXPECT_THAT(this->end(), ElementsAre("attached by constructor", "object"));
}

// A8: the constructor holds no lock and may make further objects.
TYPED_TEST(ObjectContract, ConstructorsNest)
{
    struct inner : traced {
        using traced::traced;
    };
    struct outer : traced {
        explicit outer(TestFixture* test) : traced(test->make("outer"))
        {
            member = TypeParam::template create<inner>(test->owner, test->make("inner"));
        }
        inner* member;
    };
    auto* made = TypeParam::template create<outer>(this->owner, static_cast<TestFixture*>(this));
    ASSERT_TRUE(made);
    EXPECT_TRUE(made->member);
    EXPECT_THAT(this->end(), ElementsAre("+outer", "+inner", "-inner", "-outer"));
}

// A8: without memory null, and no constructor runs.
TYPED_TEST(ObjectContract, WithoutMemoryNothingIsConstructed)
{
    this->upstream.fail_from(0);
    EXPECT_EQ(nullptr, TypeParam::template create<traced>(this->owner, this->make("never")));
    EXPECT_EQ(0u, this->listed());
    this->upstream.fail_no_more();
    EXPECT_THAT(this->end(), ElementsAre());
}

// A8: delete destroys now; null is a no-op.
TYPED_TEST(ObjectContract, DeleteDestroysNow)
{
    auto* first = TypeParam::template create<traced>(this->owner, this->make("first"));
    auto* second = TypeParam::template create<traced>(this->owner, this->make("second"));
    ASSERT_TRUE(first && second);
    this->log.take();
    EXPECT_EQ(0, TypeParam::destroy(this->owner, first));
    EXPECT_THAT(this->log.take(), ElementsAre("-first"));
    EXPECT_EQ(1u, this->listed());
    EXPECT_EQ(0, TypeParam::destroy(this->owner, static_cast<traced*>(nullptr)));
    EXPECT_THAT(this->end(), ElementsAre("-second"));
}

// A8: not a T of this owner: WARN, -ENOENT, nothing is touched.
TYPED_TEST(ObjectContract, DeletingWhatIsNoSuchObjectIsReported)
{
    auto* object = TypeParam::template create<traced>(this->owner, this->make("object"));
    ASSERT_TRUE(object);
    this->log.take();
    auto* memory = static_cast<traced*>(TypeParam::kmalloc(this->owner, sizeof(traced)));
    ASSERT_TRUE(memory);
    auto* other = TypeParam::make(&this->upstream);

    const auto is_refused = [this](int result) {
        EXPECT_EQ(-ENOENT, result);
        EXPECT_THAT(this->warnings.take_one(), AnyOf(HasSubstr("delete"), HasSubstr("destroy")));
        EXPECT_THAT(this->log.take(), ElementsAre());
        EXPECT_EQ(2u, this->listed());
    };
    is_refused(TypeParam::destroy(this->owner, memory));
    is_refused(TypeParam::destroy(other, object));
    // SAFETY: never followed, which is what is tested.
    is_refused(TypeParam::destroy(this->owner, reinterpret_cast<int*>(object)));
    is_refused(
        TypeParam::destroy(this->owner, reinterpret_cast<traced*>(reinterpret_cast<char*>(object) + 8)));
    step on_stack{&this->log, "stack"};
    is_refused(TypeParam::destroy(this->owner, reinterpret_cast<traced*>(&on_stack)));

    EXPECT_EQ(0, TypeParam::destroy(this->owner, object));
    EXPECT_THAT(this->log.take(), ElementsAre("-object"));
    EXPECT_EQ(-ENOENT, TypeParam::destroy(this->owner, object)) << "a second time";
    EXPECT_EQ(1u, this->warnings.take().size());
    TypeParam::end(other);
}

#ifdef DEVRES_TEST_EXCEPTIONS
struct throwing {
    explicit throwing(int what) { throw what; }
    ~throwing() { ADD_FAILURE() << "never constructed, but destroyed"; }
    throwing(const throwing&) = delete;
    throwing& operator=(const throwing&) = delete;
};
struct alignas(512) large_throwing : throwing {
    using throwing::throwing;
    std::array<char, 9000> bytes{};
};

// A8: a constructor that throws leaves nothing behind, and the exception arrives.
TYPED_TEST(ObjectContract, AThrowingConstructorLeavesNothingBehind)
{
    this->add("1");
    for (int i = 0; i < 20; ++i) {
        EXPECT_THROW((void)TypeParam::template create<throwing>(this->owner, i), int);
        EXPECT_THROW((void)TypeParam::template create<large_throwing>(this->owner, i), int);
        EXPECT_EQ(1u, this->listed());
    }
    this->add("2");
    EXPECT_THAT(this->end(), ElementsAre("2", "1"));
}

// A8: what the constructor had attached to the owner is the owner's and stays.
TYPED_TEST(ObjectContract, WhatAThrowingConstructorAttachedStays)
{
    struct attaches_and_throws {
        explicit attaches_and_throws(TestFixture* test)
        {
            test->add("attached");
            throw 1;
        }
    };
    EXPECT_THROW(
        (void)TypeParam::template create<attaches_and_throws>(this->owner, static_cast<TestFixture*>(this)),
        int);
    EXPECT_EQ(1u, this->listed());
    EXPECT_THAT(this->end(), ElementsAre("attached"));
}
#endif

// Waits inside its constructor.
struct parked {
    parked(doorway* inside, doorway* leave, step* s) : mine(s)
    {
        inside->open();
        leave->pass();
        s->log->add("+");
    }
    ~parked() { record(mine); }
    parked(const parked&) = delete;
    parked& operator=(const parked&) = delete;
    step* mine;
};

// A8: a release racing the construction is the caller's error: reported; create gives null, and the object is
// destroyed exactly once.
TYPED_TEST(ObjectContract, AReleaseRacingTheConstructionIsReported)
{
    doorway inside;
    doorway leave;
    parked* made = nullptr;
    step* s = this->make("-");
    this->add("older");
    std::thread maker(
        [&, owner = this->owner] { made = TypeParam::template create<parked>(owner, &inside, &leave, s); });
    inside.pass();
    std::thread releaser([&, owner = this->owner] {
        this->add("newest");
        (void)devres_release_all(&owner->devres);
        leave.open(); // in case the release does not wait for the constructor
    });
    releaser.join();
    maker.join();
    EXPECT_EQ(nullptr, made);
    EXPECT_GE(this->warnings.take().size(), 1u);
    EXPECT_EQ(0u, this->listed());
    EXPECT_THAT(this->end(), ::testing::UnorderedElementsAre("newest", "older", "+", "-"));
}

// A8, G5: the same by the release of a group that it is in.
TYPED_TEST(ObjectContract, AReleaseOfItsGroupRacingTheConstructionIsReported)
{
    doorway inside;
    doorway leave;
    parked* made = nullptr;
    step* s = this->make("-");
    void* group = TypeParam::open_group(this->owner, nullptr);
    this->add("older");
    std::thread maker(
        [&, owner = this->owner] { made = TypeParam::template create<parked>(owner, &inside, &leave, s); });
    inside.pass();
    EXPECT_EQ(1, TypeParam::release_group(this->owner, group));
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("being constructed"));
    leave.open();
    maker.join();
    EXPECT_EQ(nullptr, made);
    EXPECT_EQ(0u, this->listed());
    EXPECT_THAT(this->log.take(), ElementsAre("older", "+", "-"));
}

// A8: the same by the owner's end: the object is the constructing thread's, and its memory lives as long as
// it.
TYPED_TEST(ObjectContract, AnEndRacingTheConstructionIsReported)
{
    doorway inside;
    doorway leave;
    parked* made = nullptr;
    step* s = this->make("-");
    // Older than the object, so that the end comes to the object first.
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] { leave.open(); }));
    std::thread maker(
        [&, owner = this->owner] { made = TypeParam::template create<parked>(owner, &inside, &leave, s); });
    inside.pass();
    TypeParam::end(std::exchange(this->owner, nullptr));
    maker.join();
    EXPECT_EQ(nullptr, made);
    EXPECT_THAT(this->log.take(), ElementsAre("+", "-"));
    EXPECT_GE(this->warnings.take().size(), 1u);
}

#ifdef DEVRES_TEST_EXCEPTIONS
// Throws when it is told to.
struct parked_and_throwing {
    parked_and_throwing(doorway* inside, doorway* leave)
    {
        inside->open();
        leave->pass();
        throw 7;
    }
    ~parked_and_throwing() { ADD_FAILURE() << "never constructed, but destroyed"; }
    parked_and_throwing(const parked_and_throwing&) = delete;
    parked_and_throwing& operator=(const parked_and_throwing&) = delete;
};

// A8: the constructor throws while a pass has its place, and has not come to it yet.
TYPED_TEST(ObjectContract, AConstructorMayThrowBeforeThePassComesToIt)
{
    for (const bool by_group : {false, true}) {
        doorway inside;
        doorway leave;
        void* group = TypeParam::open_group(this->owner, nullptr);
        this->add("older");
        std::thread maker([&, owner = this->owner] {
            EXPECT_THROW((void)TypeParam::template create<parked_and_throwing>(owner, &inside, &leave), int);
        });
        inside.pass();
        ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] {
                      leave.open();
                      maker.join();
                  }));
        static int told;
        told = 0;
        const auto before = devres_set_log([](const char* op, devres_head*, const char*, const char*,
                                              std::size_t) { told += std::string(op) == "REL" ? 1 : 0; });
        EXPECT_EQ(2,
                  by_group ? TypeParam::release_group(this->owner, group) : devres_release_all(this->head()));
        devres_set_log(before);
        EXPECT_EQ(3, told) << "the two and the marker of the group, but not what was not made";
        EXPECT_THAT(this->log.take(), ElementsAre("older"));
        EXPECT_THAT(this->warnings.take(), ElementsAre()) << "nothing is left to report";
        EXPECT_EQ(0u, this->listed());
    }
}

// A8, G5: a constructor that has finished when the release of its group comes to it is as good as any.
TYPED_TEST(ObjectContract, AConstructorMayFinishBeforeThePassComesToIt)
{
    for (const bool by_group : {false, true}) {
        doorway inside;
        doorway leave;
        parked* made = nullptr;
        step* s = this->make("-");
        void* group = TypeParam::open_group(this->owner, nullptr);
        std::thread maker([&, owner = this->owner] {
            made = TypeParam::template create<parked>(owner, &inside, &leave, s);
        });
        inside.pass();
        ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] {
                      leave.open();
                      maker.join();
                      EXPECT_TRUE(made);
                  }));
        EXPECT_EQ(2,
                  by_group ? TypeParam::release_group(this->owner, group) : devres_release_all(this->head()));
        EXPECT_THAT(this->log.take(), ElementsAre("+", "-"));
        EXPECT_THAT(this->warnings.take(), ElementsAre());
    }
}

// A8: the same when a pass has come to it, has reported it, and has left it to the constructing thread.
TYPED_TEST(ObjectContract, AConstructorMayThrowAfterThePassHasComeToIt)
{
    doorway inside;
    doorway leave;
    // Older, so that the pass comes to the object first.
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] { leave.open(); }));
    std::thread maker([&, owner = this->owner] {
        EXPECT_THROW((void)TypeParam::template create<parked_and_throwing>(owner, &inside, &leave), int);
    });
    inside.pass();
    devres_release_all(this->head());
    maker.join();
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("construct"));
    EXPECT_EQ(0u, this->listed());
}
#endif

// Parks in the move into managed memory.
struct parked_callable {
    parked_callable(doorway* in, doorway* out, step* s) : inside(in), leave(out), mine(s) {}
    parked_callable(parked_callable&& other) noexcept
        : inside(other.inside), leave(other.leave), mine(std::exchange(other.mine, nullptr))
    {
        inside->open();
        leave->pass();
    }
    parked_callable& operator=(parked_callable&&) = delete;
    void operator()() const
    {
        ASSERT_TRUE(mine) << "called after it was moved from";
        record(mine);
    }
    doorway* inside;
    doorway* leave;
    step* mine;
};

// A9, A8: the same for a callable being moved in: reported, and called exactly once.
TYPED_TEST(ObjectContract, AReleaseRacingTheMoveOfACallableIsReported)
{
    for (const bool or_reset : {false, true}) {
        doorway inside;
        doorway leave;
        devres_action handle;
        parked_callable callable(&inside, &leave, this->make("called"));
        std::thread maker([&, owner = this->owner] {
            if (or_reset)
                (void)TypeParam::add_action_or_reset(owner, std::move(callable), &handle);
            else
                (void)TypeParam::add_action(owner, std::move(callable), &handle);
        });
        inside.pass();
        std::thread releaser([&, owner = this->owner] {
            (void)devres_release_all(&owner->devres);
            leave.open();
        });
        releaser.join();
        maker.join();
        EXPECT_EQ(-ENOENT, handle.run());
        EXPECT_GE(this->warnings.take().size(), 1u);
        EXPECT_EQ(0u, this->listed());
        EXPECT_THAT(this->log.take(), ElementsAre("called")) << (or_reset ? "or_reset" : "");
    }
}

// A8: deleting the object from inside its own constructor is refused as well; it is not whole yet.
TYPED_TEST(ObjectContract, AnObjectUnderConstructionCannotBeDeleted)
{
    struct impatient {
        explicit impatient(TestFixture* test) { result = TypeParam::destroy(test->owner, this); }
        int result;
    };
    auto* made = TypeParam::template create<impatient>(this->owner, static_cast<TestFixture*>(this));
    ASSERT_TRUE(made);
    EXPECT_EQ(-ENOENT, made->result);
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("still being constructed"));
    EXPECT_EQ(1u, this->listed());
}

// A8: what is made as a const T can be deleted, by whatever pointer.
TYPED_TEST(ObjectContract, AConstObjectCanBeDeleted)
{
    struct tells {
        ~tells() { log->add("destroyed"); }
        event_log* log;
    };
    for (const int how : {0, 1}) {
        const tells* made = TypeParam::template create<const tells>(this->owner, &this->log);
        ASSERT_TRUE(made);
        EXPECT_EQ(0, how ? TypeParam::destroy(this->owner, const_cast<tells*>(made))
                         : TypeParam::destroy(this->owner, made));
        EXPECT_THAT(this->log.take(), ElementsAre("destroyed"));
    }
    EXPECT_EQ(0u, this->listed());
}

} // namespace
