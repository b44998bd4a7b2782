// SPDX-License-Identifier: MIT
//
// What the drm tests share: a driver whose hooks are what the test says, and a drm_device that knows its end.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include <devres/drm_managed.h>

#include "support/event_log.h"
#include "support/threads.h"

namespace devres::test {

// One driver with all its hooks; a test sets those that it wants.
struct scripted_driver : drm_driver {
    struct hooks {
        std::function<void(drm_device*)> release;
        std::function<int(drm_device*, drm_file*)> open;
        std::function<void(drm_device*, drm_file*)> postclose;
        std::function<void(drm_device*, drm_file*)> unmap;
        std::function<int(drm_device*, unsigned long)> load;
        std::function<long(drm_device*, void*, drm_file*)> plain;
        std::function<long(const drm_dev_guard&, void*, drm_file*)> guarded;
    };
    hooks on;

    enum command : unsigned { plain, guarded, empty, count };

    scripted_driver() : drm_driver{}
    {
        name = "scripted";
        drm_driver::release = [](drm_device* drm) { call<void>(of(drm)->on.release, drm); };
        drm_driver::open = [](drm_device* drm, drm_file* file) {
            return call<int>(of(drm)->on.open, drm, file);
        };
        drm_driver::postclose = [](drm_device* drm, drm_file* file) {
            call<void>(of(drm)->on.postclose, drm, file);
        };
        drm_driver::unmap = [](drm_device* drm, drm_file* file) { call<void>(of(drm)->on.unmap, drm, file); };
        drm_driver::load = [](drm_device* drm, unsigned long flags) {
            return call<int>(of(drm)->on.load, drm, flags);
        };
        ioctls = table;
        num_ioctls = count;
    }
    scripted_driver(const scripted_driver&) = delete;

private:
    static const scripted_driver* of(drm_device* drm)
    {
        return static_cast<const scripted_driver*>(drm->driver);
    }

    template <class R, class F, class... Args>
    static R call(const F& f, Args&&... args)
    {
        return f ? f(std::forward<Args>(args)...) : R();
    }

    static long run_plain(drm_device* drm, void* arg, drm_file* file)
    {
        return call<long>(of(drm)->on.plain, drm, arg, file);
    }
    static long run_guarded(const drm_dev_guard& inside, void* arg, drm_file* file)
    {
        return call<long>(of(inside.device())->on.guarded, inside, arg, file);
    }
    static constexpr drm_ioctl_desc table[count] = {
        {"plain", &run_plain, nullptr},
        {"guarded", nullptr, &run_guarded},
        {"empty", nullptr, nullptr},
    };
};

struct logged_drm : drm_device {
    explicit logged_drm(event_log* l) : log(l) {}
    ~logged_drm() { log->add("~T"); }
    event_log* log;
};

// An open file as a scope.
class client {
public:
    explicit client(drm_device* drm) : error_(drm_open(drm, &file_)) {}
    ~client() { close(); }
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    int error() const { return error_; }
    drm_file* file() const { return file_; }
    long ioctl(unsigned cmd, void* arg = nullptr) { return drm_ioctl(file_, cmd, arg); }
    void close()
    {
        drm_close(file_);
        file_ = nullptr;
    }

private:
    drm_file* file_ = nullptr;
    int error_;
};

// A thread inside the section until somebody unplugs, who waits for it; then it calls `meanwhile`.
class inside_until_unplugged {
public:
    template <class Meanwhile>
    inside_until_unplugged(drm_device* drm, Meanwhile meanwhile)
        : thread_([this, drm, meanwhile] {
              const drm_dev_guard guard(drm);
              inside_.open();
              while (!drm_dev_is_unplugged(drm))
                  std::this_thread::yield();
              meanwhile();
          })
    {
        inside_.pass();
    }
    ~inside_until_unplugged() { thread_.join(); }
    inside_until_unplugged(const inside_until_unplugged&) = delete;
    inside_until_unplugged& operator=(const inside_until_unplugged&) = delete;

private:
    doorway inside_;
    std::thread thread_;
};

} // namespace devres::test
