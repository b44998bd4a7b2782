// SPDX-License-Identifier: MIT
//
// The end of an owner: releasing until nothing is left, whoever else is there. README.md of this folder has
// the table; look_locked() and end_locked() follow its rows.

#include "list/pass.h"
#include "list/two_step.h"

namespace devres {
namespace detail {

class owner_end {
public:
    enum class head_afterwards : bool { lives, ends };

    // Returns: how many resources were released.
    [[gnu::noinline]] static int run(devres_head* head, head_afterwards then, const char* function) noexcept
    {
        owner_end end(then, function);
        do {
            unused_memory unused;
            step next = look_again;
            {
                const guard held(head, function);
                next = end.look_locked(head, &unused);
            }
            if (unused)
                free_unused(end.mine_.source_, unused);
            if (next)
                (end.*next)();
        } while (end.mine_.head_); // null also if a callback has ended the owner, and with it the head
        end.mine_.free_left();
        return end.mine_.released_;
    }

private:
    owner_end(head_afterwards then, const char* function) noexcept : then_(then), function_(function) {}

    // What run() is to do without the lock before it looks again, if this pass has not left.
    using step = void (owner_end::*)() noexcept;
    static constexpr step look_again = nullptr;

    // Inlined into run(), which the compiler would not do by itself.
    [[gnu::always_inline]] step look_locked(devres_head* head, unused_memory* unused) noexcept
        DEVRES_REQUIRES(list_of(head))
    {
        if (!mine_.head_)
            mine_.join_locked(head);
        if (mine_.is_last_locked(head))
            return end_locked(head, unused);
        // An end on another thread may take the head's memory, and with it what this one has freed; and what
        // this one takes next has another epoch, while a pass can keep only one (C16).
        if (!mine_.freed_.empty()) {
            *unused = take_back_locked(head, mine_.freed_, false);
            if (!mine_.freed_.empty() || *unused)
                return look_again;
        }
        // What is on the list is newer than what a pass over everything has pending; one over a part of it
        // is finished first.
        const pass* outer = pending_outer();
        if (!list_of(head).empty_locked() && (!outer || outer->has_taken_all()))
            return take_locked(head);
        if (outer)
            return &owner_end::finish_outer;
        if (pass::is_busy_locked(head, mine_.thread_)) {
            mine_.wait_locked(head);
            return &owner_end::wait;
        }
        return end_locked(head, unused);
    }

    step take_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
    {
        const bool endless = mine_.attached_ && ++mine_.rounds_ >= devres_max_passes;
        mine_.attached_ = false;
        mine_.take_all_locked(head);
        if (!endless)
            return &owner_end::release;
        for (pass* p = &mine_; p && p->counts_; p = p->outer_) {
            p->rounds_ = devres_max_passes; // or each of them would begin the endless adding anew
            p->attached_ = false;           // and what was attached is gone
        }
        return &owner_end::cut_off;
    }

    step end_locked(devres_head* head, unused_memory* unused) noexcept DEVRES_REQUIRES(list_of(head))
    {
        // What a pass further down is just releasing lies in the head's memory, which therefore stays.
        if (!mine_.outer_) {
            *unused = {memory_of(head), mine_.freed_.blocks};
            memory_of(head) = nullptr;
            mine_.freed_ = {};
        }
        // A user's upstream may attach something, or be gone once this pass has left.
        if (*unused && mine_.source_)
            return look_again;
        if (then_ == head_afterwards::lives || dismiss_others_locked(head))
            mine_.leave_locked(head);
        return look_again;
    }

