// SPDX-License-Identifier: MIT
//
// What <devres/posix.h> takes from the system goes back with its owner, newest first, and at once on failure.
#include "core/core_test.h"
#include "support/threads.h"
#include "support/tripwire.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <memory>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <devres/posix.h>

using namespace devres;
using namespace devres::test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using DevresPosixTest = core_fixture;

bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

bool closes_on_exec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

// A file descriptor is closed with its owner, or by its handle, once.
TEST_F(DevresPosixTest, AFileDescriptorIsClosed)
{
    const int kept = managed::adopt_fd(&owner, eventfd(0, 0));
    devres_action handle;
    const int closed = managed::adopt_fd(&owner, eventfd(0, 0), &handle);
    ASSERT_GE(kept, 0);
    ASSERT_GE(closed, 0);
    EXPECT_EQ(0, handle.run());
    EXPECT_FALSE(is_open(closed));
    EXPECT_TRUE(is_open(kept));
    EXPECT_EQ(1, devres_drain(&owner));
    EXPECT_FALSE(is_open(kept));
}

// The error of the call that made it; without memory it is closed at once.
TEST_F(DevresPosixTest, AFailedOpenIsItsErrno)
{
    EXPECT_EQ(-ENOENT, managed::adopt_fd(&owner, open("/nowhere/at/all", O_RDONLY)));
    EXPECT_EQ(0u, listed());
    upstream.fail_from(0);
    const int fd = eventfd(0, 0);
    EXPECT_EQ(-ENOMEM, managed::adopt_fd(&owner, fd));
    EXPECT_FALSE(is_open(fd));
    upstream.fail_no_more();
}

// Those that are made here close on exec.
TEST_F(DevresPosixTest, MadeFileDescriptorsCloseOnExec)
{
    const int event = managed::eventfd(&owner, 3);
    itimerspec soon{};
    soon.it_value.tv_nsec = 1;
    const int timer = managed::timerfd(&owner, CLOCK_MONOTONIC, &soon);
    const int epoll = managed::epoll(&owner);
    for (const int fd : {event, timer, epoll}) {
        ASSERT_GE(fd, 0);
        EXPECT_TRUE(closes_on_exec(fd));
    }
    std::uint64_t count = 0;
    EXPECT_EQ(8, read(event, &count, sizeof count));
    EXPECT_EQ(3u, count);
    EXPECT_EQ(8, read(timer, &count, sizeof count));
    EXPECT_GE(count, 1u);
    EXPECT_EQ(-EINVAL, managed::timerfd(&owner, -7));
    itimerspec wrong{};
    wrong.it_value.tv_nsec = -1;
    EXPECT_EQ(-EINVAL, managed::timerfd(&owner, CLOCK_MONOTONIC, &wrong));
    EXPECT_EQ(3, devres_drain(&owner));
    EXPECT_FALSE(is_open(event) || is_open(timer) || is_open(epoll));
}

