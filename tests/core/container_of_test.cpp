// SPDX-License-Identifier: MIT
//
// container_of, on classes of every layout. Built with all warnings on, which is half of the test.
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

#include <devres/container_of.h>
#include <devres/devres.h>

using namespace devres;

namespace {

struct plain {
    int before = 1;
    devres_head devres;
    int after = 2;
};

struct first_member {
    devres_head devres;
    std::string text = "text";
};

class with_virtuals {
public:
    virtual ~with_virtuals() = default;
    virtual int number() const { return 5; }
    std::string text = "not standard layout";
    devres_head devres;
};

struct base {
    virtual ~base() = default;
    int base_member = 1;
};
struct other_base {
    std::string other_member = "other";
};
struct derived : base, other_base {
    int inner = 3;
    devres_head devres;
};

// From a head to its owner.
TEST(ContainerOfTest, LeadsFromTheHeadToItsOwner)
{
    plain p;
    static_assert(std::is_same_v<plain*, decltype(container_of<&plain::devres>(&p.devres))>);
    EXPECT_EQ(&p, container_of<&plain::devres>(&p.devres));
    first_member f;
    EXPECT_EQ(&f, container_of<&first_member::devres>(&f.devres));
}

// Any member will do.
TEST(ContainerOfTest, WorksForAnyMember)
{
    plain p;
    EXPECT_EQ(&p, container_of<&plain::before>(&p.before));
    EXPECT_EQ(&p, container_of<&plain::after>(&p.after));
    derived d;
    EXPECT_EQ(&d, container_of<&derived::inner>(&d.inner));
}

// What is const stays const.
TEST(ContainerOfTest, KeepsConst)
{
    const plain p;
    const devres_head* head = &p.devres;
    static_assert(std::is_same_v<const plain*, decltype(container_of<&plain::devres>(head))>);
    EXPECT_EQ(&p, container_of<&plain::devres>(head));
}

// Classes with virtual functions and several bases.
TEST(ContainerOfTest, WorksForClassesOfAnyLayout)
{
    with_virtuals v;
    EXPECT_EQ(&v, container_of<&with_virtuals::devres>(&v.devres));
    EXPECT_EQ(5, container_of<&with_virtuals::devres>(&v.devres)->number());
    derived d;
    EXPECT_EQ(&d, container_of<&derived::devres>(&d.devres));
}

// A member of a base leads to the base, from where static_cast goes on.
TEST(ContainerOfTest, AMemberOfABaseLeadsToTheBase)
{
    derived d;
    static_assert(
        std::is_same_v<other_base*, decltype(container_of<&derived::other_member>(&d.other_member))>);
    EXPECT_EQ(&d, static_cast<derived*>(container_of<&derived::other_member>(&d.other_member)));
}

} // namespace
