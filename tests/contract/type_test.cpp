// SPDX-License-Identifier: MIT
//
// What converts and what an action receives; what must not compile stands in tests/compile_fail.
// The rules are those under "Type checking" in A1 to A3.
#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

namespace {

template <class Family>
class TypeContract : public contract<Family> {
};
TYPED_TEST_SUITE(TypeContract, families, family_names);

struct base_a {
    int a = 1;
};
struct base_b {
    int b = 2;
};
struct derived : base_a, base_b {};

const void* seen = nullptr;
void see_anything(void* data)
{
    seen = data;
}
void see_const(const base_b* data)
{
    seen = data;
}
void see_base_b(base_b* data)
{
    EXPECT_TRUE(!data || data->b == 2);
    seen = data;
}
void see_noexcept(base_b* data) noexcept
{
    seen = data;
}
int see_and_return(base_b* data)
{
    seen = data;
    return 5;
}

// A1: void* takes a pointer to anything.
TYPED_TEST(TypeContract, AnActionOnVoidTakesAnyPointer)
{
    derived d;
    int i = 0;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_anything, &d));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_anything, &i));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &see_anything, &d));
    EXPECT_EQ(&d, seen);
    this->end();
    EXPECT_EQ(&i, seen);
}

// A1: const T* takes a T*.
TYPED_TEST(TypeContract, AnActionOnConstTakesANonConstPointer)
{
    base_b b;
    const base_b constant;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_const, &b));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &see_const, &b));
    EXPECT_EQ(&b, seen);
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_const, &constant));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &see_const, &constant));
    this->end();
    EXPECT_EQ(&constant, seen);
}

// A1: a pointer to a derived class becomes one to the right base, also where that means another address.
TYPED_TEST(TypeContract, ADerivedPointerIsAdjusted)
{
    derived d;
    seen = nullptr;
    ASSERT_NE(static_cast<void*>(&d), static_cast<void*>(static_cast<base_b*>(&d)));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_base_b, &d));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, &see_base_b, static_cast<base_b*>(&d)));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &see_base_b, &d));
    EXPECT_EQ(static_cast<base_b*>(&d), seen);
}

// A1: null is fine for every data type.
TYPED_TEST(TypeContract, NullFitsEveryAction)
{
    seen = this;
    derived* no_data = nullptr;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_base_b, nullptr));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &see_base_b, no_data));
    EXPECT_EQ(nullptr, seen);
}

// A1: noexcept functions and functions that return something are actions, too.
TYPED_TEST(TypeContract, NoexceptAndNonVoidFunctionsAreActions)
{
    base_b b;
    base_b c;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_noexcept, &b));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, &see_and_return, &c));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, &see_noexcept, &b));
    EXPECT_EQ(&b, seen);
    this->end();
    EXPECT_EQ(&c, seen);
}

// A1, A3: a captureless lambda with data works, for removal as well.
TYPED_TEST(TypeContract, ACapturelessLambdaIsAnAction)
{
    const auto lambda = [](step* s) { s->log->add("lambda " + s->name); };
    step* s = this->make("1");
    step* t = this->make("2");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, lambda, s));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, lambda, t));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, lambda, s));
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, lambda, s));
    EXPECT_THAT(this->end(), ElementsAre("lambda 2"));
}

// A1: an action may take its owner first, and gets it.
TYPED_TEST(TypeContract, AnActionMayTakeItsOwnerFirst)
{
    using owner_t = typename TestFixture::owner_type;
    static owner_t* seen_owner = nullptr;
    const auto action = [](owner_t* o, step* s) {
        seen_owner = o;
        record(s);
    };
    step* s = this->make("1");
    owner_t* expected = this->owner;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, action, s));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, action, s));
    EXPECT_EQ(expected, seen_owner);
    seen_owner = nullptr;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, action, s));
    EXPECT_THAT(this->end(), ElementsAre("1", "1"));
    EXPECT_EQ(expected, seen_owner);
}

// A1: an action with and one without the owner are different ones.
TYPED_TEST(TypeContract, FunctionsAreToldApartByAddressNotByType)
{
    using owner_t = typename TestFixture::owner_type;
    const auto with = [](owner_t*, step* s) { s->log->add("with owner"); };
    const auto without = [](step* s) { s->log->add("without"); };
    step* s = this->make("1");
    ASSERT_EQ(0, TypeParam::add_action(this->owner, with, s));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, without, s));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, with, s));
    EXPECT_THAT(this->log.take(), ElementsAre("with owner"));
    EXPECT_THAT(this->end(), ElementsAre("without"));
}

// --- What only a drm_device has: the driver's own subclass
// ------------------------------------------------------

struct gpu : drm_device {
    int chip = 42;
    virtual ~gpu() = default; // moves the base subobject: the conversion is not a reinterpretation
};

int seen_chip = 0;
void see_gpu(gpu* g, int* data)
{
    seen_chip = g->chip + *data;
}
void see_drm(drm_device* drm, int* data)
{
    seen_chip = static_cast<gpu*>(drm)->chip - *data;
}

// A1: drmm actions take the driver's subclass of drm_device as first parameter, or drm_device itself.
TEST(DrmTypeTest, ActionsTakeTheDriversSubclass)
{
    const drm_driver driver{.name = "gpu"};
    device* parent = device_create("parent");
    ASSERT_TRUE(parent);
    gpu* g = devm_drm_dev_alloc<gpu>(parent, &driver);
    ASSERT_TRUE(g);
    int one = 1;
    int two = 2;
    ASSERT_EQ(0, drmm_add_action(g, &see_gpu, &one));
    ASSERT_EQ(0, drmm_add_action(g, &see_drm, &two));
    EXPECT_EQ(0, drmm_release_action(g, &see_gpu, &one));
    EXPECT_EQ(43, seen_chip);
    EXPECT_EQ(0, device_unregister(parent));
    EXPECT_EQ(40, seen_chip);
}

} // namespace
