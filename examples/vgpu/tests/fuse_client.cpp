// SPDX-License-Identifier: MIT
//
// A program that nothing can be preloaded into: it is linked statically. fuse_test.cpp starts it with the
// name of what it is to do; it says what was not as it should be, and ends with 1.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <drm.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tour.h"

namespace vgpu::test {
namespace {

const calls libc{[](int fd, unsigned long command, void* argument) { return ioctl(fd, command, argument); },
                 mmap};
constexpr const char* card = "/dev/dri/card0";
constexpr std::uint32_t two_pages = 8192;

int failures = 0;

void expect(bool good, const char* what)
{
    if (good)
        return;
    std::printf("not so: %s (errno %d)\n", what, errno);
    ++failures;
}
#define EXPECT(condition) expect(condition, #condition)

int open_it()
{
    const int fd = open(card, O_RDWR | O_CLOEXEC);
    EXPECT(fd >= 0);
    return fd;
}

int call(int fd, unsigned long command, void* argument)
{
    return ioctl(fd, command, argument) < 0 ? -errno : 0;
}

int ask(int fd)
{
    drm_get_cap cap{DRM_CAP_DUMB_BUFFER, 0};
    return call(fd, DRM_IOCTL_GET_CAP, &cap);
}

// Prints what each step gave: `<ioctl> <result>`.
void print_tour()
{
    const int fd = open_it();
    for (const tour_step& step : tour(libc, fd))
        std::printf("%s %d\n", step.ioctl, step.result);
    close(fd);
}

void look()
{
    const int fd = open_it();
    struct stat by_name {
    }, by_fd{};
    EXPECT(stat(card, &by_name) == 0 && fstat(fd, &by_fd) == 0);
    EXPECT(by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev);
    EXPECT(S_ISREG(by_name.st_mode));
    char byte = 0;
    EXPECT(write(fd, &byte, 1) == -1 && errno == EINVAL);
    EXPECT(ftruncate(fd, 0) == -1 && errno == EINVAL);
    close(fd);
    EXPECT(open("/dev/dri/card1", O_RDWR) == -1 && errno == ENOENT);
    EXPECT(open("/dev/dri/card00", O_RDWR) == -1 && errno == ENOENT);
}

void use_bad_pointers()
{
    const int fd = open_it();
    EXPECT(call(fd, DRM_IOCTL_GET_CAP, nullptr) == -EFAULT);
    drm_version v{};
    v.name = reinterpret_cast<char*>(16);
    v.name_len = 10;
    EXPECT(call(fd, DRM_IOCTL_VERSION, &v) == -EFAULT);
    drm_mode_create_blob blob{16, 100'000, 0};
    EXPECT(call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob) == -EFAULT);
    // The daemon is root, and may still not write where this program may not.
    void* constant = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    v.name = static_cast<char*>(constant);
    EXPECT(call(fd, DRM_IOCTL_VERSION, &v) == -EFAULT);
    void* secret = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    blob = {reinterpret_cast<std::uintptr_t>(secret), 16, 0};
    EXPECT(call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob) == -EFAULT);
    EXPECT(ask(fd) == 0);
    close(fd);
}

void read_events()
{
    const int fd = open_it();
    for (const tour_step& step : tour(libc, fd)) // leaves the screen lit and one flip's event
        EXPECT(step.result == 0);
    pollfd one{fd, POLLIN, 0};
    EXPECT(poll(&one, 1, 10'000) == 1 && one.revents == POLLIN);
    char few[8];
    EXPECT(read(fd, few, sizeof few) == 0); // an event that does not fit stays
    drm_event_vblank event{};
    EXPECT(read(fd, &event, sizeof event) == ssize_t{sizeof event} && event.user_data == 7);
    EXPECT(poll(&one, 1, 0) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    EXPECT(read(fd, &event, sizeof event) == -1 && errno == EAGAIN);
    fcntl(fd, F_SETFL, 0);
    // Both wake who sleeps: first poll, then read.
    for (int i = 0; i < 2; ++i) {
        drm_wait_vblank wait{};
        wait.request.type = static_cast<drm_vblank_seq_type>(_DRM_VBLANK_RELATIVE | _DRM_VBLANK_EVENT);
        wait.request.sequence = 3;
        EXPECT(call(fd, DRM_IOCTL_WAIT_VBLANK, &wait) == 0);
        EXPECT(i == 1 || poll(&one, 1, 10'000) == 1);
        EXPECT(read(fd, &event, sizeof event) == ssize_t{sizeof event});
    }
    close(fd);
}

drm_mode_create_dumb make_buffer(int fd)
{
    drm_mode_create_dumb dumb{1, two_pages / 4, 32, 0, 0, 0, 0};
    EXPECT(call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) == 0 && dumb.size == two_pages);
    return dumb;
}

char* map_at(int fd, std::uint64_t offset)
{
    constexpr int both = PROT_READ | PROT_WRITE;
    void* memory = mmap(nullptr, two_pages, both, MAP_SHARED, fd, static_cast<off_t>(offset));
    EXPECT(memory != MAP_FAILED);
    return static_cast<char*>(memory);
}

std::uint64_t offset_of(int fd, std::uint32_t handle)
{
    drm_mode_map_dumb map{handle, 0, 0};
    EXPECT(call(fd, DRM_IOCTL_MODE_MAP_DUMB, &map) == 0);
    return map.offset;
}

bool dies_of_touching(char* memory)
{
    const pid_t child = fork();
    if (child == 0) {
        *memory = 1;
        _exit(0);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

void map_buffers()
{
    const int fd = open_it(), other = open_it();
    const drm_mode_create_dumb first = make_buffer(fd), second = make_buffer(fd);
    const std::uint64_t begin = offset_of(fd, first.handle), end = offset_of(fd, second.handle) + two_pages;
    char* a = map_at(fd, begin);
    char* b = map_at(fd, end - two_pages);
    a[0] = 1;
    b[two_pages - 1] = 2;
    char* again = map_at(fd, begin);
    EXPECT(again[0] == 1 && a[two_pages - 1] == 0 && b[0] == 0);
    EXPECT(dies_of_touching(map_at(fd, end)));      // no buffer is there
    EXPECT(dies_of_touching(map_at(other, begin))); // that file has made none
    const drm_mode_create_dumb others = make_buffer(other);
    char* c = map_at(other, offset_of(other, others.handle));
    EXPECT(c[0] == 0);
    c[0] = 3;
    EXPECT(a[0] == 1);
    // What is open only for reading is mapped only for reading.
    const int reader = open(card, O_RDONLY | O_CLOEXEC);
    EXPECT(mmap(nullptr, two_pages, PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
    // By its descriptor's name it would be the same inode, and map the same buffers.
    const std::string name = "/proc/self/fd/" + std::to_string(fd);
    EXPECT(open(name.c_str(), O_RDWR | O_CLOEXEC) == -1 && errno == EBUSY);
    drm_mode_destroy_dumb gone{first.handle};
    EXPECT(call(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &gone) == 0);
    EXPECT(a[0] == 0 && b[two_pages - 1] == 2);
    const int last = open_it();
    for (const int one : {fd, other, reader})
        close(one);
    // The daemon hears of it after close() has returned. There is no master once it has: the first file was.
    while (call(last, DRM_IOCTL_SET_MASTER, nullptr) != 0)
        usleep(1000);
    EXPECT(b[two_pages - 1] == 2); // what is mapped stays
}

void get_a_signal()
{
    const int fd = open_it();
    tour(libc, fd);
    drm_event_vblank event{};
    EXPECT(read(fd, &event, sizeof event) == ssize_t{sizeof event}); // the flip's
    struct sigaction ring {};
    ring.sa_handler = [](int) {};
    sigaction(SIGALRM, &ring, nullptr);
    const itimerval soon{{0, 50'000}, {0, 50'000}};
    setitimer(ITIMER_REAL, &soon, nullptr);
    drm_wait_vblank wait{};
    wait.request.type = _DRM_VBLANK_RELATIVE;
    wait.request.sequence = 1'000'000;
    EXPECT(call(fd, DRM_IOCTL_WAIT_VBLANK, &wait) == -EINTR);
    EXPECT(read(fd, &event, sizeof event) == -1 && errno == EINTR);
    close(fd);
}

// Whoever opens it first is master, and it is free when close() returns.
void close_and_open()
{
    for (int i = 0; i < 200; ++i) {
        const int fd = open_it();
        drm_client client{};
        EXPECT(call(fd, DRM_IOCTL_GET_CLIENT, &client) == 0 && client.auth == 1);
        EXPECT(client.pid == static_cast<unsigned long>(getpid()));
        close(fd);
    }
}

// Sleeps in two calls at once, and does a third.
void sleep_in_calls()
{
    const int fd = open_it();
    tour(libc, fd);
    drm_event_vblank event{};
    EXPECT(read(fd, &event, sizeof event) == ssize_t{sizeof event});
    if (fork() == 0) {
        drm_wait_vblank wait{};
        wait.request.type = _DRM_VBLANK_RELATIVE;
        wait.request.sequence = 1'000'000;
        int result = -EBUSY; // it gives up after three seconds
        while (result == -EBUSY)
            result = call(fd, DRM_IOCTL_WAIT_VBLANK, &wait);
        std::printf("wait %d\n", result);
        std::exit(failures != 0);
    }
    if (fork() == 0)
        _exit(read(fd, &event, sizeof event) > 0);
    usleep(100'000);
    EXPECT(ask(fd) == 0);
    std::puts("awake");
    std::fflush(stdout);
    int status = 0;
    wait(&status); // whoever waits for the vblank is woken when the display goes, whoever reads is not
}

void call_until_it_fails(const char* report)
{
    const int fd = open_it();
    int result = 0;
    while ((result = ask(fd)) == 0)
        usleep(1000);
    if (FILE* file = std::fopen(report, "w")) {
        std::fprintf(file, "%d\n", -result);
        std::fclose(file);
    }
}

} // namespace
} // namespace vgpu::test

int main(int argc, char** argv)
{
    using namespace vgpu::test;
    const std::string_view what = argc > 1 ? argv[1] : "";
    if (what == "tour")
        print_tour();
    else if (what == "look")
        look();
    else if (what == "pointers")
        use_bad_pointers();
    else if (what == "events")
        read_events();
    else if (what == "mappings")
        map_buffers();
    else if (what == "signal")
        get_a_signal();
    else if (what == "reopen")
        close_and_open();
    else if (what == "sleep")
        sleep_in_calls();
    else if (what == "setuid")
        expect(getuid() == 0 && geteuid() != 0 && ask(open_it()) == 0, "it runs as somebody else");
    else if (what == "until-gone" && argc > 2)
        call_until_it_fails(argv[2]);
    else
        return 2;
    return failures ? 1 : 0;
}
