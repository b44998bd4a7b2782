// SPDX-License-Identifier: MIT

#include <devres/revocable.h>

#include <climits>

#include <devres/detail/report.h>
#include <devres/env/lock.h>
#include <devres/env/thread.h>

namespace devres::detail {

revocable_state::outcome revocable_state::begin_revoke(source_place where, const char* function,
                                                       devres_head* owner, const char* what) noexcept
{
    if (is_gone())
        return outcome::lost;
    const reader_set readers(gate_);
    if (warn_if_inside(function, owner, readers, where, what))
        return outcome::inside;
    gate_.close();
    if (release_scope::active() ? !claim() : !claim_or_wait(function, owner, what))
        return outcome::lost;
    const release_scope does_not_wait; // the WARN handler of a long wait, for this very revoke
    wait_for_readers(readers, function, owner, what);
    return outcome::done;
}

revocable_state::outcome revocable_state::begin_revoke_nowait() noexcept
{
    if (is_gone())
        return outcome::lost;
    gate_.close();
    if (!claim())
        return outcome::lost;
    if (!has_readers(reader_set(gate_)))
        return outcome::done;
    give_up_claim();
    return outcome::lost;
}

revocable_state::outcome revocable_state::begin_destroy(source_place where, const char* what) noexcept
{
    if (!is_gone() && inside_at(reader_set(gate_)).file)
        bug("~revocable", nullptr, "destroyed from inside its own guard");
    return begin_revoke(where, "~revocable", nullptr, what);
}

bool revocable_state::claim() noexcept
{
    std::uint32_t expected = live;
    return life_.compare_exchange_strong(expected, claimed, std::memory_order_acq_rel);
}

bool revocable_state::claim_or_wait(const char* function, devres_head* owner, const char* what) noexcept
{
    wait_clock clock;
    while (!claim()) {
        if (is_gone())
            return false;
        sleep_while(claimed, clock, function, owner, what);
    }
    return true;
}

void revocable_state::wait_until_gone(const char* function, devres_head* owner, const char* what) noexcept
{
    wait_clock clock;
    for (std::uint32_t now = life_.load(std::memory_order_acquire); now != dead;
         now = life_.load(std::memory_order_acquire))
        sleep_while(now, clock, function, owner, what);
}

void revocable_state::give_up_claim() noexcept
{
    std::uint32_t expected = claimed;
    if (life_.compare_exchange_strong(expected, live, std::memory_order_acq_rel))
        park::wake(parking_lot, life_, INT_MAX);
}

// Ending an object is frequent, waiting for that rare: so it is a store and a look for sleepers by the word's
// address. The object that holds the word may be freed right after the store.
void revocable_state::gone() noexcept
{
    life_.store(dead, std::memory_order_release);
    park::wake(parking_lot, life_, INT_MAX);
}

// Returns also when a report was due.
void revocable_state::sleep_while(std::uint32_t now, wait_clock& clock, const char* function,
                                  devres_head* owner, const char* what) noexcept
{
    if (park_while(life_, now, clock))
        warn(function, owner, "has waited %.1f s for another thread, which is to destroy \"%s\"",
             clock.seconds(), what ? what : "the object");
}

} // namespace devres::detail
