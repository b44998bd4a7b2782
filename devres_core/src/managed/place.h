// SPDX-License-Identifier: MIT
//
// A place for something that is being made: memory that nobody else may release or free until it is whole.
//
// The making thread has joined the head while a place lives. The table "A place" in src/list/README.md says
// who may do what with it; commit() and give_up() follow its rows.
#pragma once

#include "managed/known.h"

namespace devres::detail {

class place {
public:
    enum class listing : bool { now, later };

    place(const char* function, listing when) noexcept
        : presence_(pass::kind::constructing), function_(function), listed_(when == listing::now)
    {
    }
    // What was taken and not committed is given up.
    ~place()
    {
        if (res_)
            give_up();
    }
    place(const place&) = delete;
    place& operator=(const place&) = delete;

    // Takes memory for what `shape` says; the life it starts with is the place's to say.
    // Returns: false on no memory.
    bool take(devres_head* head, const resource_ops* ops, resource_shape shape,
              const allocation_request& request) noexcept;
    // The same, shared with a handle.
    bool take_shared(devres_head* head, const resource_ops* ops, std::size_t size,
                     std::size_t align) noexcept;

    resource* res() const noexcept { return res_; }
    void* memory() const noexcept { return res_->payload(); }

    // Puts a place that is not listed yet right behind `old`, and claims that.
    void replace_locked(devres_head* head, resource* old) noexcept DEVRES_REQUIRES(list_of(head));
    // What was replaced is not looked at any more. Its memory is given back when the place is committed or
    // given up.
    void discard_replaced() noexcept;

    // What was made is whole.
    // Returns: the resource, a live one from now on; null if it was released while it was being made: then it
    //          has been destroyed.
    resource* commit() noexcept;
    // Making it failed: nothing is left behind.
    void give_up() noexcept;

private:
    pass presence_;
    resource* res_ = nullptr;
    const char* const function_;
    bool listed_;
};

} // namespace devres::detail
