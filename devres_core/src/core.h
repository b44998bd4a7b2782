// SPDX-License-Identifier: MIT
//
// The compiled core's way into a head: its list, its lock, its memory.
//
// Thread safety: functions ending in _locked need the head's lock.
#pragma once

#include <limits>

#include <devres/detail/attach.h>
#include <devres/detail/thread.h>
#include <devres/devres.h>

#include "arena.h"
#include "index.h"
#include "large_block.h"
#include "raw_resource.h"
#include "state.h"
#include "warn.h"

namespace devres::detail {

struct no_fill {
    void operator()(void*) const noexcept {}
};

struct core {
    // The head's lock, held to the end of the scope.
    class DEVRES_SCOPED_CAPABILITY [[nodiscard]] guard {
    public:
        guard(devres_head* head, const char* function) noexcept DEVRES_ACQUIRE(head->lock_);
        ~guard() DEVRES_RELEASE() { lock_.release(mode_); }
        guard(const guard&) = delete;
        guard& operator=(const guard&) = delete;

    private:
        biased_lock& lock_;
        lock_mode mode_;
    };
    // The same if it costs nothing, being biased to this thread; else it is not held, and the caller does it
    // another way.
    class DEVRES_SCOPED_CAPABILITY [[nodiscard]] quick_guard {
    public:
        explicit quick_guard(devres_head* head) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
            : lock_(head->lock_),
              held_(lock_.try_acquire_biased())
        {
        }
        ~quick_guard() DEVRES_NO_THREAD_SAFETY_ANALYSIS
        {
            if (held_) [[likely]]
                lock_.release_biased();
        }
        quick_guard(const quick_guard&) = delete;
        quick_guard& operator=(const quick_guard&) = delete;

        explicit operator bool() const noexcept { return held_; }

        // It cannot be done under this guard: lets go, for the caller to take the lock the other way at once.
        bool fail() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
        {
            if (held_)
                lock_.release_to_retry();
            held_ = false;
            return false;
        }

    private:
        biased_lock& lock_;
        bool held_;
    };

    // The same around match and for_each callbacks: one that comes back to this head finds the lock taken by
    // its own thread, which is reported instead of hanging (C2).
    class DEVRES_SCOPED_CAPABILITY [[nodiscard]] callback_guard {
    public:
        callback_guard(devres_head* head, const char* function) noexcept DEVRES_ACQUIRE(head->lock_);
        ~callback_guard() DEVRES_RELEASE();
        callback_guard(const callback_guard&) = delete;
        callback_guard& operator=(const callback_guard&) = delete;

        // True if this thread is in a callback under the lock of a head that `is`.
        template <class Is>
        static bool any(Is is) noexcept
        {
            for (const callback_guard* g = innermost; g; g = g->outer_)
                if (is(g->head_))
                    return true;
            return false;
        }

    private:
        static constinit thread_local const callback_guard* innermost;

        devres_head* head_;
        const callback_guard* outer_ = innermost;
    };

    // BUG if this thread is in a match or for_each callback of `head` (C2).
    static void reject_callback(const devres_head* head, const char* function) noexcept;
    // Not biased to this thread, or called back from under the lock.
    static void acquire_slow(devres_head* head, const char* function) noexcept DEVRES_ACQUIRE(head->lock_);

    // --- The list ---

    static bool empty_locked(const devres_head* head) noexcept DEVRES_REQUIRES(head->lock_)
    {
        return head->list_.next == &head->list_;
    }

    static void link_locked(devres_head* head, resource* res, state_word state) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        state.with_epoch(head->epoch_).store(res);
        links* newest = head->list_.prev;
        res->next = &head->list_;
        res->prev = newest;
        newest->next = res;
        head->list_.prev = res;
        if (head->index_) [[unlikely]]
            index_new_locked(head, res);
    }

