// SPDX-License-Identifier: MIT
//
// Does something in the handler of the first wait that is reported to be long (V11).
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include <devres/diagnostics.h>

namespace devres::test {

// While it lives, waits are reported after five milliseconds, all WARNs but the first are dropped, and that
// one calls `what`. One at a time.
class at_first_long_wait {
public:
    explicit at_first_long_wait(std::function<void()> what)
        : what_(std::move(what)), limit_(devres_set_wait_warning(5))
    {
        active_ = this;
        before_ = devres_set_warn_handler(&receive);
    }
    ~at_first_long_wait()
    {
        devres_set_warn_handler(before_);
        devres_set_wait_warning(limit_);
    }
    at_first_long_wait(const at_first_long_wait&) = delete;
    at_first_long_wait& operator=(const at_first_long_wait&) = delete;

    bool has_come() const { return has_come_; }

private:
    static void receive(const char*)
    {
        if (!active_->has_come_.exchange(true))
            active_->what_();
    }

    static inline at_first_long_wait* active_ = nullptr;

    const std::function<void()> what_;
    std::atomic<bool> has_come_{false};
    unsigned limit_;
    devres_warn_handler before_ = nullptr;
};

} // namespace devres::test
