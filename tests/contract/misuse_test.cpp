// SPDX-License-Identifier: MIT
//
// What a WARN says and that nothing has changed: section 7. The log hook, with the same names.
#include <cstdlib>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StrEq;

namespace {

template <class Family>
class MisuseContract : public contract<Family> {
};
TYPED_TEST_SUITE(MisuseContract, families, family_names);

// Section 7: an owner has a kind and a name.
TYPED_TEST(MisuseContract, OwnersHaveAKindAndAName)
{
    EXPECT_STREQ(TypeParam::kind, devres_owner_kind(this->head()));
    ASSERT_TRUE(devres_owner_name(this->head()));
    EXPECT_THAT(devres_owner_name(this->head()), Not(StrEq("")));
}

// Section 7: a WARN names the function, the owner's kind and name, and the resource; it is counted.
TYPED_TEST(MisuseContract, AWarnNamesFunctionOwnerAndResource)
{
    const std::size_t before = devres_warn_count();
    // An action of the C library has a symbol in every build.
    EXPECT_EQ(-ENOENT, TypeParam::remove_action(this->owner, &std::free, this));
    EXPECT_THAT(this->warnings.take_one(),
                AllOf(HasSubstr("remove_action"), HasSubstr(TypeParam::kind),
                      HasSubstr(devres_owner_name(this->head())), HasSubstr("free")));
    EXPECT_EQ(before + 1, devres_warn_count());
    EXPECT_EQ(-ENOENT, TypeParam::release_action(this->owner, &std::free, this));
    EXPECT_THAT(this->warnings.take_one(),
                AllOf(HasSubstr("release_action"), HasSubstr(TypeParam::kind),
                      HasSubstr(devres_owner_name(this->head())), HasSubstr("free")));
    EXPECT_EQ(before + 2, devres_warn_count());
}

// Section 7: it is one line.
TYPED_TEST(MisuseContract, AWarnIsOneLine)
{
    int local = 0;
    TypeParam::kfree(this->owner, &local);
    TypeParam::close_group(this->owner, &local);
    for (const std::string& message : this->warnings.take())
        EXPECT_THAT(message, AllOf(Not(HasSubstr("\n")), HasSubstr(TypeParam::kind)));
}

// Section 7: a WARN changes nothing: the list is as before and everything is released as usual.
TYPED_TEST(MisuseContract, AWarnChangesNothing)
{
    this->add("1");
    void* group = TypeParam::open_group(this->owner, nullptr);
    ASSERT_TRUE(group);
    this->add("2");
    TypeParam::close_group(this->owner, group);
    int local = 0;
    step* missing = this->make("missing");

    TypeParam::kfree(this->owner, &local);
    EXPECT_EQ(nullptr, TypeParam::krealloc(this->owner, &local, 10));
    EXPECT_EQ(-ENOENT, TypeParam::destroy(this->owner, &local));
    EXPECT_EQ(-ENOENT, TypeParam::remove_action(this->owner, &record, missing));
    EXPECT_EQ(-ENOENT, TypeParam::release_action(this->owner, &record, missing));
    TypeParam::close_group(this->owner, group);
    TypeParam::close_group(this->owner, &local);
    TypeParam::remove_group(this->owner, &local);
    EXPECT_EQ(0, TypeParam::release_group(this->owner, &local));
    EXPECT_EQ(9u, this->warnings.take().size());

    EXPECT_EQ(4u, this->listed());
    EXPECT_EQ(1, TypeParam::release_group(this->owner, group));
    EXPECT_THAT(this->log.take(), ElementsAre("2"));
    EXPECT_THAT(this->end(), ElementsAre("1"));
}

struct logged {
    std::string op;
    std::string kind;
    std::string name;
    std::size_t size;
};
std::vector<logged> seen;
std::mutex seen_lock;

void log_event(const char* op, devres_head*, const char* kind, const char* name, std::size_t size)
{
    const std::lock_guard held(seen_lock);
    seen.push_back({op, kind, name ? name : "", size});
}

events ops_of(const std::vector<logged>& all)
{
    events ops;
    for (const logged& one : all)
        ops.push_back(one.op);
    return ops;
}

struct gadget {
    char bytes[20];
};

// Section 7: each attach, removal and release goes to the log hook under the owner's kind.
TYPED_TEST(MisuseContract, TheLogNamesKindAndResource)
{
    seen.clear();
    const devres_log_fn before = devres_set_log(&log_event);
    step* s = this->add("1");
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, 123));
    ASSERT_TRUE(TypeParam::template create<gadget>(this->owner));
    void* raw = devres_alloc([](devres_head*, void*) {}, 77, GFP_KERNEL, "raw thing");
    ASSERT_TRUE(raw);
    devres_add(this->head(), raw);
    EXPECT_THAT(ops_of(seen), ElementsAre("ADD", "ADD", "ADD", "ADD"));
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
    EXPECT_EQ(3, devres_release_all(this->head()));
    EXPECT_EQ(&log_event, devres_set_log(before));
    ASSERT_THAT(ops_of(seen), ElementsAre("ADD", "ADD", "ADD", "ADD", "REM", "REL", "REL", "REL"));
    for (const logged& one : seen)
        EXPECT_EQ(TypeParam::kind, one.kind);
    EXPECT_EQ(123u, seen[1].size);
    EXPECT_THAT(seen[2].name, HasSubstr("gadget"));
    EXPECT_EQ(sizeof(gadget), seen[2].size);
    EXPECT_EQ("raw thing", seen[3].name);
    EXPECT_EQ(77u, seen[3].size);
    EXPECT_EQ("raw thing", seen[5].name);
    EXPECT_EQ(77u, seen[5].size);
    EXPECT_THAT(seen[6].name, HasSubstr("gadget"));
    EXPECT_EQ(123u, seen[7].size);
    this->log.take();
}

} // namespace