    static void unchain_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(head->lock_)
    {
        static_cast<void>(head);
        res->next->prev = res->prev;
        res->prev->next = res->next;
    }
    // Takes it off the list and leaves its state alone.
    static void unlink_only_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(head->lock_)
    {
        if (head->index_) [[unlikely]]
            head->index_->erase_locked(res);
        unchain_locked(head, res);
    }

    // Takes it off the list. Its life is then `after`.
    static void unlink_locked(devres_head* head, resource* res, life after) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        unlink_only_locked(head, res);
        set_life(res, after);
    }

    // Puts `res` right behind (newer than) `older`.
    static void link_behind_locked(devres_head* head, resource* res, resource* older) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        state_word::of(res).with_epoch(head->epoch_).store(res);
        res->prev = older;
        res->next = older->next;
        older->next->prev = res;
        older->next = res;
        // While the index fills it may have come past this place: then it is of no use, and the next removal
        // makes another.
        if (head->index_ && !head->index_->complete()) [[unlikely]]
            head->index_->spoil();
        else if (head->index_) [[unlikely]]
            index_new_locked(head, res);
    }

    enum class listing : bool { now, later }; // later: link_behind_locked will put it on the list
    static void link_if(listing when, devres_head* head, resource* res, state_word state) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        if (when == listing::now) [[likely]]
            link_locked(head, res, state);
        else
            state.store(res);
    }

    // True if it is on the list now, not in a pass that has detached it.
    static bool is_listed_locked(const devres_head* head, const resource* res) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        const state_word s = state_word::of(res);
        return s.where() == life::listed && is_current_locked(head, s);
    }
    static bool is_current_locked(const devres_head* head, state_word s) noexcept DEVRES_REQUIRES(head->lock_)
    {
        return s.is_of_epoch(head->epoch_);
    }

    // Everything on the list, newest first, linked by prev up to null; the list is then empty.
    // The index has lost its meaning: it is handed back to be destroyed without the lock.
    static resource* detach_all_locked(devres_head* head, index** stale) noexcept
        DEVRES_REQUIRES(head->lock_);

    // --- Memory ---

    // Memory on its way to a head: asked for under the lock, fetched without it, handed over under it.
    class supply {
    public:
        supply(devres_head* head, unsigned size_class) noexcept : head_(head), size_class_(size_class) {}
        ~supply()
        {
            if (arena_ || block_) [[unlikely]]
                give_back();
        }
        supply(const supply&) = delete;
        supply& operator=(const supply&) = delete;

        // What it takes for a slot of that class.
        void ask_locked() noexcept;
        // False: no memory.
        bool fetch() noexcept;
        // What was fetched, if it is still wanted.
        void hand_over_locked() noexcept;

    private:
        void give_back() noexcept;

        devres_head* head_;
        unsigned size_class_;
        std::size_t wanted_ = 0; // bytes of a block; 0: an arena
        arena* arena_ = nullptr;
        block* block_ = nullptr;
    };

    // Attaches a one-step resource of `size` bytes (slot or large block). Before it is linked, under the
    // lock, `init` fills in what others could look at, and `fill` the payload (for a large block before the
    // lock is taken). Null on no memory.
    template <class Init, class Fill = no_fill>
    static resource* attach(devres_head* head, const resource_ops* ops, std::size_t size, std::size_t align,
                            state_word born, const char* function, Init init, listing when = listing::now,
                            Fill fill = {}) noexcept;

    // What attach() mostly comes to: the lock biased to this thread, a slot at hand, no index. No call and no
    // locked instruction. `size_field` is what the header says as size.
    // Returns: null, with nothing done, if it is not so; attach() will do it.
    template <class Fill>
    static resource* attach_quickly(devres_head* head, const resource_ops* ops, unsigned size_class,
                                    std::size_t size, std::size_t size_field, Fill fill) noexcept;

    // The same for freeing: unlinks the plain memory at `p`, if it is this head's, in a slot, and not the
    // last.
    // Returns: false, with nothing done, if it is not so.
    static bool free_quickly(devres_head* head, const void* p, const resource_ops* ops) noexcept;
    // The resource in a slot at `p` if it is simply listed, of these ops, and not the last: what a look needs
    // not report. Else null, which says nothing.
    static resource* listed_slot_at_locked(const devres_head* head, const void* p,
                                           const resource_ops* ops) noexcept DEVRES_REQUIRES(head->lock_);
    // And for an action that the index has.
    static bool remove_quickly(devres_head* head, const index_key& action) noexcept;
    // Takes off list and index the action of that key, if the index has it and no other is equal to it. Else
    // null.
    static resource* take_only_locked(devres_head* head, const index_key& action) noexcept
        DEVRES_REQUIRES(head->lock_)
    {
        resource* res =
            head->index_ && head->index_->usable() ? head->index_->take_only_locked(action) : nullptr;
        if (res) [[likely]]
            unchain_locked(head, res);
        return res;
    }

    static index* take_index_locked(devres_head* head) noexcept DEVRES_REQUIRES(head->lock_)
    {
        index* taken = head->index_;
        head->index_ = nullptr;
        return taken;
    }
    static void index_new_locked(devres_head* head, resource* res) noexcept DEVRES_REQUIRES(head->lock_);

    // Calls work(res) under the lock with the newest listed resource of that key, or null.
    template <class Work>
    static void with_key(devres_head* head, const index_key& key, const char* function,
                         Work work) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
    {
        for (std::size_t most = index::worth_it;; most = std::numeric_limits<std::size_t>::max()) {
            std::size_t indexed = 0;
            {
                const guard held(head, function);
                resource* res = nullptr;
                if (find_key_locked(head, key, most, &res, &indexed)) {
                    work(res);
                    return;
                }
            }
            prepare_index(head, indexed, function);
        }
    }
    // The newest listed resource with that key, by index or by a scan of up to `most` resources.
    // Returns: false if that did not settle it; `indexed` of the resources it passed are found by key.
    static bool find_key_locked(devres_head* head, const index_key& key, std::size_t most, resource** res,
                                std::size_t* indexed) noexcept DEVRES_REQUIRES(head->lock_);
    // Makes or completes the index, without the lock but for short sections. Without memory there is none.
    // Its size is guessed from how many of the newest `index::worth_it` resources are `indexed`.
    static void prepare_index(devres_head* head, std::size_t indexed, const char* function) noexcept
        DEVRES_EXCLUDES(head->lock_);
    // --- Plain access ---

    static const devres_owner_ops* ops(const devres_head* head) noexcept { return head->ops_; }
    static std::pmr::memory_resource* upstream(const devres_head* head) noexcept { return head->upstream_; }
    static arena*& memory(devres_head* head) noexcept { return head->arena_; }
    static pass*& passes(devres_head* head) noexcept { return head->passes_; }
    static std::atomic<std::uint32_t>& ended(devres_head* head) noexcept { return head->ended_; }
    static links* list(devres_head* head) noexcept { return &head->list_; }

    static resource* res_of(devres_node* node) noexcept { return &node->res_; }
    static devres_node* node_of(resource* res) noexcept { return container_of<&devres_node::res_>(res); }
    static void init_node(devres_node* node, void (*release)(devres_head*, devres_node*),
                          const char* name) noexcept;
    static devres_head*& head_of(devres_node* node) noexcept { return node->head_; }
    static const char* name_of(const devres_node* node) noexcept { return node->name_; }
    static const void* code_of(const devres_node* node) noexcept;
    static void run_node(devres_head* head, resource* res);

    // For tests: walks both link directions and compares them and the count.
    // Returns: how many are listed, markers included; BUG if anything disagrees.
    static std::size_t check(const devres_head* head) noexcept;
};

