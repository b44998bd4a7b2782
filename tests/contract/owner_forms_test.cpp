// SPDX-License-Identifier: MIT
//
// Wherever a head is taken, a pointer to its owner is taken, too, and where there is one a proof of it.
// Actions may be template arguments. A1, A10, V10.
#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

template <class Family>
class OwnerFormsContract : public contract<Family> {
};
TYPED_TEST_SUITE(OwnerFormsContract, families, family_names);

struct numbered {
    event_log* log;
    int number;

    static void release(devres_head*, void* res)
    {
        auto* self = static_cast<numbered*>(res);
        self->log->add("release " + std::to_string(self->number));
    }
    static bool matches(devres_head*, void* res, void* wanted)
    {
        return static_cast<numbered*>(res)->number == *static_cast<int*>(wanted);
    }
    static void visit(devres_head*, void* res, void* data)
    {
        static_cast<event_log*>(data)->add("see " + std::to_string(static_cast<numbered*>(res)->number));
    }
};

// Every devres_* function that takes a head, on whatever R is.
template <managed_owner_ref R>
void use_all_forms(const R& owner, event_log& log)
{
    int two = 2;
    for (int n = 1; n <= 4; ++n) {
        auto* res = static_cast<numbered*>(devres_alloc(&numbered::release, sizeof(numbered)));
        ASSERT_TRUE(res);
        *res = {&log, n};
        devres_add(owner, res);
        EXPECT_EQ(res, devres_find(owner, &numbered::release));
    }
    auto* again = static_cast<numbered*>(devres_alloc(&numbered::release, sizeof(numbered)));
    EXPECT_EQ(devres_find(owner, &numbered::release, &numbered::matches, &two),
              devres_get(owner, again, &numbered::matches, &two));
    devres_for_each_res(owner, &numbered::release, nullptr, nullptr, &numbered::visit, &log);
    EXPECT_THAT(log.take(), ElementsAre("see 4", "see 3", "see 2", "see 1"));
    EXPECT_EQ(0, devres_release(owner, &numbered::release, &numbered::matches, &two));
    EXPECT_THAT(log.take(), ElementsAre("release 2"));
    EXPECT_EQ(0, devres_destroy(owner, &numbered::release));
    void* taken = devres_remove(owner, &numbered::release);
    ASSERT_TRUE(taken);
    EXPECT_EQ(3, static_cast<numbered*>(taken)->number);
    devres_free(taken);

    EXPECT_EQ(&two, devres_open_group(owner, &two));
    ASSERT_EQ(0, managed::add_action(owner, [&log] { log.add("in the group"); }));
    devres_close_group(owner, &two);
    EXPECT_EQ(1, devres_release_group(owner, &two));
    EXPECT_THAT(log.take(), ElementsAre("in the group"));
    EXPECT_EQ(&two, devres_open_group(owner, &two));
    devres_remove_group(owner, &two);
    {
        devres_group_scope scope(owner);
        ASSERT_EQ(0, managed::add_action(owner, [&log] { log.add("rolled back"); }));
    }
    EXPECT_THAT(log.take(), ElementsAre("rolled back"));

    devres_node node;
    devres_node_init(&node, [](devres_head*, devres_node*) {});
    devres_node_add(owner, &node);
    EXPECT_TRUE(devres_node_remove(owner, &node));
    devres_node_add(owner, &node);
    EXPECT_EQ(0, devres_node_release(owner, &node));

    EXPECT_EQ(1, devres_release_all(owner));
    EXPECT_EQ(0, devres_drain(owner));
    EXPECT_THAT(log.take(), ElementsAre("release 1"));
}

// A10: what works with a head works with its owner.
TYPED_TEST(OwnerFormsContract, EveryFunctionOnAHeadTakesTheOwner)
{
    use_all_forms(this->owner, this->log);
}

void append(step* s)
{
    record(s);
}

// A1: an action that is a template argument is released in order and counts as that pair.
TYPED_TEST(OwnerFormsContract, AnActionCanBeATemplateArgument)
{
    step* a = this->make("a");
    step* b = this->make("b");
    ASSERT_EQ(0, TypeParam::template add_static_action<append>(this->owner, a));
    ASSERT_EQ(0, TypeParam::template add_static_action_or_reset<&append>(this->owner, b));
    EXPECT_TRUE(TypeParam::is_action_added(this->owner, append, a));
    EXPECT_EQ(0, TypeParam::release_action(this->owner, append, a));
    EXPECT_THAT(this->log.take(), ElementsAre("a"));
    ASSERT_EQ(0, TypeParam::template add_static_action<append>(this->owner, a));
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, append, a));
    EXPECT_THAT(this->end(), ElementsAre("b"));
}

template <class Owner>
void append_for(Owner* owner, step* s)
{
    s->log->add(s->name + (owner ? "" : " for nobody"));
}

