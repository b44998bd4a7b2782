// SPDX-License-Identifier: MIT
//
// A signal handler between any two instructions of entering and leaving: the processor's single step brings
// one after each, in which the handler enters and leaves other things.
#include <csignal>
#include <vector>

#include <gtest/gtest.h>

#include <devres/detail/revocation.h>

#include "revocation/tracked.h"
#include "support/environment.h"

namespace devres::test {
namespace {

#if defined(__x86_64__) && !defined(DEVRES_TEST_TSAN)

class StepTest : public testing::Test {
protected:
    // The thread has entered something before, as a handler requires.
    void SetUp() override
    {
        detail::leave(detail::try_enter(alone, {}));
        struct sigaction action {};
        action.sa_handler = &on_step;
        ASSERT_EQ(0, ::sigaction(SIGTRAP, &action, &before_));
    }
    void TearDown() override { ::sigaction(SIGTRAP, &before_, nullptr); }

    // Calls f() with the handler after each instruction of it.
    template <class F>
    void step_through(F f)
    {
        const unsigned long before = steps;
        trap_flag(true);
        f();
        trap_flag(false);
        EXPECT_LT(before + 5, steps);
    }

    // `slot` says that it is in there, and so does no other.
    void expect_inside(const detail::reader_slot* slot, detail::identity of, detail::identity which,
                       int guards) const
    {
        ASSERT_TRUE(slot);
        detail::identity in_domain = 0;
        detail::identity in_object = 0;
        EXPECT_TRUE(detail::revoke::read(*slot, in_domain, in_object));
        EXPECT_EQ(of, in_domain);
        EXPECT_EQ(which, in_object);
        EXPECT_EQ(guards, slots_in_use());
        EXPECT_FALSE(refused);
    }

    static inline detail::domain_gate domain, their_domain;
    static inline detail::gate object, alone, their_object, their_own;
    static inline unsigned long steps;
    static inline bool refused;

private:
    static void on_step(int)
    {
        ++steps;
        detail::reader_slot* pair = detail::try_enter(their_domain, their_object, {"handler.cpp", 1});
        detail::reader_slot* single = detail::try_enter(their_own, {"handler.cpp", 2});
        refused = refused || !pair || !single || pair == single;
        detail::leave(pair); // not in the order in which they were taken
        detail::leave(single);
    }

    [[gnu::always_inline]] static void trap_flag(bool on) noexcept
    {
        // Below the red zone of the function that this becomes a part of.
        if (on)
            asm volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\t"
                         "leaq 128(%%rsp), %%rsp" ::
                             : "memory", "cc");
        else
            asm volatile("leaq -128(%%rsp), %%rsp\n\tpushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq\n\t"
                         "leaq 128(%%rsp), %%rsp" ::
                             : "memory", "cc");
    }

    struct sigaction before_ {};
};

TEST_F(StepTest, HandlerAtAnyPointOfEnteringAndLeavingTakesNothingAway) // V1, V2
{
    std::vector<detail::reader_slot*> outer;
    // Two slots of the record are left for the handler.
    for (unsigned depth = 0; depth + 3 <= detail::reader_record::capacity; ++depth) {
        const int held = static_cast<int>(depth);
        detail::reader_slot* slot = nullptr;
        step_through([&] { slot = detail::try_enter(domain, object, {"here.cpp", 1}); });
        expect_inside(slot, domain.id(), object.id(), held + 1);
        EXPECT_STREQ("here.cpp", detail::inside_at(detail::reader_set(object)).file);
        step_through([&] { detail::leave(slot); });
        EXPECT_EQ(held, slots_in_use());

        step_through([&] { slot = detail::try_enter(alone, {"here.cpp", 2}); });
        expect_inside(slot, alone.id(), 0, held + 1);
        EXPECT_STREQ("here.cpp", detail::inside_at(detail::reader_set(alone)).file);
        step_through([&] { detail::leave_index(detail::slot_index(slot)); });
        EXPECT_EQ(held, slots_in_use());

        outer.push_back(detail::try_enter(their_own, {}));
    }
    for (detail::reader_slot* slot : outer)
        detail::leave(slot);
    EXPECT_EQ(0, slots_in_use());
}

#else

TEST(StepTest, HandlerAtAnyPointOfEnteringAndLeavingTakesNothingAway)
{
    GTEST_SKIP() << "needs the single step of x86-64; under ThreadSanitizer it stops inside the locks of the "
                    "sanitizer, which the handler takes again";
}

#endif

} // namespace
} // namespace devres::test