[[gnu::always_inline]] inline core::guard::guard(devres_head* head, const char* function) noexcept
    : lock_(head->lock_)
{
    if (lock_.try_acquire_biased()) [[likely]] {
        mode_ = lock_mode::biased;
        return;
    }
    acquire_slow(head, function);
    mode_ = lock_mode::basic;
}

// --- Attaching in one step --------------------------------------------------------------------------------

template <class Init, class Fill>
inline resource* core::attach(devres_head* head, const resource_ops* ops, std::size_t size, std::size_t align,
                              state_word born, const char* function, Init init, listing when,
                              Fill fill) noexcept
{
    const unsigned size_class = align > alignof(std::max_align_t) ? arena::classes : arena::class_for(size);
    if (size_class == arena::classes) [[unlikely]] {
        resource* res = make_large(head->upstream_, size, align);
        if (!res)
            return nullptr;
        res->ops = ops;
        res->size = 0;
        fill(res->payload());
        supply more(head, 0);
        do {
            const guard held(head, function);
            more.hand_over_locked();
            if (head->arena_ || !born.pinned()) { // a handle finds its way through the arena
                init(res);
                link_if(when, head, res, born.at(place::large, 0));
                return res;
            }
            more.ask_locked();
        } while (more.fetch());
        free_large(res);
        return nullptr;
    }
    supply more(head, size_class);
    do {
        const guard held(head, function);
        more.hand_over_locked();
        arena* memory = head->arena_;
        if (void* slot = memory ? memory->take_locked(size_class, size) : nullptr) [[likely]] {
            auto* res = ::new (slot) resource{{nullptr, nullptr}, ops, static_cast<std::uint32_t>(size), 0};
            fill(res->payload());
            init(res);
            link_if(when, head, res, born.at(place::slot, size_class));
            return res;
        }
        more.ask_locked();
    } while (more.fetch());
    return nullptr;
}