// A signal is read instead of delivered.
TEST_F(DevresPosixTest, ASignalfdReadsWhatItBlocks)
{
    sigset_t usr2;
    sigemptyset(&usr2);
    sigaddset(&usr2, SIGUSR2);
    sigset_t before;
    pthread_sigmask(SIG_BLOCK, nullptr, &before);
    const int fd = managed::signalfd(&owner, &usr2);
    ASSERT_GE(fd, 0);
    pthread_kill(pthread_self(), SIGUSR2);
    char record[128];
    EXPECT_EQ(128, read(fd, record, sizeof record));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// epoll forgets the file descriptor at release, while it is still open.
TEST_F(DevresPosixTest, AWatchEndsAtRelease)
{
    const int epoll = managed::epoll(&owner);
    const int event = managed::eventfd(&owner, 1);
    int tag = 0;
    devres_action watch;
    ASSERT_EQ(0, managed::epoll_add(&owner, epoll, event, EPOLLIN, &tag, &watch));
    epoll_event ready{};
    ASSERT_EQ(1, epoll_wait(epoll, &ready, 1, 0));
    EXPECT_EQ(&tag, ready.data.ptr);
    EXPECT_EQ(0, watch.run());
    EXPECT_EQ(0, epoll_wait(epoll, &ready, 1, 0));
    EXPECT_EQ(-EBADF, managed::epoll_add(&owner, epoll, -1, EPOLLIN, nullptr));
    EXPECT_EQ(2u, listed());
}

// A mapping is there until release.
TEST_F(DevresPosixTest, AMappingIsUnmapped)
{
    void* memory = nullptr;
    devres_action handle;
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    ASSERT_EQ(0, managed::map(&owner, &memory, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                              0, &handle));
    *static_cast<char*>(memory) = 'x';
    unsigned char resident = 0;
    EXPECT_EQ(0, mincore(memory, page, &resident));
    EXPECT_EQ(0, handle.run());
    EXPECT_EQ(-1, mincore(memory, page, &resident));
    EXPECT_EQ(-EINVAL, managed::map(&owner, &memory, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1));
    EXPECT_EQ(-EBADF, managed::map(&owner, &memory, page, PROT_READ, MAP_PRIVATE, -1));
}

// A module is opened and closed; what cannot be opened is an error, and dlerror() has the text.
TEST_F(DevresPosixTest, AModuleIsOpened)
{
    void* module = nullptr;
    EXPECT_EQ(-ELIBACC, managed::module(&owner, &module, "no-such-module.so", RTLD_NOW));
    EXPECT_THAT(dlerror(), HasSubstr("no-such-module.so"));
    EXPECT_EQ(nullptr, module);
    ASSERT_EQ(0, managed::module(&owner, &module, nullptr, RTLD_NOW)); // the program itself
    EXPECT_TRUE(module);
    EXPECT_EQ(1, devres_drain(&owner));
}

struct tells_its_end {
    explicit tells_its_end(event_log* l) : log(l) {}
    tells_its_end(const tells_its_end&) = delete;
    tells_its_end& operator=(const tells_its_end&) = delete;
    event_log* log;
    ~tells_its_end() { log->add("destroyed"); }
};

// An object that owns something is moved in; without memory the caller keeps it.
TEST_F(DevresPosixTest, AdoptsAUniquePtr)
{
    auto one = std::make_unique<tells_its_end>(&log);
    upstream.fail_from(0);
    EXPECT_EQ(-ENOMEM, managed::adopt(&owner, std::move(one)));
    EXPECT_TRUE(one);
    upstream.fail_no_more();
    ASSERT_EQ(0, managed::adopt(&owner, std::move(one)));
    EXPECT_FALSE(one);
    EXPECT_EQ(1, devres_drain(&owner));
    EXPECT_THAT(log.take(), ElementsAre("destroyed"));
}

// Ends what it is being moved into.
struct drains_when_moved {
    explicit drains_when_moved(bench_owner* o) : owner(o), held(std::make_unique<int>()) {}
    drains_when_moved(drains_when_moved&& other) noexcept : owner(other.owner), held(std::move(other.held))
    {
        devres_drain(owner);
    }
    drains_when_moved& operator=(drains_when_moved&&) = delete;
    void operator()() const {}
    bench_owner* owner;
    std::unique_ptr<int> held;
};

// A8: what was moved and went with its owner was taken, as a callable is.
TEST_F(DevresPosixTest, WhatIsReleasedWhileItIsAdoptedWasTaken)
{
    drains_when_moved object(&owner);
    drains_when_moved callable(&owner);
    EXPECT_EQ(0, managed::adopt(&owner, std::move(object)));
    EXPECT_EQ(0, managed::add_action(&owner, std::move(callable)));
    EXPECT_TRUE(!object.held && !callable.held);
    EXPECT_EQ(0u, listed());
    EXPECT_EQ(2u, warnings.take().size());
}

// --- Threads -----------------------------------------------------------------------------------------------

// A thread in a blocking read is woken, returns, and is joined before its body is destroyed.
TEST_F(DevresPosixTest, AThreadIsStoppedInABlockingRead)
{
    const int silent = managed::eventfd(&owner); // nothing ever comes
    ASSERT_GE(silent, 0);
    auto body = [this, silent, end = std::make_unique<tells_its_end>(&log)](const devres_stop& stop) {
        std::uint64_t value = 0;
        log.add("started");
        const ssize_t got = stop.read(silent, &value, sizeof value);
        log.add(got == -ECANCELED && stop.requested() ? "woken" : "not woken");
    };
    ASSERT_EQ(0, managed::thread(&owner, std::move(body), "listener"));
    EXPECT_EQ(2, devres_drain(&owner));
    EXPECT_THAT(log.take(), ElementsAre("started", "woken", "destroyed"));
}

// posix.h: pthread_exit() is a way out of the body; and of a name 15 characters are shown.
TEST_F(DevresPosixTest, ABodyMayEndItsThreadWhichHasTheBeginningOfALongName)
{
    auto body = [this](const devres_stop&) {
        char name[32] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        log.add(name);
        pthread_exit(nullptr);
    };
    ASSERT_EQ(0, managed::thread(&owner, body, "sixteen letters!"));
    EXPECT_EQ(1, devres_drain(&owner));
    EXPECT_THAT(log.take(), ElementsAre("sixteen letters"));
}

// It reads what there is until it is asked to stop, and has its name.
TEST_F(DevresPosixTest, AThreadReadsUntilItIsStopped)
{
    int ends[2];
    ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
    ASSERT_EQ(ends[0], managed::adopt_fd(&owner, ends[0]));
    ASSERT_EQ(ends[1], managed::adopt_fd(&owner, ends[1]));
    const int heard = managed::eventfd(&owner);
    devres_thread* thread = nullptr;
    ASSERT_EQ(0, managed::thread(
                     &owner,
                     [&](const devres_stop& stop) {
                         char letter = 0;
                         while (stop.read(ends[0], &letter, 1) == 1) {
                             log.add(std::string(1, letter));
                             eventfd_write(heard, 1);
                         }
                     },
                     nullptr, &thread));
    for (const char letter : {'a', 'b'}) {
        ASSERT_EQ(1, write(ends[1], &letter, 1));
        std::uint64_t count = 0;
        ASSERT_EQ(8, read(heard, &count, sizeof count));
    }
    EXPECT_EQ(0, managed::stop_thread(&owner, thread));
    EXPECT_THAT(log.take(), ElementsAre("a", "b"));
    EXPECT_EQ(3u, listed()) << "the body goes with its thread";
}

// Waiting has a limit if it is asked for one.
TEST_F(DevresPosixTest, WaitingTimesOut)
{
    const int silent = managed::eventfd(&owner);
    std::atomic<int> result{0};
    devres_thread* thread = nullptr;
    const int done = managed::eventfd(&owner);
    ASSERT_EQ(0, managed::thread(
                     &owner,
                     [&](const devres_stop& stop) {
                         result = stop.wait_readable(silent, 0);
                         eventfd_write(done, 1);
                     },
                     "waits", &thread));
    std::uint64_t count = 0;
    ASSERT_EQ(8, read(done, &count, sizeof count));
    EXPECT_EQ(-ETIMEDOUT, result);
    EXPECT_EQ(0, managed::stop_thread(&owner, thread));
    EXPECT_EQ(-ENOENT, managed::stop_thread(&owner, thread));
    EXPECT_EQ(1u, warnings.take().size());
}

// What is not open is an error at once, as read(2) has it, and does not hide a stop.
TEST_F(DevresPosixTest, WhatIsNotOpenIsAnError)
{
    doorway may_stop;
    auto body = [&](const devres_stop& stop) {
        char byte = 0;
        for (const int fd : {-1, 1 << 20}) // a read would sleep if the wait does
            if (stop.wait_readable(fd, 0) != -EBADF || stop.read(fd, &byte, 1) != -EBADF)
                log.add("no error for " + std::to_string(fd));
        may_stop.open();
        EXPECT_EQ(-ECANCELED, stop.wait_readable(stop.fd()));
        EXPECT_EQ(-ECANCELED, stop.read(-1, &byte, 1));
    };
    devres_thread* thread = nullptr;
    ASSERT_EQ(0, managed::thread(&owner, body, nullptr, &thread));
    may_stop.pass();
    EXPECT_EQ(0, managed::stop_thread(&owner, thread));
    EXPECT_THAT(log.take(), ::testing::IsEmpty());
}

// Has another thread release all that the owner has.
devres_head* to_release = nullptr;
int release_elsewhere()
{
    devres_head* const of = std::exchange(to_release, nullptr);
    if (!of)
        return -1;
    int released = 0;
    std::thread([&] { released = devres_release_all(of); }).join();
    return released;
}
int released_when_attached = -1;
void release_when_attached(const char* op, devres_head*, const char*, const char*, std::size_t)
{
    if (op[0] == 'A' && to_release)
        released_when_attached = release_elsewhere();
}

// C13: a thread is one resource, which has been started when it is attached. Whoever releases it joins it
// before its body is destroyed.
TEST_F(DevresPosixTest, AThreadThatIsReleasedAsSoonAsItIsAttachedIsJoined)
{
    devres_set_log(&release_when_attached);
    to_release = head;
    auto body = [this, end = std::make_unique<tells_its_end>(&log)](const devres_stop& stop) {
        EXPECT_EQ(-ECANCELED, stop.wait_readable(stop.fd()));
        log.add("stopped");
    };
    EXPECT_EQ(0, managed::thread(&owner, std::move(body)));
    devres_set_log(nullptr);
    EXPECT_EQ(1, released_when_attached);
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), ElementsAre("stopped", "destroyed"));
}

