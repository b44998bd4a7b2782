// SPDX-License-Identifier: MIT
//
// Collects the WARNs of one test, and fails the test if it did not take one of them.
//
// Thread safety: WARNs may come from any thread; captures are made and ended by the test's own thread.
#pragma once

#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <devres/diagnostics.h>

namespace devres::test {

class warn_capture {
public:
    warn_capture() : outer_(std::exchange(active(), this)), before_(devres_set_warn_handler(&receive)) {}
    ~warn_capture()
    {
        devres_set_warn_handler(before_);
        active() = outer_;
        for (const std::string& message : messages_)
            ADD_FAILURE() << "a WARN nobody expected: " << message;
    }
    warn_capture(const warn_capture&) = delete;
    warn_capture& operator=(const warn_capture&) = delete;

    // Everything reported since the last take.
    std::vector<std::string> take()
    {
        const std::lock_guard held(lock_);
        return std::exchange(messages_, {});
    }

    // The one message that must have been reported since the last take.
    std::string take_one()
    {
        const std::vector<std::string> all = take();
        EXPECT_EQ(1u, all.size()) << "exactly one WARN was expected";
        return all.empty() ? std::string() : all.back();
    }

private:
    static warn_capture*& active()
    {
        static warn_capture* current = nullptr;
        return current;
    }

    static void receive(const char* message)
    {
        warn_capture* self = active();
        const std::lock_guard held(self->lock_);
        self->messages_.emplace_back(message);
    }

    std::mutex lock_;
    std::vector<std::string> messages_;
    warn_capture* outer_;
    devres_warn_handler before_;
};

} // namespace devres::test
