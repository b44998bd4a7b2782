// SPDX-License-Identifier: MIT
//
// Every allocation of a long probe fails in turn, once and from then on: A1, A2, A4, A5, A7, A8, A9, G1, C12.
//
// Each step must say whether it worked; one that did not has left nothing on the list. What did work is
// released at the end, once, in order, and the upstream gets everything back.
#include <array>
#include <cstring>
#include <functional>

#include "contract/contract.h"
#include "support/environment.h"

using namespace devres;
using namespace devres::test;

namespace {

template <std::size_t Size, std::size_t Align>
struct alignas(Align) bulky {
    explicit bulky(step* s) : mine(s) {}
    ~bulky() { record(mine); }
    bulky(const bulky&) = delete;
    bulky& operator=(const bulky&) = delete;
    step* mine;
    std::array<char, Size> bytes{};
};

template <std::size_t Size, std::size_t Align>
struct alignas(Align) bulky_callable {
    explicit bulky_callable(step* s) : mine(s) {}
    void operator()() const { record(mine); }
    step* mine;
    std::array<char, Size> bytes{};
};

template <class Family>
class OutOfMemoryContract : public contract<Family> {
public:
    // Runs one step. Returns: whether it worked. `lists`: how much is listed more then.
    bool attempt(std::size_t lists, const std::function<bool()>& what)
    {
        const std::size_t before = this->listed();
        const bool worked = what();
        EXPECT_EQ(before + (worked ? lists : 0), this->listed()) << "step " << attempts;
        ++attempts;
        return worked;
    }

    // As attempt(); if it works, the release of `s` is expected at the end.
    void attach(const std::string& name, const std::function<bool(step*)>& what)
    {
        step* s = this->make(name + " " + std::to_string(attempts));
        if (attempt(1, [&] { return what(s); }))
            expected.insert(expected.begin(), s->name);
    }

    template <class T>
    void attach_object()
    {
        attach("object", [this](step* s) { return Family::template create<T>(this->owner, s) != nullptr; });
    }

    void attach_memory(std::size_t size)
    {
        attempt(1, [&] {
            void* p = Family::kmalloc(this->owner, size);
            if (p)
                std::memset(p, 0xab, size);
            return p != nullptr;
        });
    }

    void probe()
    {
        devres_action handle;
        for (int round = 0; round < 3; ++round) {
            attach("action", [this](step* s) { return Family::add_action(this->owner, &record, s) == 0; });
            attach_memory(64);
            attach_memory(100000);
            attach_object<bulky<16, 8>>();
            attach_object<bulky<500, 256>>();
            attach_object<bulky<20000, 8>>();
            attach("callable", [this](step* s) {
                return Family::add_action(this->owner, bulky_callable<100, 8>(s)) == 0;
            });
            attach("large callable", [&, this](step* s) {
                devres_action fresh;
                const int err = Family::add_action(this->owner, bulky_callable<9000, 64>(s), &fresh);
                EXPECT_EQ(err == 0, static_cast<bool>(fresh));
                return err == 0;
            });
            attempt(1, [this] {
                const char* s = Family::kstrdup(this->owner, "a string");
                EXPECT_TRUE(!s || std::strcmp(s, "a string") == 0);
                return s != nullptr;
            });
            attempt(1, [this] {
                const std::string text(30000, 'x');
                const char* s = Family::kasprintf(this->owner, text.c_str(), 1);
                EXPECT_TRUE(!s || s == text + "-1");
                return s != nullptr;
            });
            grow();
            void* group = nullptr;
            if (attempt(1, [&] { return (group = Family::open_group(this->owner, nullptr)) != nullptr; })) {
                attach_memory(3000);
                step* s = this->make("in group");
                if (attempt(1, [&] { return Family::add_action(this->owner, &record, s) == 0; })) {
                    EXPECT_EQ(0, Family::remove_action(this->owner, &record, s)) << "needs no memory";
                }
                Family::remove_group(this->owner, group);
            }
        }
        reset();
    }

    // krealloc in three steps: null leaves the block and its contents.
    void grow()
    {
        char* p = nullptr;
        std::size_t size = 0;
        for (const std::size_t wanted : {std::size_t{24}, std::size_t{2500}, std::size_t{150000}}) {
            attempt(p ? 0 : 1, [&] {
                auto* q = static_cast<char*>(Family::krealloc(this->owner, p, wanted));
                if (p) {
                    EXPECT_EQ(std::string(size, 'g'), std::string(q ? q : p, size));
                }
                if (!q)
                    return false;
                p = q;
                size = wanted;
                std::memset(p, 'g', size);
                return true;
            });
        }
    }

    // add_action_or_reset runs the action now, or at the end.
    void reset()
    {
        step* s = this->make("or reset");
        if (attempt(1, [&] { return Family::add_action_or_reset(this->owner, &record, s) == 0; }))
            expected.insert(expected.begin(), s->name);
        else
            EXPECT_EQ(events{"or reset"}, this->log.take());
    }

    // Returns: whether an allocation failed.
    bool run(std::size_t nth, bool once)
    {
        SCOPED_TRACE((once ? "only allocation " : "from allocation ") + std::to_string(nth));
        this->owner = Family::make(&this->upstream);
        expected.clear();
        attempts = 0;
        if (once)
            this->upstream.fail_once(nth);
        else
            this->upstream.fail_from(nth);
        probe();
        EXPECT_EQ(events{}, this->log.take());
        const bool failed = this->upstream.failures() > 0;
        const events released = this->end(); // still without memory
        EXPECT_EQ(expected, released);
        EXPECT_EQ(0u, this->upstream.live_blocks());
        this->upstream.fail_no_more();
        return failed;
    }

    void run_all(bool once)
    {
        Family::end(std::exchange(this->owner, nullptr));
        std::size_t nth = 0;
        while (run(nth, once) && !this->HasFailure())
            ++nth;
        EXPECT_GT(nth, 10u) << "the probe hardly allocates";
    }

    events expected;
    int attempts = 0;
};
TYPED_TEST_SUITE(OutOfMemoryContract, families, family_names);

TYPED_TEST(OutOfMemoryContract, AnyOneAllocationMayFail)
{
    this->run_all(true);
}

TYPED_TEST(OutOfMemoryContract, AllAllocationsMayFailFromAnyOneOn)
{
    this->run_all(false);
}

} // namespace