// What has the owner released while it is being moved.
struct releases_when_moved {
    releases_when_moved(event_log* l, int* r) : log(l), released(r) {}
    releases_when_moved(releases_when_moved&& other) noexcept : log(other.log), released(other.released)
    {
        *released = release_elsewhere();
    }
    releases_when_moved& operator=(releases_when_moved&&) = delete;
    ~releases_when_moved() { log->add("destroyed"); }
    void operator()(const devres_stop&) const { log->add("called"); }
    event_log* log;
    int* released;
};

// A8, C13: a release that comes to a thread in the making leaves it to the one who makes it, who joins it.
// Its body is not called.
TEST_F(DevresPosixTest, AThreadThatIsReleasedInTheMakingIsJoined)
{
    int released = -1;
    devres_thread* thread = nullptr;
    to_release = head;
    {
        releases_when_moved body(&log, &released);
        EXPECT_EQ(-ECANCELED, managed::thread(&owner, std::move(body), "unlucky", &thread));
    }
    EXPECT_EQ(nullptr, thread);
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), ElementsAre("destroyed", "destroyed"));
    EXPECT_THAT(warnings.take(), ElementsAre(HasSubstr("devres_thread")));
}

// The thread of this process that is neither of these, once there is one.
pid_t third_thread(pid_t first, pid_t second)
{
    for (;;)
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
            const pid_t thread = std::stoi(entry.path().filename());
            if (thread != first && thread != second)
                return thread;
        }
}

