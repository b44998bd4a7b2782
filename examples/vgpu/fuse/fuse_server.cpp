// SPDX-License-Identifier: MIT
#include "fuse_server.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <dirent.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "../server/card_folder.h"
#include "../server/ioctl_call.h"
#include "../server/trace.h"
#include "private_dev.h"

using namespace devres;

namespace vgpu {
namespace {

// A node of a card is never named twice: the look-up's number, and which card it is.
constexpr std::uint64_t cards_end = 1ull << 20;

std::uint64_t node_of(std::uint64_t number, int card)
{
    return number * cards_end + static_cast<std::uint64_t>(card);
}

int card_of(std::uint64_t node)
{
    return static_cast<int>(node % cards_end);
}

fuse_attr attributes_of(std::uint64_t node)
{
    fuse_attr a{};
    const bool is_root = node == FUSE_ROOT_ID;
    a.ino = is_root ? FUSE_ROOT_ID : static_cast<std::uint64_t>(card_of(node)) + FUSE_ROOT_ID + 1;
    a.mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0666;
    a.nlink = 1;
    a.blksize = 4096;
    return a;
}

} // namespace

// --- Life -------------------------------------------------------------------------------------------------

int fuse_server::start()
{
    const char* missing = make_private_dev();
    if (!missing)
        missing = kernel_.mount_at("/dev/dri");
    if (missing) {
        problem_ = missing;
        return -EOPNOTSUPP;
    }
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    if (!stop_)
        return -errno;
    const std::lock_guard held(receiving_);
    threads_.emplace_back([this] { work(); });
    return 0;
}

fuse_server::~fuse_server()
{
    std::vector<std::thread> all;
    if (stop_) {
        eventfd_write(stop_.get(), 1);
        const std::lock_guard held(receiving_); // from now on nobody gets a turn
        all.swap(threads_);
    }
    {
        const std::lock_guard held(lock_);
        for (const auto& [handle, file] : files_)
            set_closing(file->file());
    }
    for (std::thread& one : all)
        one.join();
}

// --- Cards ------------------------------------------------------------------------------------------------

int fuse_server::add_card(int card, drm_device* drm)
{
    const std::lock_guard held(opening_);
    cards_[card] = drm;
    return 0;
}

void fuse_server::remove_card(int card)
{
    const std::lock_guard held(opening_);
    cards_.erase(card);
}

bool fuse_server::has_card(int card) const
{
    const std::lock_guard held(opening_);
    return cards_.contains(card);
}

// --- Requests ---------------------------------------------------------------------------------------------

void fuse_server::work()
{
    request r;
    while (const std::unique_ptr<turn> mine = receive(&r)) {
        answer(r, *mine);
        const std::lock_guard held(lock_);
        under_way_.erase(r.head().unique);
    }
}

// What has to be in the order in which the kernel sent it is done before the turn is given away: an interrupt
// finds its request, and an open waits for the releases before it.
std::unique_ptr<fuse_server::turn> fuse_server::receive(request* r)
{
    ++waiting_;
    const std::lock_guard mine(receiving_);
    --waiting_;
    do {
        pollfd both[2] = {{kernel_.fd(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
        if (poll(both, 2, -1) < 0 && errno != EINTR)
            return nullptr;
        if (both[1].revents || (both[0].revents & POLLERR)) // to be stopped; somebody has unmounted it
            return nullptr;
    } while (!kernel_.receive(r));
    if (waiting_ == 0)
        threads_.emplace_back([this] { work(); });
    auto t = std::make_unique<turn>(static_cast<pid_t>(r->head().pid));
    if (r->head().opcode == FUSE_RELEASE)
        t->releasing = std::shared_lock(releasing_);
    if (r->head().opcode == FUSE_IOCTL || r->head().opcode == FUSE_READ) {
        const std::lock_guard held(lock_);
        under_way_[r->head().unique] = &t->who;
    }
    return t;
}

void fuse_server::answer(const request& r, turn& t)
{
    const std::uint64_t unique = r.head().unique;
    switch (r.head().opcode) {
    case FUSE_LOOKUP:
        look_up(r);
        break;
    case FUSE_GETATTR: {
        fuse_attr_out out{};
        out.attr = attributes_of(r.head().nodeid);
        kernel_.reply(unique, out);
        break;
    }
    case FUSE_OPENDIR:
        kernel_.reply(unique, fuse_open_out{});
        break;
    case FUSE_READDIR:
        list(r);
        break;
    case FUSE_STATFS:
        kernel_.reply(unique, fuse_statfs_out{});
        break;
    case FUSE_RELEASEDIR:
        kernel_.reply_error(unique, 0);
        break;
    case FUSE_OPEN:
        open(r, t.who);
        break;
    case FUSE_RELEASE:
        release(r);
        break;
    case FUSE_IOCTL:
        ioctl(r, t.who);
        break;
    case FUSE_READ: {
        const auto in = r.body<fuse_read_in>();
        if (const auto file = find(in.fh))
            file->read(unique, in, t.who);
        else
            kernel_.reply_error(unique, -EBADF);
        break;
    }
    case FUSE_POLL: {
        const auto in = r.body<fuse_poll_in>();
        if (const auto file = find(in.fh))
            file->poll(unique, in);
        else
            kernel_.reply_error(unique, -EBADF);
        break;
    }
    case FUSE_WRITE:
    case FUSE_SETATTR:
        kernel_.reply_error(unique, -EINVAL); // as a device that has neither
        break;
    case FUSE_INTERRUPT:
        interrupt(r.body<fuse_interrupt_in>().unique);
        break;
    case FUSE_FORGET: // these two are not answered
    case FUSE_BATCH_FORGET:
        break;
    default:
        kernel_.reply_error(unique, -ENOSYS);
    }
}

// No answer may be kept: the next open of this name is another file.
void fuse_server::look_up(const request& r)
{
    const std::string name = r.name();
    const std::string digits = name.substr(std::min<std::size_t>(name.size(), 4));
    const int card = digits.empty() || digits.size() > 5 ? -1 : std::atoi(digits.c_str());
    fuse_entry_out out{};
    if (r.head().nodeid != FUSE_ROOT_ID || card < 0 || name != card_name(card) || !has_card(card)) {
        kernel_.reply_error(r.head().unique, -ENOENT);
        return;
    }
    out.nodeid = node_of(next_number_++, card);
    out.attr = attributes_of(out.nodeid);
    kernel_.reply(r.head().unique, out);
}

void fuse_server::list(const request& r)
{
    const auto in = r.body<fuse_read_in>();
    std::vector<std::uint8_t> out;
    const std::lock_guard held(opening_);
    for (auto card = cards_.lower_bound(static_cast<int>(in.offset)); card != cards_.end(); ++card) {
        const std::string name = card_name(card->first);
        fuse_dirent head{};
        head.ino = static_cast<std::uint64_t>(card->first) + FUSE_ROOT_ID + 1;
        head.off = static_cast<std::uint64_t>(card->first) + 1; // where the next READDIR begins
        head.namelen = static_cast<std::uint32_t>(name.size());
        head.type = DT_REG;
        const std::size_t begin = out.size();
        const std::size_t size = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name.size());
        if (begin + size > in.size)
            break;
        out.resize(begin + size);
        std::memcpy(out.data() + begin, &head, FUSE_NAME_OFFSET);
        std::memcpy(out.data() + begin + FUSE_NAME_OFFSET, name.data(), name.size());
    }
    kernel_.reply(r.head().unique, out.data(), out.size());
}

// --- Files ------------------------------------------------------------------------------------------------

std::shared_ptr<open_card> fuse_server::find(std::uint64_t handle) const
{
    const std::lock_guard held(lock_);
    const auto found = files_.find(handle);
    return found == files_.end() ? nullptr : found->second;
}

// An inode can have one backing file, so nobody opens one again, which takes its name in /proc/PID/fd.
bool fuse_server::is_open(std::uint64_t node) const
{
    const std::lock_guard held(lock_);
    return std::ranges::any_of(files_, [node](const auto& f) { return f.second->node() == node; });
}

// close(2) does not wait for RELEASE. Whoever closes and opens again must not find that another is master.
void fuse_server::open(const request& r, const requester& who)
{
    {
        const std::unique_lock released(releasing_);
    }
    const std::uint64_t node = r.head().nodeid;
    std::shared_ptr<open_card> opened;
    int err = is_open(node) ? -EBUSY : -ENOENT;
    {
        std::optional<traced_call>
            call; // if it is held (see hold_at), then without the lock that remove_card() takes
        const std::lock_guard held(opening_);
        if (const auto card = cards_.find(card_of(node)); card != cards_.end() && err == -ENOENT) {
            call.emplace(who.group(), "open");
            drm_file* file = nullptr;
            err = drm_open(card->second, &file);
            call->set_result(err);
            if (!err)
                opened = std::make_shared<open_card>(kernel_, file, who, r.head().uid, node, count_);
        }
    }
    passthrough_open_out out{};
    out.fh = next_number_++;
    out.open_flags = FOPEN_DIRECT_IO | FOPEN_NOFLUSH | fopen_passthrough;
    if (opened) {
        out.backing_id = opened->open_backing();
        err = std::min(out.backing_id, 0);
    }
    if (err) {
        kernel_.reply_error(r.head().unique, err);
        return;
    }
    {
        const std::lock_guard held(lock_);
        files_[out.fh] = opened;
    }
    if (!kernel_.reply(r.head().unique, out)) {
        const std::lock_guard held(lock_);
        files_.erase(out.fh);
    }
}

// The kernel sends it when no call of this file is under way any more.
void fuse_server::release(const request& r)
{
    const std::uint64_t handle = r.body<fuse_release_in>().fh;
    if (std::shared_ptr<open_card> file = find(handle)) {
        traced_call call(file->group(), "close");
        {
            const std::lock_guard held(lock_);
            files_.erase(handle);
        }
        while (file.use_count() > 1) // the thread that has answered its last call is about to let go of it
            std::this_thread::yield();
        file.reset(); // closes it
    }
    kernel_.reply_error(r.head().unique, 0);
}

void fuse_server::ioctl(const request& r, requester& who)
{
    const auto in = r.body<fuse_ioctl_in>();
    const std::shared_ptr<open_card> file = find(in.fh);
    if (!file || (in.flags & FUSE_IOCTL_COMPAT)) { // the structures of 32-bit programs are not known here
        kernel_.reply_error(r.head().unique, file ? -ENOTTY : -EBADF);
        return;
    }
    struct {
        fuse_ioctl_out head{};
        ioctl_structure data;
    } out;
    static_assert(offsetof(decltype(out), data) == sizeof out.head);
    r.copy_body(out.data.bytes, sizeof in, std::min<std::size_t>(in.in_size, _IOC_SIZE(in.cmd)));
    std::size_t back = 0;
    const long result = make_ioctl(file->file(), in.cmd, out.data, who, who.group(), &back);
    out.head.result = static_cast<std::int32_t>(result);
    kernel_.reply(r.head().unique, &out, sizeof out.head + std::min<std::size_t>(back, in.out_size));
}

// A signal has come for the thread whose request has this number; the request may have been answered already.
void fuse_server::interrupt(std::uint64_t unique)
{
    std::vector<std::shared_ptr<open_card>> files;
    {
        const std::lock_guard held(lock_);
        if (const auto found = under_way_.find(unique); found != under_way_.end())
            found->second->interrupt();
        for (const auto& [handle, file] : files_)
            files.push_back(file);
    }
    for (const auto& file : files) {
        file->interrupt(unique);
        drm_wake_up(file->file()->drm); // calls that sleep look whether they are the one
    }
}

} // namespace vgpu
