// SPDX-License-Identifier: MIT
//
// Everything at once: several owners, threads that enter, leave, nest, detach, open, close and call, and
// threads that bind, revoke, drop, unplug and unbind (V1 to V9, D3, D6, M5, M7). Schedules differ by seed;
// each run takes about a second. What is checked: nobody touches an object that is gone (ThreadSanitizer and
// AddressSanitizer see more of it), everything that was made is destroyed, and it ends.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <devres/devres_ptr.h>
#include <devres/drm_registration.h>

#include "device/scripted_device.h"
#include "drm/clients.h"
#include "revocation/tracked.h"
#include "support/effort.h"
#include "support/threads.h"
#include "support/warn_capture.h"

namespace devres::test {
namespace {

using handle = devres_ptr<tracked>;

// A handle that is replaced while others copy it.
class shared_handle {
public:
    handle copy() const
    {
        const std::lock_guard held(lock_);
        return handle_;
    }
    void set(handle h)
    {
        handle old;
        {
            const std::lock_guard held(lock_);
            old = std::move(handle_);
            handle_ = std::move(h);
        }
    }

private:
    mutable std::mutex lock_;
    handle handle_;
};

// The same for a drm_device, with a reference.
class shared_drm {
public:
    ~shared_drm() { set(nullptr); }
    drm_device* get() const
    {
        const std::lock_guard held(lock_);
        return drm_dev_get(drm_);
    }
    void set(drm_device* drm)
    {
        drm_dev_get(drm);
        drm_device* old = nullptr;
        {
            const std::lock_guard held(lock_);
            old = std::exchange(drm_, drm);
        }
        drm_dev_put(old);
    }

private:
    mutable std::mutex lock_;
    drm_device* drm_ = nullptr;
};

struct owner {
    static constexpr std::size_t containers = 4;

    tracking t;
    scripted_driver driver;
    shared_handle handles[containers];
    shared_drm drm;
    scripted_device dev;
    std::atomic<int> inside{0};

    owner()
    {
        driver.on.guarded = [this](const drm_dev_guard&, void* count, drm_file*) {
            ++inside;
            for (auto n = *static_cast<unsigned*>(count); n; --n)
                std::this_thread::yield();
            --inside;
            return 0L;
        };
        dev.on_probe = [this](const bound_device& b) {
            for (shared_handle& h : handles) {
                handle made;
                EXPECT_EQ(0, handle::create(b, &made, &t, 7));
                h.set(made);
            }
            auto* d = devm_drm_dev_alloc<drm_device>(b, &driver);
            EXPECT_EQ(0, drm_registration::create_owned_by_device(b, d));
            drm.set(d);
            return 0;
        };
    }
};

class stress {
public:
    stress(unsigned seed, std::size_t owners, std::chrono::milliseconds length) : seed_(seed)
    {
        for (std::size_t i = 0; i != owners; ++i)
            owners_.push_back(std::make_unique<owner>());
        end_ = std::chrono::steady_clock::now() + length;
    }

    void run()
    {
        std::vector<std::thread> threads;
        for (unsigned i = 0; i != 3; ++i)
            threads.emplace_back([this, i] { read(seed_ * 100 + i); });
        threads.emplace_back([this] { use_files(seed_ * 100 + 10); });
        for (unsigned i = 0; i != 2; ++i)
            threads.emplace_back([this, i] { end_things(seed_ * 100 + 20 + i); });
        for (std::thread& thread : threads)
            thread.join();
        for (auto& o : owners_) {
            EXPECT_EQ(0, o->dev.unbind());
            o->drm.set(nullptr); // the last one, which holds the device
            EXPECT_EQ(0, o->inside);
            for (shared_handle& h : o->handles)
                h.set({});
            EXPECT_EQ(o->t.made, o->t.destroyed);
        }
    }

private:
    using random_source = std::minstd_rand;

    bool over() const { return std::chrono::steady_clock::now() > end_; }
    owner& any_owner(random_source& random) { return *owners_[random() % owners_.size()]; }
    static void maybe_yield(random_source& random)
    {
        if (random() % 8 == 0)
            std::this_thread::yield();
    }

    void read(unsigned seed)
    {
        random_source random(seed);
        std::vector<handle::guard> held;
        while (!over()) {
            owner& o = any_owner(random);
            handle h = o.handles[random() % owner::containers].copy();
            auto guard = h.try_access();
            maybe_yield(random);
            if (guard) {
                EXPECT_EQ(7, guard->check());
            }
            if (random() % 4 == 0)
                held.push_back(random() % 4 ? std::move(guard) : guard.detach());
            if (held.size() > random() % 16) {
                for (const handle::guard& g : held)
                    if (g)
                        g->check();
                while (!held.empty()) { // in any order
                    std::swap(held[random() % held.size()], held.back());
                    held.pop_back();
                }
            }
        }
    }

    void use_files(unsigned seed)
    {
        random_source random(seed);
        while (!over()) {
            drm_device* drm = any_owner(random).drm.get();
            if (!drm)
                continue;
            {
                client c(drm);
                drm_dev_put(drm); // the file has its own
                if (!c.error()) {
                    unsigned length = random() % 3;
                    for (unsigned i = random() % 4; i; --i)
                        c.ioctl(scripted_driver::guarded, &length);
                    if (drm_dev_guard guard{c.file()->drm})
                        maybe_yield(random);
                }
            }
        }
    }

    void end_things(unsigned seed)
    {
        random_source random(seed);
        while (!over()) {
            owner& o = any_owner(random);
            handle h = o.handles[random() % owner::containers].copy();
            switch (random() % 8) {
            case 0:
                h.revoke();
                break;
            case 1:
                h.revoke(nowait);
                break;
            case 2:
                o.handles[random() % owner::containers].set({});
                break; // perhaps the last one
            case 3:
                if (drm_device* drm = o.drm.get()) {
                    EXPECT_EQ(0, drm_dev_unplug(drm));
                    drm_dev_put(drm);
                }
                break;
            case 4:
                EXPECT_EQ(0, o.dev.unbind());
                break;
            default: {
                const int err = o.dev.bind();
                EXPECT_TRUE(err == 0 || err == -EBUSY) << err;
                break;
            }
            }
            maybe_yield(random);
        }
    }

    const unsigned seed_;
    std::vector<std::unique_ptr<owner>> owners_;
    std::chrono::steady_clock::time_point end_;
};

class RevocationStressTest : public testing::TestWithParam<unsigned> {
protected:
    warn_capture warns;
};

TEST_P(RevocationStressTest, NobodyTouchesWhatIsGone)
{
    stress(GetParam(), 1 + GetParam() % 3, std::chrono::milliseconds(200 * effort())).run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RevocationStressTest, testing::Range(1u, 5u));

} // namespace
} // namespace devres::test
