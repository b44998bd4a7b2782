// SPDX-License-Identifier: MIT
//
// devres_ptr<T>: a device resource that is taken away at unbind, whoever still holds a handle.
//
// After Rust-for-Linux's Devres<T>. create() makes the T and attaches it to the binding; try_access() gives a
// guard or nothing; at unbind all containers of the binding are closed with one wait and each T is destroyed
// at its own place in the order. Handles are shared (copies refer to the same T) and may outlive everything.
//
// Thread safety: distinct handles any thread at any time; one handle as a shared_ptr (concurrent const calls
// are fine). Guards: see revocable.h.
// Cost: try_access about a nanosecond, nothing shared is written. create one malloc and one attach. revoke
// one process-wide barrier and the wait for readers of this T alone.
#pragma once

#include <cerrno>
#include <concepts>
#include <new>
#include <type_traits>
#include <utility>

#include <devres/detail/binding.h>
#include <devres/device.h>
#include <devres/devm.h>
#include <devres/revocable.h>

namespace devres {

namespace detail {

struct container_block;

// What differs between containers of different types.
struct container_ops {
    const char* name;                                 // of T, for messages
    void (*destroy)(container_block* block) noexcept; // destroys the T
    void (*free)(container_block* block) noexcept;    // deletes the block
};

// One container, apart from its type. The last handle frees it if its T is gone, which is the last that the
// device's list does to it; else the binding, when it ends. So what unbind does to each costs no locked
// instruction.
struct container_block : devres_node, binding_leftover {
    container_block(binding* owner, const container_ops* ops) noexcept;
    ~container_block();
    container_block(const container_block&) = delete;
    container_block& operator=(const container_block&) = delete;

    // Attaches to the binding's device. Returns: 0 or -ENODEV if the binding is closed.
    int attach(const bound_device& dev) noexcept;
    // Early end, waiting or not. Returns: true if this call destroyed the T.
    bool revoke(source_place where) noexcept;
    bool revoke_nowait() noexcept;
    // The last handle is gone.
    void drop() noexcept;
    // Nobody will look at it any more.
    void free() noexcept;

    binding* const owner;
    const container_ops* const ops;
    revocable_state state;
    std::atomic<int> handles{1};

private:
    static void release(devres_head* head, devres_node* node);
    void destroy_object() noexcept;
    void lose_object() noexcept;
    bool end_early() noexcept;
    bool revoke_for(devres_head* head, source_place where) noexcept;

    std::atomic<const void*> ended_early_by{nullptr}; // the thread that claimed it before unbind did
    bool lost = false;                                // written before `state` is gone, read after that
};

template <class T>
struct typed_container : container_block {
    template <class... Args>
    explicit typed_container(binding* of, Args&&... args) : container_block(of, &typed_ops)
    {
        construct_at<T>(__builtin_addressof(object), std::forward<Args>(args)...);
    }
    ~typed_container() {}

    // SAFETY: only blocks of this type get these functions.
    static void destroy_typed(container_block* b) noexcept { static_cast<typed_container*>(b)->object.~T(); }
    static void free_typed(container_block* b) noexcept { delete static_cast<typed_container*>(b); }
    static constexpr container_ops typed_ops{type_name<T>, &destroy_typed, &free_typed};

    union {
        std::remove_const_t<T> object;
    };
};

} // namespace detail

template <class T>
class devres_ptr {
public:
    using guard = revocable_guard<T>;

    devres_ptr() noexcept = default;
    devres_ptr(const devres_ptr& other) noexcept : block_(other.block_)
    {
        if (block_)
            block_->handles.fetch_add(1, std::memory_order_relaxed);
    }
    devres_ptr(devres_ptr&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
    devres_ptr& operator=(devres_ptr other) noexcept
    {
        std::swap(block_, other.block_);
        return *this;
    }
    // The last handle of a T ends it early: its place on the device's list is given up and T destroyed,
    // unless somebody is inside (then at unbind). Never waits for readers (V1, V8).
    ~devres_ptr()
    {
        if (block_ && block_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1)
            block_->drop();
    }

    // Makes a T from `args` and attaches it to the binding.
    // Returns:  0; -ENOMEM; -ENODEV if the binding is closed (V4). `*out` is changed only on success.
    // A constructor that throws leaves nothing behind. Without exceptions do what may fail first, and move
    // the result in.
    template <class... Args>
    [[nodiscard]] static int create(const bound_device& dev, devres_ptr* out, Args&&... args)
    {
        auto* block = new (std::nothrow)
            detail::typed_container<T>(detail::device_core::binding_of(dev), std::forward<Args>(args)...);
        if (!block)
            return -ENOMEM;
        devres_ptr made;
        made.block_ = block;
        const int err = block->attach(dev);
        if (!err)
            *out = std::move(made);
        return err;
    }

    // Returns: a guard; an empty one if the handle is empty, T revoked, or the device being unbound.
    [[gnu::always_inline]] guard try_access(const char* file = __builtin_FILE(),
                                            int line = __builtin_LINE()) const noexcept
    {
        if (!block_)
            return {};
        detail::reader_slot* slot =
            detail::try_enter(block_->owner->domain(), block_->state.object(), {file, line});
        return slot ? guard(__builtin_addressof(block_->object), slot) : guard();
    }

    // Calls f(T&) inside a guard.
    // Returns: what f returned as an optional, empty if revoked; true/false if f returns nothing.
    template <std::invocable<T&> F>
    auto try_access_with(F&& f, const char* file = __builtin_FILE(), int line = __builtin_LINE()) const
    {
        return detail::access_with(try_access(file, line), std::forward<F>(f));
    }

    // With the proof of the same binding: the T without a guard and without a store, as long as it lives,
    // also while unbind releases; else null (V9).
    T* access(const bound_device& dev) const noexcept
    {
        if (!block_ || detail::device_core::binding_of(dev) != block_->owner || block_->state.is_gone())
            return nullptr;
        return __builtin_addressof(block_->object);
    }

    // Ends the T now: unlinked from the device, waited for readers of this T, destroyed.
    // Returns: true for the one caller who did it; else false, when T is gone (at once inside a release
    //          callback, an unmap hook, or a guard of anything else, for which that caller may be waiting).
    //          From inside a guard of the same T: WARN naming device, T and both places, and false; nothing
    //          changed (V5).
    bool revoke(const char* file = __builtin_FILE(), int line = __builtin_LINE()) noexcept
    {
        const devres_ptr keep(*this); // a WARN handler may reset this handle while it waits
        return keep.block_ && keep.block_->revoke({file, line});
    }
    bool revoke(nowait_t) noexcept { return block_ && block_->revoke_nowait(); }

    bool is_revoked() const noexcept
    {
        return !block_ || block_->state.is_revoked() || !block_->owner->domain().is_open();
    }

    // The device of the binding; null when empty or once unbind is over. No reference is taken.
    struct device* device() const noexcept { return block_ ? block_->owner->peek_device() : nullptr; }

    explicit operator bool() const noexcept { return block_ != nullptr; }
    // Gives up this handle, as its destructor would.
    void reset() noexcept { *this = devres_ptr(); }

private:
    detail::typed_container<T>* block_ = nullptr;
};

} // namespace devres
