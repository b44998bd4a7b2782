// SPDX-License-Identifier: MIT
//
// Bindings: what belongs to a bind, and how all of it is closed with one wait.

#include <devres/detail/binding.h>

#include <new>
#include <utility>

#include <devres/detail/report.h>
#include <devres/detail/scoped_lock.h>

namespace devres::detail {

// --- Members by identity ----------------------------------------------------------------------------------

member_table::~member_table()
{
    if (buckets_ != first_)
        delete[] buckets_;
}

void member_table::link(binding_member* member) noexcept
{
    member->link_ = bucket_of(member->object.id());
    member->next_ = *member->link_;
    if (member->next_)
        member->next_->link_ = &member->next_;
    *member->link_ = member;
}

void member_table::insert(binding_member* member) noexcept
{
    link(member);
    ++count_;
}

void member_table::remove(binding_member* member) noexcept
{
    if (!member->link_)
        return;
    *member->link_ = member->next_;
    if (member->next_)
        member->next_->link_ = member->link_;
    member->link_ = nullptr;
    --count_;
}

bool member_table::contains(identity id) const noexcept
{
    for (const binding_member* m = *bucket_of(id); m; m = m->next_)
        if (m->object.id() == id)
            return true;
    return false;
}

template <class Visit>
void member_table::for_each(Visit visit) const noexcept
{
    for (std::size_t i = 0; i != size_; ++i)
        for (binding_member* m = buckets_[i]; m;)
            visit(std::exchange(m, m->next_));
}

void member_table::close_all() const noexcept
{
    for_each([](binding_member* m) { m->object.close(); });
}

void member_table::notify_all(const binding_member::notify_fn binding_member::*which) const noexcept
{
    for_each([which](binding_member* m) { (m->*which)(m); });
}

binding_member** member_table::rehash(binding_member** buckets, std::size_t size) noexcept
{
    binding_member** const old = std::exchange(buckets_, buckets);
    const std::size_t old_size = std::exchange(size_, size);
    for (std::size_t i = 0; i != old_size; ++i)
        while (binding_member* m = old[i]) {
            old[i] = m->next_;
            link(m);
        }
    return old == first_ ? nullptr : old;
}

// --- Waiting for readers, but not for the calling thread --------------------------------------------------

namespace {

// Is the calling thread inside the very same?
bool inside_the_same(identity domain, identity object) noexcept
{
    struct pair {
        identity domain, object;
    } const one{domain, object};
    const auto is_one = [](const void* context, identity d, identity o) {
        const auto* wanted = static_cast<const pair*>(context); // SAFETY: `one`
        return d == wanted->domain && o == wanted->object;
    };
    return inside_at({is_one, &one}).file != nullptr;
}

bool names_others(const void* all, identity domain, identity object) noexcept
{
    const auto* readers = static_cast<const reader_set*>(all); // SAFETY: see wait_for_others()
    return readers->names(domain, object) && !inside_the_same(domain, object);
}

} // namespace

bool wait_for_others(const reader_set& readers, const char* function, devres_head* owner) noexcept
{
    const source_place left = inside_at(readers);
    if (!left.file) {
        wait_for_readers(readers, function, owner);
        return true;
    }
    warn(
        function, owner,
        "a hook of the driver has not ended the guard that this thread took at %s:%d; who is inside the same "
        "is not waited for, and an object is not destroyed as long as somebody is",
        left.file, left.line);
    wait_for_readers({&names_others, &readers}, function, owner);
    return false;
}

// --- The binding ------------------------------------------------------------------------------------------

void binding::put() noexcept
{
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1)
        delete this;
}

device* binding::peek_device() noexcept
{
    const scoped_lock held(lock_);
    return device_;
}

// --- Borrowing the device ---------------------------------------------------------------------------------

constinit thread_local device_visit* device_visit::innermost = nullptr;

