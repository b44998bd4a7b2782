// SPDX-License-Identifier: MIT
//
// revocable<T>: an object that can be taken away while others may be using it.
//
// After Rust-for-Linux's Revocable<T>: try_access() gives a guard or nothing, revoke() lets nobody in any
// more, waits for those inside, and destroys the object.
//
// Thread safety: every member may be called by any thread at any time; the revocable itself must outlive the
// calls, but not the guards' leaving.
// Invariants
// 1. While a guard lives, the T lives (V1).
// 2. Readers write only memory of their own thread, and may sleep and nest without limit (V2, V7).
// 3. A wait is for readers of this object alone (V3).
// Cost: try_access and the guard's end about a nanosecond, no locked instruction and no call; revoke one
// process-wide barrier (microseconds) and the wait.
// Signals, fork and thread end: see devres_core/README.md.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>

#include <devres/detail/construct.h>
#include <devres/detail/revocation.h>
#include <devres/detail/type_name.h>
#include <devres/env/thread.h>

namespace devres {

// revoke(nowait) closes and returns; the object is destroyed when nobody is inside any more.
struct nowait_t {
    explicit nowait_t() = default;
};
inline constexpr nowait_t nowait{};

// Inside a revocable object: the T lives as long as this does. Belongs to the thread that took it; to end on
// another one it must go through detach(). Empty if the object was revoked.
template <class T>
class [[nodiscard]] revocable_guard {
public:
    revocable_guard() noexcept = default;
    revocable_guard(revocable_guard&& other) noexcept
        : object_(std::exchange(other.object_, nullptr)), slot_(std::exchange(other.slot_, nullptr))
    {
    }
    // Ends the guard that was here; moving to itself changes nothing.
    revocable_guard& operator=(revocable_guard&& other) noexcept
    {
        revocable_guard taken(std::move(other));
        std::swap(object_, taken.object_);
        std::swap(slot_, taken.slot_);
        return *this;
    }
    [[gnu::always_inline]] ~revocable_guard()
    {
        if (slot_)
            detail::leave(slot_);
    }

    explicit operator bool() const noexcept { return slot_ != nullptr; }
    T* get() const noexcept { return object_; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }

    // A guard that may be moved to, and end on, any thread. A revoke waits for it, but a self-revoke under it
    // is not detected (V5). Leaves this one empty. Cost: some nanoseconds; rarely a process-wide lock.
    revocable_guard detach() noexcept
    {
        revocable_guard moved;
        if (slot_) {
            moved.slot_ = detail::detach(std::exchange(slot_, nullptr));
            moved.object_ = std::exchange(object_, nullptr);
        }
        return moved;
    }

private:
    template <class>
    friend class revocable;
    template <class>
    friend class devres_ptr;
    [[gnu::always_inline]] revocable_guard(T* object, detail::reader_slot* slot) noexcept
        : object_(object), slot_(slot)
    {
    }

    T* object_ = nullptr;
    detail::reader_slot* slot_ = nullptr;
};

namespace detail {

class wait_clock;

// try_access_with's result: true/false for a void function, else an optional.
template <class F, class T>
auto access_with(revocable_guard<T> guard, F&& f)
{
    using result = std::invoke_result_t<F, T&>;
    if constexpr (std::is_void_v<result>) {
        if (!guard)
            return false;
        std::forward<F>(f)(*guard);
        return true;
    } else {
        using value = std::optional<std::decay_t<result>>;
        return guard ? value(std::forward<F>(f)(*guard)) : value();
    }
}

// The life of a revocable object, apart from its type. Everything but the fast path is compiled.
//
//   life    | meaning                     | becomes | by whom, how
//   live    | nobody destroys the T       | claimed | who wins claim(): compare and swap
//           |                             | dead    | gone() of who destroys it by another right (below)
//   claimed | one caller has the right to | live    | give_up_claim() of that caller: compare and swap, since
//           |                             |         | meanwhile
//           | destroy the T, and may be   |         | somebody with another right may have made it dead
//           | waiting for readers         | dead    | gone() of that caller, or of one with another right
//   dead    | the T is destroyed          | -       | nobody brings it back
//
// gone() is a release store after the T was destroyed, and is_gone() an acquire load: who sees `dead` may
// free the memory. Both compare-and-swaps are acquire and release: the next claimant sees what the former one
// did. The other right is a container's place on its owner's list: the pass that takes it off the list
// destroys the T whoever has claimed it, and who has claimed it finds out by that list before it touches the
// T.
class revocable_state {
public:
    enum class outcome { done, lost, inside };

