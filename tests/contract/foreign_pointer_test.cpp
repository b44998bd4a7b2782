// SPDX-License-Identifier: MIT
//
// A pointer that is not ours is reported and never followed: A5, A6, A8, section 7.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

#include "contract/contract.h"

using namespace devres;
using namespace devres::test;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

struct thing {
    std::array<char, 24> bytes{};
};

template <class Family>
class ForeignPointerContract : public contract<Family> {
public:
    // kfree, krealloc and delete must each report `p` and change nothing.
    void expect_refused(const void* p, const char* what)
    {
        SCOPED_TRACE(what);
        const std::size_t before = this->listed();
        const auto owner_is_named =
            AllOf(HasSubstr(Family::kind), HasSubstr(devres_owner_name(this->head())));
        Family::kfree(this->owner, p);
        EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("kfree"), owner_is_named));
        // SAFETY: krealloc takes a void*, and is to leave it alone.
        void* mutable_p = const_cast<void*>(p);
        EXPECT_EQ(nullptr, Family::krealloc(this->owner, mutable_p, 48));
        EXPECT_THAT(this->warnings.take_one(), AllOf(HasSubstr("krealloc"), owner_is_named));
        EXPECT_EQ(-ENOENT, Family::destroy(this->owner, static_cast<thing*>(mutable_p)));
        EXPECT_THAT(this->warnings.take_one(),
                    AllOf(AnyOf(HasSubstr("delete"), HasSubstr("destroy")), owner_is_named));
        EXPECT_EQ(before, this->listed());
    }

    // An owner with something of every kind on it, so that there is something to mistake a pointer for.
    void populate()
    {
        for (int i = 0; i < 40; ++i) {
            this->add("populace");
            small_blocks.push_back(Family::kmalloc(this->owner, 24));
            EXPECT_TRUE(small_blocks.back());
            EXPECT_TRUE(Family::template create<thing>(this->owner));
        }
        large_block = Family::kmalloc(this->owner, 100000);
        EXPECT_TRUE(large_block);
        std::memset(large_block, 'L', 100000);
    }
    std::vector<void*> small_blocks;
    void* large_block = nullptr;
};
TYPED_TEST_SUITE(ForeignPointerContract, families, family_names);

// A6: pointers into memory that has never been ours.
TYPED_TEST(ForeignPointerContract, PointersFromElsewhereAreReported)
{
    for (const bool populated : {false, true}) {
        if (populated)
            this->populate();
        alignas(64) std::array<char, 256> stack{};
        static std::array<char, 256> global{};
        void* heap = std::malloc(256);
        ASSERT_TRUE(heap);
        this->expect_refused(stack.data() + 64, "stack");
        this->expect_refused(global.data() + 64, "global");
        this->expect_refused(heap, "malloc");
        this->expect_refused(static_cast<char*>(heap) + 40, "inside malloc");
        this->expect_refused("text", "a string literal");
        this->expect_refused(this->owner, "the owner");
        this->expect_refused(this->head(), "the head");
        this->expect_refused(reinterpret_cast<void*>(1), "1");
        this->expect_refused(reinterpret_cast<void*>(24), "24");
        this->expect_refused(reinterpret_cast<void*>(UINTPTR_MAX), "the last address");
        this->expect_refused(reinterpret_cast<void*>(UINTPTR_MAX - 31), "near the last address");
        this->expect_refused(reinterpret_cast<void*>(std::uintptr_t{1} << 63), "no canonical address");
        std::free(heap);
    }
}