// A1: it may take its owner first, and a lambda will do.
TYPED_TEST(OwnerFormsContract, AStaticActionMayTakeItsOwner)
{
    ASSERT_EQ(0, TypeParam::template add_static_action<append_for<typename TestFixture::owner_type>>(
                     this->owner, this->make("a")));
    ASSERT_EQ(
        0, TypeParam::template add_static_action<[](step* s) { record(s); }>(this->owner, this->make("b")));
    EXPECT_THAT(this->end(), ElementsAre("b", "a"));
}

// A2: without memory it is called at once.
TYPED_TEST(OwnerFormsContract, AStaticActionIsResetWithoutMemory)
{
    this->upstream.fail_from(0);
    step* a = this->make("a");
    int err = 0;
    // What the owner has at hand may serve some.
    while (err == 0 && this->log.take().empty())
        err = TypeParam::template add_static_action_or_reset<append>(this->owner, a);
    EXPECT_EQ(-ENOMEM, err);
    this->upstream.fail_no_more();
    EXPECT_THAT(this->log.take(), ElementsAre("a"));
}

std::string last_name;
void remember_name(const char*, devres_head*, const char*, const char* name, std::size_t)
{
    last_name = name;
}

// Section 7: the compiler knows its name.
TYPED_TEST(OwnerFormsContract, AStaticActionHasItsNameFromTheCompiler)
{
    const devres_log_fn before = devres_set_log(&remember_name);
    EXPECT_EQ(0, TypeParam::template add_static_action<append>(this->owner, this->make("a")));
    devres_set_log(before);
    EXPECT_THAT(last_name, HasSubstr("append"));
    EXPECT_THAT(last_name, ::testing::Not(HasSubstr("0x")));
}

// --- The proof of binding --------------------------------------------------------------------------------

event_log* proof_log = nullptr;

template <managed_owner_ref R>
int hold(const R& owner, const char* name)
{
    return managed::add_action_or_reset(owner, [name] { proof_log->add(name); });
}

template <managed_owner O>
int hold_by_pointer(O* owner, const char* name)
{
    return hold(owner, name);
}

void with_proof(const bound_device& dev, step* s)
{
    s->log->add(s->name + " of " + dev_name(dev));
}

int probe_with_forms(const bound_device& dev)
{
    use_all_forms(dev, *proof_log);
    static step owned{proof_log, "owned"};
    owned.log = proof_log;
    EXPECT_EQ(0, managed::add_action(dev, with_proof, &owned));
    EXPECT_EQ(0, managed::remove_action(dev, with_proof, &owned));
    EXPECT_EQ(0, managed::add_action_or_reset(dev, with_proof, &owned));
    EXPECT_TRUE(managed::is_action_added(dev, with_proof, &owned));
    EXPECT_EQ(0, managed::release_action(dev, with_proof, &owned));
    EXPECT_THAT(proof_log->take(), ElementsAre("owned of dev-9"));
    EXPECT_EQ(0, devm_add_action<with_proof>(dev, &owned));
    EXPECT_EQ(0, managed::add_action_or_reset<with_proof>(dev, &owned));

    char* text = managed::kasprintf(dev, "%s-%d", "line", 4);
    EXPECT_STREQ("line-4", text);
    managed::kfree(dev, text);
    int* one = managed::kzalloc<int>(dev);
    EXPECT_TRUE(one && *one == 0);
    EXPECT_TRUE(managed::create<std::string>(dev, "made with the proof"));
    EXPECT_EQ(0, hold(dev, "helper"));
    EXPECT_EQ(0, hold_by_pointer<device>(dev, "helper by pointer"));
    return hold(static_cast<device*>(dev), "helper on the device");
}

// V10: the family, devres_* and a user's helpers take the proof; actions attached with it may take it.
TEST(BoundDeviceFormsTest, EverythingTakesTheProof)
{
    warn_capture warnings;
    event_log log;
    proof_log = &log;
    const device_driver driver{"forms", &probe_with_forms, nullptr};
    device dev("dev-9");
    ASSERT_EQ(0, device_register(&dev));
    ASSERT_EQ(0, device_driver_attach(&driver, &dev));
    EXPECT_THAT(log.take(), IsEmpty());
    EXPECT_EQ(0, device_release_driver(&dev));
    EXPECT_THAT(log.take(), ElementsAre("helper on the device", "helper by pointer", "helper",
                                        "owned of dev-9", "owned of dev-9"));
}

static_assert(managed_proof<bound_device> && managed_owner_ref<bound_device>);
static_assert(managed_owner_ref<device*> && managed_owner_ref<drm_family::owner*>);
static_assert(!managed_owner_ref<device> && !managed_owner_ref<int*> && !managed_owner_ref<devres_head*>);
static_assert(!managed_owner_ref<const device*> && !managed_owner_ref<void*>);

} // namespace
