// SPDX-License-Identifier: MIT
//
// Find, get, remove and for_each through an owner's head: A10. The full rules are tested in tests/core.
#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;

namespace {

// A resource that remembers which owner released it: container_of leads from the head to the owner.
template <class Owner>
struct claim {
    int number;
    event_log* log;
    const Owner** released_by;

    static void release(devres_head* head, void* res)
    {
        auto* self = static_cast<claim*>(res);
        self->log->add("release " + std::to_string(self->number));
        // For the drm family &Owner::devres is a member of drm_device, from which a static_cast goes on.
        *self->released_by = static_cast<const Owner*>(container_of<&Owner::devres>(head));
    }
    static bool has_number(devres_head*, void* res, void* wanted)
    {
        return static_cast<claim*>(res)->number == *static_cast<int*>(wanted);
    }
};

template <class Family>
class HeadContract : public contract<Family> {
public:
    using claim_type = claim<typename Family::owner>;

    claim_type* make_claim(int number)
    {
        void* res = devres_alloc(&claim_type::release, sizeof(claim_type), GFP_KERNEL, "claim");
        EXPECT_TRUE(res);
        return new (res) claim_type{number, &this->log, &released_by};
    }
    claim_type* add_claim(int number)
    {
        claim_type* c = make_claim(number);
        devres_add(this->head(), c);
        return c;
    }
    const typename Family::owner* released_by = nullptr;
};
TYPED_TEST_SUITE(HeadContract, families, family_names);

// A10: a release callback reaches its owner by container_of.
TYPED_TEST(HeadContract, AReleaseCallbackReachesItsOwner)
{
    const auto* expected = this->owner;
    this->add_claim(1);
    EXPECT_EQ(0, devres_release(this->head(), &TestFixture::claim_type::release));
    EXPECT_EQ(expected, this->released_by);
    this->released_by = nullptr;
    this->add_claim(2);
    EXPECT_THAT(this->end(), ElementsAre("release 1", "release 2"));
    EXPECT_EQ(expected, this->released_by);
}

// A10
TYPED_TEST(HeadContract, FindsGetsAndRemoves)
{
    using claim_t = typename TestFixture::claim_type;
    claim_t* first = this->add_claim(1);
    claim_t* second = this->add_claim(2);
    this->add("action");
    ASSERT_TRUE(TypeParam::kmalloc(this->owner, sizeof(claim_t)));
    int wanted = 1;
    EXPECT_EQ(second, devres_find(this->head(), &claim_t::release));
    EXPECT_EQ(first, devres_find(this->head(), &claim_t::release, &claim_t::has_number, &wanted));
    EXPECT_EQ(first, devres_get(this->head(), this->make_claim(9), &claim_t::has_number, &wanted));
    wanted = 3;
    claim_t* third = this->make_claim(3);
    EXPECT_EQ(third, devres_get(this->head(), third, &claim_t::has_number, &wanted));
    void* handed_out = devres_remove(this->head(), &claim_t::release);
    EXPECT_EQ(third, handed_out);
    devres_free(handed_out);
    EXPECT_EQ(0, devres_destroy(this->head(), &claim_t::release));
    EXPECT_THAT(this->log.take(), ElementsAre());
    EXPECT_EQ(0, devres_release(this->head(), &claim_t::release));
    EXPECT_THAT(this->log.take(), ElementsAre("release 1"));
    EXPECT_EQ(-ENOENT, devres_release(this->head(), &claim_t::release));
    EXPECT_EQ(2u, this->listed());
}

// A10
TYPED_TEST(HeadContract, VisitsNewestFirst)
{
    using claim_t = typename TestFixture::claim_type;
    for (int i = 0; i < 4; ++i) {
        this->add_claim(i);
        this->add("between");
    }
    std::vector<int> seen;
    devres_for_each_res(
        this->head(), &claim_t::release, nullptr, nullptr,
        [](devres_head*, void* res, void* data) {
            static_cast<std::vector<int>*>(data)->push_back(static_cast<claim_t*>(res)->number);
        },
        &seen);
    EXPECT_THAT(seen, ElementsAre(3, 2, 1, 0));
}

} // namespace