// A6: pages that may not be read.
TYPED_TEST(ForeignPointerContract, PointersIntoUnmappedPagesAreNotFollowed)
{
    const auto page_size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    void* pages = mmap(nullptr, 4 * page_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(MAP_FAILED, pages);
    auto* bytes = static_cast<char*>(pages);
    for (const bool populated : {false, true}) {
        if (populated)
            this->populate();
        this->expect_refused(bytes, "the start of the page");
        this->expect_refused(bytes + 32, "a header inside the page");
        this->expect_refused(bytes + page_size, "a page boundary");
        this->expect_refused(bytes + 2 * page_size + 64, "a block inside the page");
        this->expect_refused(bytes + 4 * page_size - 16, "the end");
    }
    ASSERT_EQ(0, munmap(pages, 4 * page_size));
    this->expect_refused(bytes + 2 * page_size + 64, "unmapped");
}

// A6: memory of another owner of the same kind.
TYPED_TEST(ForeignPointerContract, MemoryOfAnotherOwnerIsReported)
{
    this->populate();
    auto* other = TypeParam::make(&this->upstream);
    void* small = TypeParam::kmalloc(other, 24);
    void* large = TypeParam::kmalloc(other, 100000);
    auto* object = TypeParam::template create<thing>(other);
    ASSERT_TRUE(small && large && object);
    std::memset(small, 's', 24);
    this->expect_refused(small, "another owner's small block");
    this->expect_refused(large, "another owner's large block");
    this->expect_refused(object, "another owner's object");
    EXPECT_EQ(3u, checked_count(other->devres));
    EXPECT_EQ('s', static_cast<char*>(small)[23]);
    TypeParam::end(other);
    this->expect_refused(small, "what was another owner's small block");
    this->expect_refused(large, "what was another owner's large block");
}

// A6: interior pointers, and those just in front of and behind a block.
TYPED_TEST(ForeignPointerContract, InteriorPointersAreReported)
{
    this->populate();
    auto* small = static_cast<char*>(this->small_blocks[20]);
    std::memset(small, 's', 24);
    for (const std::ptrdiff_t offset : {1, 7, 8, 16, 23, -1, -8, -16, -24, -32})
        this->expect_refused(small + offset, "around a small block");
    auto* large = static_cast<char*>(this->large_block);
    for (const std::ptrdiff_t offset : {1, 8, 16, 32, 48, 64, 4096, 50000, 99999, -1, -16, -32, -48})
        this->expect_refused(large + offset, "around a large block");
    EXPECT_EQ('s', small[0]);
    EXPECT_EQ('s', small[23]);
    EXPECT_EQ('L', large[50000]);
    TypeParam::kfree(this->owner, small);
    TypeParam::kfree(this->owner, large);
}

// A6: nor does it help if what lies in front of the pointer looks like the header of a resource.
TYPED_TEST(ForeignPointerContract, ACopyOfAHeaderInsideABlockIsNotTakenForOne)
{
    for (const bool with_others : {false, true}) { // in the first block, which is small, and in a large one
        if (with_others)
            this->populate();
        auto* p = static_cast<char*>(TypeParam::kmalloc(this->owner, 96));
        ASSERT_TRUE(p);
        std::memcpy(p, p - sizeof(detail::resource), sizeof(detail::resource));
        this->expect_refused(p + sizeof(detail::resource), "behind a copy of a header");
        TypeParam::kfree(this->owner, p);
    }
}

// A6: a pointer freed before is recognised (its slot has not been used again).
TYPED_TEST(ForeignPointerContract, StalePointersAreReported)
{
    this->populate();
    void* small = this->small_blocks[10];
    TypeParam::kfree(this->owner, small);
    this->expect_refused(small, "a freed small block");
    TypeParam::kfree(this->owner, this->large_block);
    this->expect_refused(this->large_block, "a freed large block");
    auto* object = TypeParam::template create<thing>(this->owner);
    ASSERT_TRUE(object);
    EXPECT_EQ(0, TypeParam::destroy(this->owner, object));
    this->expect_refused(object, "a deleted object");
    void* last = this->small_blocks.back();
    EXPECT_LT(0, devres_release_all(this->head()));
    this->expect_refused(last, "a small block after everything was released");
    this->expect_refused(this->large_block, "a large block after everything was released");
}

// Remembers where it was moved to, which is the payload of the resource.
struct revealing {
    explicit revealing(void** out) : where(out) {}
    revealing(revealing&& other) noexcept : where(other.where) { *where = this; }
    revealing& operator=(revealing&&) = delete;
    void operator()() const {}
    void** where;
};

// A6: what is ours but not plain memory: objects, callables, raw resources, group ids, nodes.
TYPED_TEST(ForeignPointerContract, ResourcesThatAreNotPlainMemoryAreReported)
{
    this->populate();
    struct other_thing : thing {};
    auto* object = TypeParam::template create<other_thing>(this->owner);
    auto* large_object = TypeParam::template create<std::array<char, 20000>>(this->owner);
    void* callable = nullptr;
    ASSERT_EQ(0, TypeParam::add_action(this->owner, revealing(&callable)));
    ASSERT_TRUE(object && large_object && callable);
    void* raw = devres_alloc([](devres_head*, void*) {}, 24);
    ASSERT_TRUE(raw);
    devres_add(this->head(), raw);
    void* group = TypeParam::open_group(this->owner, nullptr);
    ASSERT_TRUE(group);
    devres_node node;
    devres_node_init(&node, [](devres_head*, devres_node*) {});
    devres_node_add(this->head(), &node);

    this->expect_refused(object, "an object");
    this->expect_refused(large_object, "a large object");
    this->expect_refused(callable, "a callable");
    this->expect_refused(raw, "a raw resource");
    this->expect_refused(group, "a group's id");
    this->expect_refused(&node, "a node");
    EXPECT_EQ(0, TypeParam::destroy(this->owner, object));
    EXPECT_TRUE(devres_node_remove(this->head(), &node));
}

// A6: an action's payload, wherever between its two neighbours it may lie; with a hole as well.
TYPED_TEST(ForeignPointerContract, AnActionsPayloadIsReported)
{
    this->populate();
    auto* first = static_cast<char*>(TypeParam::kmalloc(this->owner, 16));
    ASSERT_TRUE(first);
    this->add("action");
    auto* hole = static_cast<char*>(TypeParam::kmalloc(this->owner, 16));
    this->add("action");
    auto* last = static_cast<char*>(TypeParam::kmalloc(this->owner, 16));
    ASSERT_TRUE(hole && last);
    if (last - first < 0 || last - first > 4096)
        GTEST_SKIP() << "not neighbours";
    TypeParam::kfree(this->owner, hole);
    for (const char* p = first + 8; p < last; p += 8)
        this->expect_refused(p, "between two blocks");
    TypeParam::kfree(this->owner, first);
    TypeParam::kfree(this->owner, last);
}

// A6, section 7: each refusal says what is wrong.
TYPED_TEST(ForeignPointerContract, ARefusalSaysWhatIsWrong)
{
    const auto wrong = [this](const void* p) {
        TypeParam::kfree(this->owner, p);
        return this->warnings.take_one();
    };
    int elsewhere = 0;
    EXPECT_THAT(wrong(&elsewhere), HasSubstr("not managed by this owner"));
    void* freed = TypeParam::kmalloc(this->owner, 24);
    auto* object = TypeParam::template create<thing>(this->owner);
    ASSERT_TRUE(freed && object);
    TypeParam::kfree(this->owner, freed);
    EXPECT_THAT(wrong(freed), HasSubstr("freed already"));
    EXPECT_THAT(wrong(object), HasSubstr("not plain memory"));
    EXPECT_EQ(-ENOENT, TypeParam::destroy(this->owner, reinterpret_cast<int*>(object))); // never followed
    EXPECT_THAT(this->warnings.take_one(), HasSubstr("another kind of resource"));
    void* sibling = TypeParam::kmalloc(this->owner, 24);
    ASSERT_TRUE(sibling);
    EXPECT_EQ(0, TypeParam::destroy(this->owner, object));
    EXPECT_THAT(wrong(object), HasSubstr("freed already"));
    ASSERT_EQ(0, TypeParam::add_action(this->owner, [&] {
                  // A kind that says it all is not repeated as a name.
                  EXPECT_THAT(wrong(sibling), AllOf(HasSubstr("being released already"), HasSubstr(" memory"),
                                                    Not(HasSubstr("memory memory"))));
              }));
    EXPECT_EQ(2, devres_release_all(this->head()));
}

// A6: a stray pointer does not disturb what is done with the right ones afterwards.
TYPED_TEST(ForeignPointerContract, TheOwnerWorksOnAfterwards)
{
    this->populate();
    step* s = this->add("1");
    this->expect_refused(s, "the data of an action");
    EXPECT_EQ(0, TypeParam::remove_action(this->owner, &record, s));
    for (void* p : this->small_blocks)
        TypeParam::kfree(this->owner, p);
    TypeParam::kfree(this->owner, this->large_block);
    EXPECT_EQ(80u, this->listed());
    EXPECT_EQ(events(40, "populace"), this->end());
}

} // namespace
