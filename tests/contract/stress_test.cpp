// SPDX-License-Identifier: MIT
//
// Several threads do everything to one head at once: C13. Each resource is released or handed out exactly
// once.
#include <array>
#include <atomic>
#include <barrier>
#include <deque>
#include <random>

#include "contract/contract.h"
#include "support/threads.h"

using namespace devres;
using namespace devres::test;

namespace {

constexpr std::size_t thread_count = 4;
constexpr int rounds = 400;

// How often a resource came to its end, one way or another.
struct fate {
    std::atomic<int> ends{0};
};
void meet(fate* f)
{
    f->ends.fetch_add(1, std::memory_order_relaxed);
}
void meet_raw(devres_head*, void* res)
{
    meet(*static_cast<fate**>(res));
}
bool any(devres_head*, void* res, void*)
{
    return *static_cast<fate**>(res) != nullptr;
}

struct fated {
    explicit fated(fate* f) : mine(f) {}
    ~fated() { meet(mine); }
    fated(const fated&) = delete;
    fated& operator=(const fated&) = delete;
    fate* mine;
};

struct fated_node : devres_node {
    doorway released;
    static void release(devres_head*, devres_node* node) { static_cast<fated_node*>(node)->released.open(); }
};

template <class Family>
class StressContract : public contract<Family> {
public:
    // Runs work(thread number) on all threads from a common start.
    template <class Work>
    static void together(Work work)
    {
        std::barrier start(static_cast<std::ptrdiff_t>(thread_count));
        std::vector<std::thread> threads;
        for (std::size_t t = 0; t < thread_count; ++t) {
            threads.emplace_back([&, t] {
                start.arrive_and_wait();
                work(t);
            });
        }
        for (std::thread& t : threads)
            t.join();
    }

    void expect_all_met_once(const std::array<std::deque<fate>, thread_count>& all)
    {
        std::size_t wrong = 0;
        std::size_t total = 0;
        for (const std::deque<fate>& some : all) {
            total += some.size();
            for (const fate& f : some)
                wrong += f.ends.load() == 1 ? 0u : 1u;
        }
        EXPECT_EQ(0u, wrong) << "of " << total;
    }