// Has another thread start one, and holds it up when that is made and not attached.
class late_start {
public:
    explicit late_start(bench_owner* owner)
        : starter_([this, owner] {
              starter_number_ = gettid();
              name_.arm();
              const auto body = [this](const devres_stop& stop) {
                  has_begun_.open();
                  EXPECT_EQ(-ECANCELED, stop.wait_readable(stop.fd()));
              };
              result_ = managed::thread(owner, body, name_.object().data());
          })
    {
        name_.await(); // it is read when the thread is there
        await_asleep(third_thread(gettid(), starter_number_));
    }

    const doorway& has_begun() const { return has_begun_; }
    // Returns: what managed::thread() has returned.
    int go_on()
    {
        name_.let_go();
        starter_.join();
        return result_;
    }

private:
    tripwire<std::array<char, 16>> name_{{"late"}};
    doorway has_begun_;
    std::atomic<pid_t> starter_number_{0};
    int result_ = -1;
    std::thread starter_;
};

// A8: a body begins when its thread is attached, whatever holds up the one who starts it.
TEST_F(DevresPosixTest, ABodyBeginsWhenItsThreadIsAttached)
{
    late_start late(&owner);
    EXPECT_FALSE(late.has_begun().is_open());
    EXPECT_EQ(0, late.go_on());
    late.has_begun().pass();
    EXPECT_EQ(1, devres_drain(&owner));
}