    const gate& object() const noexcept { return gate_; }
    bool is_revoked() const noexcept { return !gate_.is_open(); }
    bool is_gone() const noexcept { return life_.load(std::memory_order_acquire) == dead; }

    // Closes, waits, and says whether this caller is to destroy the object (`done`); it must call gone()
    // after that. Messages are in the name of `function`, and name `owner` and `what` (a type or a name)
    // where they are not null.
    outcome begin_revoke(source_place where, const char* function = "revoke", devres_head* owner = nullptr,
                         const char* what = nullptr) noexcept;
    // The same without waiting; `lost` also if somebody is inside.
    outcome begin_revoke_nowait() noexcept;
    // At the end of the owner: true if the object still lives and nobody else will destroy it.
    outcome begin_destroy(source_place where, const char* what = nullptr) noexcept;
    void gone() noexcept;

    // The pieces, for containers that an owner's release ends as well: one caller claims the right to
    // destroy.
    void close() noexcept { gate_.close(); }
    bool claim() noexcept;
    // Claims it as soon as nobody else has it; false if that one destroyed it. Messages as begin_revoke().
    bool claim_or_wait(const char* function = "revoke", devres_head* owner = nullptr,
                       const char* what = nullptr) noexcept;
    // Requires: claimed by the caller. Changes nothing if the object is gone meanwhile.
    void give_up_claim() noexcept;
    void wait_until_gone(const char* function, devres_head* owner, const char* what) noexcept;

private:
    enum : std::uint32_t { live, claimed, dead };
    void sleep_while(std::uint32_t now, wait_clock& clock, const char* function, devres_head* owner,
                     const char* what) noexcept;

    gate gate_;
    std::atomic<std::uint32_t> life_{live};
};

} // namespace detail

template <class T>
class revocable {
public:
    using guard = revocable_guard<T>;

    // Makes the T from `args`.
    template <class... Args>
        requires detail::can_be_made_from<T, Args...>
    explicit revocable(Args&&... args)
    {
        detail::construct_at<T>(__builtin_addressof(object_), std::forward<Args>(args)...);
    }
    revocable(const revocable&) = delete;
    revocable& operator=(const revocable&) = delete;

    // Revokes if nobody has, and waits for those inside. Destroyed from inside its own guard: BUG.
    ~revocable()
    {
        if (state_.begin_destroy({}, detail::type_name<T>) == detail::revocable_state::outcome::done)
            destroy();
    }

    // Returns: a guard; an empty one if revoked.
    [[gnu::always_inline]] guard try_access(const char* file = __builtin_FILE(),
                                            int line = __builtin_LINE()) const noexcept
    {
        detail::reader_slot* slot = detail::try_enter(state_.object(), {file, line});
        return slot ? guard(__builtin_addressof(object_), slot) : guard();
    }

    // Calls f(T&) inside a guard.
    // Returns: what f returned as an optional, empty if revoked; true/false if f returns nothing.
    template <std::invocable<T&> F>
    auto try_access_with(F&& f, const char* file = __builtin_FILE(), int line = __builtin_LINE()) const
    {
        return detail::access_with(try_access(file, line), std::forward<F>(f));
    }

    // Closes, waits for those inside, destroys the T.
    // Returns: true for the one caller who did it. Others return false when the T is gone, or at once inside
    //          a release callback. From inside a guard of this object: WARN and false, nothing changed (V5).
    bool revoke(const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept
    {
        return finish(state_.begin_revoke({file, line}, "revoke", nullptr, detail::type_name<T>));
    }

    // Closes and never waits: if somebody is inside, the T is destroyed by a later revoke() or the
    // destructor.
    // Returns: true if this caller destroyed the T.
    bool revoke(nowait_t) noexcept { return finish(state_.begin_revoke_nowait()); }

    bool is_revoked() const noexcept { return state_.is_revoked(); }

private:
    bool finish(detail::revocable_state::outcome how) noexcept
    {
        if (how != detail::revocable_state::outcome::done)
            return false;
        destroy();
        return true;
    }

    void destroy() noexcept
    {
        {
            detail::release_scope releasing;
            object_.~T();
        }
        state_.gone();
    }

    detail::revocable_state state_;
    union {
        mutable std::remove_const_t<T> object_; // destroyed by destroy(), exactly once
    };
};

} // namespace devres