bool device_visit::is_under_way(const device* dev) noexcept
{
    const device_visit* one = innermost;
    while (one && one->dev_ != dev)
        one = one->outer_;
    return one != nullptr;
}

void device_visit::forget(const device* dev) noexcept
{
    for (device_visit* one = innermost; one; one = one->outer_)
        if (one->dev_ == dev)
            one->dev_ = nullptr;
}

device* binding::borrow_device() noexcept
{
    const scoped_lock held(lock_);
    if (device_)
        device_core::borrow(device_);
    return device_;
}

// --- Members ----------------------------------------------------------------------------------------------

bool binding::add_member(binding_member* member) noexcept
{
    binding_member** spare = nullptr; // larger buckets, allocated without the lock
    std::size_t size = 0;
    for (;;) {
        bool open = false;
        std::size_t wanted = 0;
        {
            const scoped_lock held(lock_);
            open = domain_.is_open();
            wanted = members_.wanted();
            if (spare && size == wanted) {
                spare = members_.rehash(spare, size);
                wanted = 0;
            }
            if (size != 0) // there was no memory, or another thread was first: the table is only slower
                wanted = 0;
            if (open && wanted == 0) {
                has_readers_.store(true, std::memory_order_relaxed);
                has_members_.store(true, std::memory_order_relaxed);
                members_.insert(member);
            }
        }
        if (!open || wanted == 0) {
            delete[] spare;
            return open;
        }
        size = wanted;
        spare = new (std::nothrow) binding_member* [size] {};
    }
}

void binding::remove_member(binding_member* member) noexcept
{
    const scoped_lock held(lock_);
    members_.remove(member);
}

bool binding::expect_readers() noexcept
{
    if (has_readers_.load(std::memory_order_relaxed))
        return true;
    const scoped_lock held(lock_);
    if (!domain_.is_open())
        return false;
    has_readers_.store(true, std::memory_order_relaxed);
    return true;
}

bool binding::names(const void* context, identity domain, identity /*object*/) noexcept
{
    const auto* self = static_cast<const binding*>(context); // SAFETY: see readers()
    if (domain == self->domain_.id())
        return true;
    // A member that is not seen here was added while nothing was closed, so nobody waits for its readers yet.
    if (!self->has_members_.load(std::memory_order_relaxed))
        return false;
    const scoped_lock held(self->lock_);
    return self->members_.contains(domain);
}

bool binding::close() noexcept
{
    const scoped_lock held(lock_);
    domain_.close();
    members_.close_all();
    members_.notify_all(&binding_member::wake);
    return has_readers_.load(std::memory_order_relaxed);
}

void binding::drained(bool all_have_left) noexcept
{
    waited_.store(all_have_left ? readers_state::have_left : readers_state::some_left_out,
                  std::memory_order_release);
    const scoped_lock held(lock_);
    members_.notify_all(&binding_member::drained);
}

void binding::close_and_wait(const char* function, devres_head* owner) noexcept
{
    if (close())
        drained(wait_for_others(readers(), function, owner));
}

bool binding::keep_until_end(binding_leftover* leftover) noexcept
{
    const scoped_lock held(lock_);
    if (!device_)
        return false;
    leftover->next = leftovers_;
    leftovers_ = leftover;
    return true;
}

// --- Parking ----------------------------------------------------------------------------------------------

const char* binding::name_of_parked(devres_head* parked) noexcept
{
    const device* dev = container_of<&binding::parked_>(parked)->peek_device();
    return dev ? dev_name(dev) : "(unbound)";
}

bool binding::unpark(const devres_head* released_from, devres_node* node) noexcept
{
    if (released_from != &parked_)
        return false;
    devres_node_add(&peek_device()->devres, node); // it is bound as long as anything is parked
    return true;
}

// --- The end ----------------------------------------------------------------------------------------------

binding_leftover* binding::end() noexcept
{
    const scoped_lock held(lock_);
    device_ = nullptr;
    return std::exchange(leftovers_, nullptr);
}

} // namespace devres::detail