    void attach_raw(fate* f)
    {
        void* res = devres_alloc(&meet_raw, sizeof(fate*));
        ASSERT_TRUE(res);
        *static_cast<fate**>(res) = f;
        devres_add(this->head(), res);
    }
};
TYPED_TEST_SUITE(StressContract, families, family_names);

// C13: everything at once, each thread also releasing what others have added.
TYPED_TEST(StressContract, EveryResourceEndsExactlyOnce)
{
    std::array<std::deque<fate>, thread_count> fates;
    this->together([&](std::size_t t) {
        using F = TypeParam;
        std::mt19937 random(static_cast<unsigned>(t)); // NOLINT(cert-msc51-cpp): the same every time
        auto* o = this->owner;
        devres_head* head = this->head();
        const auto born = [&] { return &fates[t].emplace_back(); };
        devres_action handle;
        for (int i = 0; i < rounds; ++i) {
            switch (random() % 14) {
            case 0: {
                fate* f = born();
                EXPECT_EQ(0, F::add_action(o, &meet, f));
                if (F::remove_action_nowarn(o, &meet, f) == 0)
                    meet(f);
                break;
            }
            case 1:
                EXPECT_EQ(0, F::add_action(o, &meet, born()));
                break;
            case 2:
                this->attach_raw(born());
                break;
            case 3: {
                fate* f = born();
                EXPECT_EQ(0, F::add_action(
                                 o, [f] { meet(f); }, &handle));
                break;
            }
            case 4:
                handle.run();
                break;
            case 5: {
                // The callable is dropped uncalled: its data must not be waited for.
                fate* f = born();
                devres_action mine;
                EXPECT_EQ(0, F::add_action(
                                 o, [f] { meet(f); }, &mine));
                if (mine.cancel() == 0)
                    meet(f);
                break;
            }
            case 6:
                (void)devres_release(head, &meet_raw, &any);
                break;
            case 7: {
                if (void* res = devres_remove(head, &meet_raw, &any)) {
                    meet(*static_cast<fate**>(res));
                    devres_free(res);
                }
                break;
            }
            case 8:
                (void)devres_find(head, &meet_raw, &any);
                break;
            case 9: {
                int seen = 0;
                devres_for_each_res(
                    head, &meet_raw, nullptr, nullptr,
                    [](devres_head*, void*, void* data) { ++*static_cast<int*>(data); }, &seen);
                break;
            }
            case 10: {
                // Releases the neighbours' things as well, if they were added meanwhile.
                void* group = F::open_group(o, nullptr);
                EXPECT_TRUE(group);
                EXPECT_EQ(0, F::add_action(o, &meet, born()));
                // Null if somebody's release came while it was being made (A8); it is destroyed then, too.
                (void)F::template create<fated>(o, born());
                if (random() % 2)
                    (void)devres_find(head, &meet_raw);
                (void)F::release_group(o, group);
                this->warnings.take(); // somebody else's release may have taken the group
                break;
            }
            case 11:
                EXPECT_TRUE(F::kzalloc(o, 1 + random() % 3000));
                break;
            case 12: {
                fated_node node;
                devres_node_init(&node, &fated_node::release, "node");
                devres_node_add(head, &node);
                if (!devres_node_remove(head, &node))
                    node.released.pass(); // it is somebody else's until they have called its release
                break;
            }
            default:
                if (i % 16 == 0)
                    (void)devres_release_all(head);
                break;
            }
        }
    });
    checked_count(this->owner->devres);
    this->warnings.take();
    this->end();
    this->expect_all_met_once(fates);
}

// C13: each thread removes its own pairs and frees its own memory among those of the others.
TYPED_TEST(StressContract, EachThreadRemovesItsOwn)
{
    using F = TypeParam;
    std::array<std::deque<fate>, thread_count> fates;
    this->together([&](std::size_t t) {
        std::mt19937 random(static_cast<unsigned>(t)); // NOLINT(cert-msc51-cpp)
        auto* o = this->owner;
        std::vector<fate*> pairs;
        std::vector<unsigned char*> blocks;
        const auto tag = static_cast<unsigned char>(t + 1);
        for (int i = 0; i < rounds * 2; ++i) {
            switch (random() % 6) {
            case 0:
            case 1:
                pairs.push_back(&fates[t].emplace_back());
                EXPECT_EQ(0, F::add_action(o, &meet, pairs.back()));
                break;
            case 2: {
                const std::size_t size = random() % 8 == 0 ? 20000 : 40;
                auto* p = static_cast<unsigned char*>(F::kmalloc(o, size));
                ASSERT_TRUE(p);
                p[0] = p[size - 1] = tag;
                blocks.push_back(p);
                break;
            }
            case 3:
                if (!blocks.empty()) {
                    const std::size_t at = random() % blocks.size();
                    EXPECT_EQ(tag, blocks[at][0]) << "another thread's block";
                    auto* p = static_cast<unsigned char*>(F::krealloc(o, blocks[at], 100 + random() % 9000));
                    ASSERT_TRUE(p);
                    EXPECT_EQ(tag, p[0]);
                    blocks[at] = p;
                }
                break;
            case 4:
                if (!blocks.empty()) {
                    EXPECT_EQ(tag, blocks.back()[0]);
                    F::kfree(o, blocks.back());
                    blocks.pop_back();
                }
                break;
            default:
                if (!pairs.empty()) {
                    const std::size_t at = random() % pairs.size();
                    EXPECT_TRUE(F::is_action_added(o, &meet, pairs[at]));
                    if (random() % 2) {
                        EXPECT_EQ(0, F::release_action(o, &meet, pairs[at]));
                    } else {
                        EXPECT_EQ(0, F::remove_action(o, &meet, pairs[at]));
                        meet(pairs[at]);
                    }
                    pairs.erase(pairs.begin() + static_cast<std::ptrdiff_t>(at));
                }
            }
        }
    });
    checked_count(this->owner->devres);
    this->end();
    this->expect_all_met_once(fates);
}

// C13, A5: a block moves to its old place while another thread releases groups that it is not in.
TYPED_TEST(StressContract, BlocksMoveWhileGroupsAreReleased)
{
    using F = TypeParam;
    std::array<unsigned char*, thread_count> blocks{};
    for (unsigned char*& p : blocks) {
        p = static_cast<unsigned char*>(F::kmalloc(this->owner, 20));
        ASSERT_TRUE(p);
        p[0] = 7;
    }
    std::atomic<std::size_t> resizing{thread_count - 1};
    this->together([&](std::size_t t) {
        for (int i = 0; t == 0 ? resizing > 0 : i < rounds; ++i) {
            if (t == 0) {
                void* group = F::open_group(this->owner, nullptr);
                EXPECT_TRUE(group);
                EXPECT_EQ(0, F::release_group(this->owner, group));
            } else {
                auto* p =
                    static_cast<unsigned char*>(F::krealloc(this->owner, blocks[t], i % 2 ? 20000 : 60000));
                EXPECT_TRUE(p) << "the block is in no group";
                if (!p)
                    break;
                EXPECT_EQ(7, p[0]);
                blocks[t] = p;
            }
        }
        if (t != 0)
            --resizing;
    });
    EXPECT_EQ(thread_count, this->listed());
    for (unsigned char* p : blocks)
        F::kfree(this->owner, p);
    EXPECT_EQ(0u, this->listed());
}

// C13, A5: blocks that move while another thread's removals build ever larger indexes are found afterwards.
TYPED_TEST(StressContract, BlocksMoveWhileIndexesAreBuilt)
{
    using F = TypeParam;
    constexpr std::size_t sizes[] = {60000, 100, 60000, 20000}; // a slot now and then
    constexpr int many = 60000;
    fate shared;
    fate missing;
    std::array<void*, thread_count> blocks{};
    for (void*& p : blocks) {
        p = F::kmalloc(this->owner, 20000); // older than all that is indexed after them
        ASSERT_TRUE(p);
    }
    std::atomic<bool> growing{true};
    this->together([&](std::size_t t) {
        if (t == 0) {
            for (int i = 0; i < many; ++i) {
                EXPECT_EQ(0, F::add_action(this->owner, &meet, &shared));
                if (i % 64 == 0) {
                    EXPECT_EQ(-ENOENT, F::remove_action_nowarn(this->owner, &meet, &missing));
                }
            }
            growing = false;
            return;
        }
        for (unsigned i = 0; growing && blocks[t]; ++i)
            blocks[t] = F::krealloc(this->owner, blocks[t], sizes[i % 4]);
    });
    for (void* p : blocks) {
        EXPECT_TRUE(p) << "not found";
        F::kfree(this->owner, p);
    }
    this->end();
    EXPECT_EQ(many, shared.ends);
}

// C13: what a call writes into the memory it attaches is written before somebody else can release that.
TYPED_TEST(StressContract, MemoryIsFilledBeforeItCanBeReleased)
{
    using F = TypeParam;
    const std::string text(60000, 'x');
    std::atomic<std::size_t> attaching{thread_count - 1};
    this->together([&](std::size_t t) {
        for (int i = 0; t == 0 ? attaching > 0 : i < rounds; ++i) {
            switch (t) {
            case 0:
                (void)devres_release_all(this->head());
                break;
            case 1:
                EXPECT_TRUE(F::kzalloc(this->owner, text.size()));
                break;
            case 2:
                EXPECT_TRUE(F::kstrdup(this->owner, text.c_str()));
                break;
            default:
                EXPECT_TRUE(F::kmemdup(this->owner, text.data(), text.size()));
                break;
            }
        }
        if (t != 0)
            --attaching;
    });
}

// C13: of many threads that want the same resource exactly one gets it.
TYPED_TEST(StressContract, OneOfManyWins)
{
    using F = TypeParam;
    for (int round = 0; round < 100; ++round) {
        fate pair;
        fate raw;
        fate callable;
        devres_action handle;
        ASSERT_EQ(0, F::add_action(this->owner, &meet, &pair));
        this->attach_raw(&raw);
        ASSERT_EQ(0, F::add_action(
                         this->owner, [&] { meet(&callable); }, &handle));
        std::atomic<int> winners{0};
        this->together([&](std::size_t t) {
            switch (t) {
            case 0:
                winners += F::remove_action_nowarn(this->owner, &meet, &pair) == 0 ? 1 : 0;
                break;
            case 1:
                winners += F::remove_action_nowarn(this->owner, &meet, &pair) == 0 ? 1 : 0;
                break;
            case 2:
                (void)devres_release(this->head(), &meet_raw);
                handle.run();
                break;
            default:
                (void)devres_release_all(this->head());
                break;
            }
        });
        EXPECT_EQ(1, winners + pair.ends);
        EXPECT_EQ(1, raw.ends);
        EXPECT_EQ(1, callable.ends);
    }
}

// C13: groups of one thread nest and end as they should while others add and remove.
TYPED_TEST(StressContract, GroupsAndScopesRunSideBySide)
{
    using F = TypeParam;
    std::array<std::deque<fate>, thread_count> fates;
    this->together([&](std::size_t t) {
        for (int i = 0; i < rounds / 4; ++i) {
            void* outer = F::open_group(this->owner, &fates[t]);
            EXPECT_EQ(&fates[t], outer);
            EXPECT_EQ(0, F::add_action(this->owner, &meet, &fates[t].emplace_back()));
            {
                devres_group_scope scope(this->owner);
                EXPECT_TRUE(scope);
                EXPECT_EQ(0, F::add_action(this->owner, &meet, &fates[t].emplace_back()));
                if (i % 2)
                    scope.commit();
            }
            F::close_group(this->owner, outer);
            (void)F::release_group(this->owner, outer);
            this->warnings.take(); // another thread's open group may have taken ours along
        }
    });
    this->warnings.take();
    checked_count(this->owner->devres);
    this->end();
    this->expect_all_met_once(fates);
}

// A9, C13: handles of callables too large for a slot, made, dropped and released by groups while others
// release everything.
TYPED_TEST(StressContract, HandlesOfLargeCallables)
{
    using F = TypeParam;
    struct large {
        std::array<char, 1500> bytes{};
        void operator()() const noexcept {}
    };
    this->together([&](std::size_t t) {
        auto* o = this->owner;
        for (int i = 0; i < 300; ++i) {
            void* group = t % 2 == 0 ? devres_open_group(this->head(), nullptr) : nullptr;
            std::array<devres_action, 4> handles;
            for (devres_action& handle : handles)
                EXPECT_EQ(0, F::add_action(o, large{}, &handle));
            if (group)
                (void)devres_release_group(this->head(), group);
            else if (i % 3 == 0)
                (void)devres_drain(this->head());
            handles = {};
        }
    });
    this->warnings.take(); // a drain may have taken a group
    checked_count(this->owner->devres);
    this->end();
    EXPECT_GE(8u, this->upstream.live_blocks());
}

} // namespace