    // The head ends: passes of other threads that wait have nothing to wait for any more, and those of this
    // thread must not touch the head again.
    // Returns: false if a pass has stopped waiting, in order to report (V11), and will look at the head
    //          again.
    bool dismiss_others_locked(devres_head* head) noexcept DEVRES_REQUIRES(list_of(head))
    {
        for (pass** at = &passes_of(head); pass* p = *at;) {
            pass* next = p->next_; // a pass that is dismissed may be gone at once
            if (p->thread_ == mine_.thread_) {
                at = &p->next_;
            } else if (p->change(pass::waiting, pass::dismissed)) {
                env_wake(p->activity_);
                *at = next;
            } else {
                return false;
            }
        }
        for (pass* p = mine_.outer_; p; p = p->outer_) {
            p->head_ = nullptr;
            if (!p->outer_)
                p->kept_ = memory_of(head); // the outermost one, which is the last to need it
        }
        memory_of(head) = nullptr;
        return true;
    }

    // The innermost pass further down on this thread's stack that has something pending: in a callback of it
    // the owner ends.
    pass* pending_outer() const noexcept
    {
        pass* p = mine_.outer_;
        while (p && !p->pending_)
            p = p->outer_;
        return p;
    }

    void finish_outer() noexcept
    {
        pass* outer = pending_outer();
        // What its callbacks add counts as if this end were not between: else many of them that each drain
        // would be taken for one that adds for ever.
        mine_.rounds_ = outer->rounds_;
        const int before = outer->released_;
        outer->run(); // its own loop goes on after this one has emptied it
        mine_.released_ += outer->released_ - before;
    }

    void release() noexcept
    {
        if (then_ == head_afterwards::ends && !warned_) {
            warn(function_, mine_.head_, describe(mine_.pending_),
                 "still on a head that is being destroyed; released now");
            warned_ = true;
        }
        clock_ = {}; // to release is not to wait
        mine_.run();
    }

    void cut_off() noexcept
    {
        const description newest = describe(mine_.pending_);
        // Memory goes when nobody finds the head by any of them any more: an upstream may end the owner.
        resource* rest = nullptr;
        while (resource* res = mine_.pop()) {
            const resource_state state = resource_state::of(res);
            if (state.life() == life_state::constructing && mine_.abandon(res))
                continue;
            if (res->ops->quiesce)
                res->ops->quiesce(mine_.head_, res);
            if (state.storage() == storage_kind::callers) {
                set_life(res, life_state::idle);
                continue;
            }
            if (state.storage() == storage_kind::shared)
                hide_from_handle(res);
            res->prev = rest;
            rest = res;
        }
        while (resource* res = rest) {
            rest = static_cast<resource*>(res->prev);
            mine_.discard(res);
        }
        // Once, also if the handler itself attaches and drains: else it would be told for ever.
        if (mine_.told_)
            return;
        mine_.told_ = true;
        warn(function_, mine_.head_, newest,
             "still being added after %d passes; the rest was freed without being released, and the captures "
             "of callables and the objects in it were not destroyed",
             devres_max_passes);
    }

    void wait() noexcept
    {
        while (mine_.is(pass::waiting)) {
            if (!env_wait(mine_.activity_, pass::waiting, clock_))
                continue;
            // Only an active pass may name the owner: nobody ends the head before it has looked again.
            if (mine_.change(pass::waiting, pass::active))
                warn(
                    function_, mine_.head_,
                    "has waited %lu ms for another thread that is still releasing or constructing a resource",
                    clock_.milliseconds());
        }
        if (mine_.is(pass::dismissed))
            mine_.head_ = nullptr;
    }

    pass mine_;
    const head_afterwards then_;
    bool warned_ = false;
    const char* const function_;
    wait_clock clock_;
};

} // namespace detail

using namespace detail;

int devres_drain(devres_head* head) noexcept
{
    return owner_end::run(head, owner_end::head_afterwards::lives, "devres_drain");
}

devres_head::~devres_head()
{
    // Mostly it has been drained, and nobody is left. The lock is taken all the same: another thread may be
    // taking the last resource by a handle, and a pass that has just left may not have released the lock yet.
    {
        const guard held(this, "~devres_head");
        if (list_.empty_locked() && !passes_ && !memory_)
            return;
    }
    owner_end::run(this, owner_end::head_afterwards::ends, "~devres_head");
}

} // namespace devres
