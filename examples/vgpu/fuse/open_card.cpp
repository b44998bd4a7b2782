// SPDX-License-Identifier: MIT
#include "open_card.h"

#include <cerrno>

#include <fcntl.h>
#include <poll.h>

namespace vgpu {
namespace {

constexpr std::size_t most_events = 128; // the driver keeps the rest

} // namespace

open_card::open_card(connection& kernel, devres::drm_file* file, const requester& who, uid_t user,
                     std::uint64_t node, std::atomic<std::size_t>& count)
    : kernel_(kernel),
      file_(file),
      node_(node),
      group_(who.group()),
      memory_(std::make_shared<buffer_memory>(buffer_memory::holds::many)),
      count_(count)
{
    set_client(file_, who.process(), user, *this, memory_);
    ++count_;
}

open_card::~open_card()
{
    devres::drm_close(file_);
    if (backing_ >= 0)
        kernel_.close_backing(backing_);
    --count_;
}

int open_card::open_backing()
{
    return backing_ = kernel_.open_backing(memory_->fd());
}

// --- Events -----------------------------------------------------------------------------------------------

bool open_card::take_event(const std::vector<std::uint8_t>& event)
{
    const std::lock_guard held(lock_);
    if (events_.size() == most_events)
        return false;
    events_.push_back(event);
    while (!reads_.empty() && !events_.empty()) {
        answer_locked(reads_.front());
        reads_.pop_front();
    }
    if (is_polled_)
        kernel_.notify_poll(poll_handle_);
    is_polled_ = false;
    return true;
}

// As many whole events as fit; one that does not fit stays, and then nothing is read, as in Linux.
void open_card::answer_locked(const sleeping_read& to)
{
    std::vector<std::uint8_t> data;
    while (!events_.empty() && data.size() + events_.front().size() <= to.size) {
        data.insert(data.end(), events_.front().begin(), events_.front().end());
        events_.pop_front();
    }
    kernel_.reply(to.unique, data.data(), data.size());
}

void open_card::read(std::uint64_t unique, const fuse_read_in& in, const requester& who)
{
    const std::lock_guard held(lock_);
    if (!events_.empty())
        answer_locked({unique, in.size});
    else if (in.flags & O_NONBLOCK)
        kernel_.reply_error(unique, -EAGAIN);
    else if (who.is_interrupted())
        kernel_.reply_error(unique, -EINTR);
    else
        reads_.push_back({unique, in.size});
}

void open_card::poll(std::uint64_t unique, const fuse_poll_in& in)
{
    const std::lock_guard held(lock_);
    fuse_poll_out out{};
    if (!events_.empty())
        out.revents = POLLIN | POLLRDNORM;
    if (in.flags & FUSE_POLL_SCHEDULE_NOTIFY) {
        poll_handle_ = in.kh;
        is_polled_ = true;
    }
    kernel_.reply(unique, out);
}

void open_card::interrupt(std::uint64_t unique)
{
    const std::lock_guard held(lock_);
    if (std::erase_if(reads_, [unique](const sleeping_read& r) { return r.unique == unique; }))
        kernel_.reply_error(unique, -EINTR);
}

} // namespace vgpu