// A8: and never, if a release came first.
TEST_F(DevresPosixTest, ABodyNeverBeginsIfAReleaseCameFirst)
{
    late_start late(&owner);
    EXPECT_EQ(0, devres_release_all(head));
    EXPECT_EQ(-ECANCELED, late.go_on());
    EXPECT_FALSE(late.has_begun().is_open());
    EXPECT_THAT(warnings.take_one(), HasSubstr("devres_thread"));
}

struct stops_itself {
    devres_thread** thread;
    bench_owner* owner;
    const doorway* may_begin;
    void operator()(const devres_stop&) const
    {
        if (!thread)
            devres_drain(owner); // at once, whether or not managed::thread() has returned
        may_begin->pass();
        managed::stop_thread(owner, *thread);
    }
};
[[noreturn]] void run_a_thread_that_stops_itself(bool or_ends_its_owner)
{
    bench_owner of;
    doorway may_begin;
    devres_thread* thread = nullptr;
    if (!managed::thread(&of, stops_itself{or_ends_its_owner ? nullptr : &thread, &of, &may_begin}, "selfish",
                         &thread))
        may_begin.open();
    for (;;)
        pause();
}

// Section 7: a thread that would wait for itself is a BUG that names the owner, the thread and its body.
TEST(DevresPosixDeathTest, AThreadThatStopsItselfAborts)
{
    EXPECT_DEATH(
        run_a_thread_that_stops_itself(false),
        "BUG: thread: bench \"bench-1\": thread \"selfish\", which runs .*stops_itself, stops itself");
}
TEST(DevresPosixDeathTest, AThreadThatEndsItsOwnerAborts)
{
    EXPECT_DEATH(
        run_a_thread_that_stops_itself(true),
        "BUG: thread: bench \"bench-1\": thread \"selfish\", which runs .*stops_itself, stops itself");
}

// What the threads of an action that adds for ever have done.
struct endless {
    bench_owner* owner;
    int attached = 0;
    std::atomic<int> ended{0};
};
void attach_again(endless* all)
{
    ASSERT_EQ(0, managed::add_action(all->owner, attach_again, all));
    const auto body = [all](const devres_stop& stop) {
        EXPECT_EQ(-ECANCELED, stop.wait_readable(stop.fd()));
        ++all->ended;
    };
    ASSERT_EQ(0, managed::thread(all->owner, body));
    ++all->attached;
}

// C12: a cut-off frees no memory that a thread still runs in.
TEST_F(DevresPosixTest, AThreadThatIsCutOffIsJoined)
{
    static endless all; // static: without the join, threads would outlive the test
    all.owner = &owner;
    attach_again(&all);
    devres_drain(&owner);
    EXPECT_EQ(devres_max_passes + 1, all.attached);
    EXPECT_EQ(all.attached, all.ended);
    EXPECT_THAT(warnings.take_one(), HasSubstr("still being added"));
}

struct alignas(64) over_aligned_body {
    explicit over_aligned_body(bool* fine) : aligned(fine) {}
    bool* aligned;
    void operator()(const devres_stop&) const
    {
        *aligned = reinterpret_cast<std::uintptr_t>(this) % alignof(over_aligned_body) == 0;
    }
};

// A8: the body of a thread lies as its type wants it.
TEST_F(DevresPosixTest, ABodyMayBeOverAligned)
{
    bool aligned = false;
    ASSERT_EQ(0, managed::thread(&owner, over_aligned_body(&aligned)));
    EXPECT_EQ(1, devres_drain(&owner));
    EXPECT_TRUE(aligned);
}

// Without memory the body is never called and nothing stays.
TEST_F(DevresPosixTest, WithoutMemoryNoThreadStarts)
{
    upstream.fail_from(0);
    EXPECT_EQ(-ENOMEM, managed::thread(&owner, [this](const devres_stop&) { log.add("called"); }));
    upstream.fail_no_more();
    EXPECT_EQ(0u, listed());
    EXPECT_THAT(log.take(), ::testing::IsEmpty());
}

} // namespace
