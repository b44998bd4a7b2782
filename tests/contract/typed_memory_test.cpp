// SPDX-License-Identifier: MIT
//
// Memory by type, which spares ported code its casts, and strings that need no copy. A4 to A7.
#include "contract/contract.h"

#include <limits>

using namespace devres;
using namespace devres::test;

namespace {

template <class Family>
class TypedMemoryContract : public contract<Family> {
};
TYPED_TEST_SUITE(TypedMemoryContract, families, family_names);

struct sample {
    int channel;
    double value;
};

// A4: zeroed, and freed by kfree as any other memory.
TYPED_TEST(TypedMemoryContract, KzallocGivesAZeroedT)
{
    sample* s = TypeParam::template kzalloc_of<sample>(this->owner);
    ASSERT_TRUE(s);
    EXPECT_EQ(0, s->channel);
    EXPECT_EQ(0.0, s->value);
    EXPECT_EQ(1u, this->listed());
    TypeParam::kfree(this->owner, s);
    EXPECT_EQ(0u, this->listed());
    EXPECT_TRUE(TypeParam::template kzalloc_of<sample>(this->owner, GFP_ATOMIC));
}

// A4: an array; none of them is ZERO_SIZE_PTR; too many are null.
TYPED_TEST(TypedMemoryContract, KcallocCountsElements)
{
    sample* s = TypeParam::template kcalloc_of<sample>(this->owner, 7u);
    ASSERT_TRUE(s);
    for (int i = 0; i < 7; ++i)
        EXPECT_EQ(0, s[i].channel);
    EXPECT_EQ(ZERO_SIZE_PTR, TypeParam::template kcalloc_of<sample>(this->owner, 0u));
    EXPECT_EQ(nullptr, TypeParam::template kcalloc_of<sample>(this->owner,
                                                              std::numeric_limits<std::size_t>::max() / 8));
}

// A5: grows, keeps what is there.
TYPED_TEST(TypedMemoryContract, KreallocArrayKeepsTheElements)
{
    sample* s = TypeParam::template krealloc_array_of<sample>(this->owner, nullptr, 2u);
    ASSERT_TRUE(s);
    s[1] = {4, 0.5};
    s = TypeParam::template krealloc_array_of<sample>(this->owner, s, 200u, GFP_KERNEL | __GFP_ZERO);
    ASSERT_TRUE(s);
    EXPECT_EQ(4, s[1].channel);
    EXPECT_EQ(0, s[199].channel);
    EXPECT_EQ(1u, this->listed());
}

// A7: copies, of one and of several.
TYPED_TEST(TypedMemoryContract, KmemdupCopiesByType)
{
    const sample from[2] = {{1, 0.25}, {2, 0.75}};
    sample* one = TypeParam::template kmemdup_of<sample>(this->owner, &from[1]);
    ASSERT_TRUE(one);
    EXPECT_EQ(2, one->channel);
    sample* both = TypeParam::template kmemdup_array_of<sample>(this->owner, from, 2u);
    ASSERT_TRUE(both);
    EXPECT_EQ(0.75, both[1].value);
    EXPECT_EQ(2u, this->listed());
}

// A7: a literal of the program needs no copy; whatever may go away does.
TYPED_TEST(TypedMemoryContract, KstrdupConstCopiesOnlyWhatMayGo)
{
    const char* literal = "a literal";
    EXPECT_EQ(literal, TypeParam::kstrdup_const(this->owner, literal));
    EXPECT_EQ(0u, this->listed());
    EXPECT_EQ(nullptr, TypeParam::kstrdup_const(this->owner, nullptr));

    const std::string mine = "on the heap";
    char local[] = "on the stack";
    static char writable[] = "can be written";
    for (const char* text :
         {mine.c_str(), static_cast<const char*>(local), static_cast<const char*>(writable)}) {
        const char* copy = TypeParam::kstrdup_const(this->owner, text);
        EXPECT_NE(text, copy);
        EXPECT_STREQ(text, copy);
    }
    EXPECT_EQ(3u, this->listed());
}

// A6: kfree_const takes what kstrdup_const returned, copied or not.
TYPED_TEST(TypedMemoryContract, KfreeConstTakesWhatKstrdupConstReturned)
{
    const std::string mine = "on the heap";
    const char* literal = TypeParam::kstrdup_const(this->owner, "a literal");
    const char* copy = TypeParam::kstrdup_const(this->owner, mine.c_str());
    TypeParam::kfree_const(this->owner, literal);
    TypeParam::kfree_const(this->owner, copy);
    TypeParam::kfree_const(this->owner, nullptr);
    EXPECT_EQ(0u, this->listed());
}

} // namespace