template <class Fill>
[[gnu::always_inline]] inline resource*
core::attach_quickly(devres_head* head, const resource_ops* ops, unsigned size_class, std::size_t size,
                     std::size_t size_field, Fill fill) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    quick_guard held(head);
    arena* memory = held ? head->arena_ : nullptr;
    void* slot = memory && !head->index_ ? memory->take_locked(size_class, size) : nullptr;
    if (!slot) [[unlikely]] {
        held.fail();
        return nullptr;
    }
    links* newest = head->list_.prev;
    const state_word state = state_word::make(life::listed).at(place::slot, size_class);
    auto* res = ::new (slot) resource{{&head->list_, newest},
                                      ops,
                                      static_cast<std::uint32_t>(size_field),
                                      state.with_epoch(head->epoch_).bits()};
    fill(res->payload());
    newest->next = res;
    head->list_.prev = res;
    return res;
}

[[gnu::always_inline]] inline resource* core::listed_slot_at_locked(const devres_head* head, const void* p,
                                                                    const resource_ops* ops) noexcept
{
    const arena* memory = head->arena_;
    if (!memory || !memory->has_many_locked()) [[unlikely]]
        return nullptr;
    if (head->index_ && !head->index_->complete()) [[unlikely]]
        return nullptr; // what fills it may stand right here
    const state_word plain = state_word::make(life::listed).with_epoch(head->epoch_);
    resource* res = memory->marked_slot_at_locked(p);
    return res && res->ops == ops && state_word::of(res).equals_but_class(plain) ? res : nullptr;
}

[[gnu::always_inline]] inline bool
core::free_quickly(devres_head* head, const void* p,
                   const resource_ops* ops) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    quick_guard held(head);
    resource* res = held ? listed_slot_at_locked(head, p, ops) : nullptr;
    if (!res) [[unlikely]]
        return held.fail();
    unchain_locked(head, res);
    arena::retire(res);
    head->arena_->give_one_of_many_locked(res);
    return true;
}

[[gnu::always_inline]] inline bool
core::remove_quickly(devres_head* head, const index_key& action) noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS
{
    quick_guard held(head);
    if (!held || !head->arena_ || !head->arena_->has_many_locked()) [[unlikely]]
        return held.fail();
    resource* res = take_only_locked(head, action);
    if (!res) [[unlikely]]
        return held.fail();
    arena::retire(res);
    head->arena_->give_one_of_many_locked(res);
    return true;
}

} // namespace devres::detail
