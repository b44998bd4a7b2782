// SPDX-License-Identifier: MIT
//
// The way in: what a program may do with a card's descriptor, and what the daemon must not believe.
#include <string>
#include <thread>

#include <drm.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../run/client_process.h"
#include "../server/message.h"
#include "bench.h"

namespace vgpu::test {
namespace {

class TransportTest : public VgpuTest {
protected:
    void SetUp() override
    {
        plug_in();
        fd = open_card();
        ASSERT_GE(fd, 0);
    }
    void TearDown() override
    {
        if (fd >= 0)
            shim_close(fd);
    }
    static int ask(int file)
    {
        drm_get_cap cap{DRM_CAP_DUMB_BUFFER, 0};
        return call(file, DRM_IOCTL_GET_CAP, &cap);
    }
    // Leaves the screen lit and one flip's event to be read.
    void flip() const { tour(shim_calls, fd); }

    int fd = -1;
};

TEST_F(TransportTest, ABadPointerIsAnErrorAndNothingElse)
{
    EXPECT_EQ(-EFAULT, call(fd, DRM_IOCTL_GET_CAP, nullptr));
    drm_version v{};
    v.name = reinterpret_cast<char*>(16);
    v.name_len = 10;
    EXPECT_EQ(-EFAULT, call(fd, DRM_IOCTL_VERSION, &v));
    drm_mode_create_blob blob{16, 100'000, 0};
    EXPECT_EQ(-EFAULT, call(fd, DRM_IOCTL_MODE_CREATEPROPBLOB, &blob));
    EXPECT_EQ(0, ask(fd));
}

TEST_F(TransportTest, AReadThatIsTooShortLosesNothing)
{
    flip();
    pollfd one{fd, POLLIN, 0};
    ASSERT_EQ(1, poll(&one, 1, 10'000));
    char few[8];
    EXPECT_EQ(0, shim_read(fd, few, sizeof few));
    drm_event_vblank event{};
    EXPECT_EQ(ssize_t{sizeof event}, shim_read(fd, &event, sizeof event));
    EXPECT_EQ(7u, event.user_data);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    EXPECT_EQ(-1, shim_read(fd, &event, sizeof event));
    EXPECT_EQ(EAGAIN, errno);
}

TEST_F(TransportTest, AMappingReachesNoFurtherThanItsOwnBuffer)
{
    drm_mode_create_dumb dumb{16, 16, 32, 0, 0, 0, 0};
    ASSERT_EQ(0, call(fd, DRM_IOCTL_MODE_CREATE_DUMB, &dumb));
    drm_mode_map_dumb map{dumb.handle, 0, 0};
    ASSERT_EQ(0, call(fd, DRM_IOCTL_MODE_MAP_DUMB, &map));
    const auto offset = static_cast<off_t>(map.offset);
    EXPECT_EQ(MAP_FAILED, shim_mmap(nullptr, dumb.size + 1, PROT_READ, MAP_SHARED, fd, offset));
    EXPECT_EQ(EINVAL, errno);
    EXPECT_EQ(MAP_FAILED, shim_mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd, 0));
    const int other = open_card();
    EXPECT_EQ(MAP_FAILED, shim_mmap(nullptr, dumb.size, PROT_READ, MAP_SHARED, other, offset))
        << "not its own";
    shim_close(other);
    void* memory = shim_mmap(nullptr, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
    ASSERT_NE(MAP_FAILED, memory);
    munmap(memory, dumb.size);
}

TEST_F(TransportTest, CloseIsOverWhenItReturnsAndADuplicateKeepsTheFile)
{
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    shim_close(fd);
    fd = copy;
    EXPECT_EQ(1u, daemon().open_files());
    EXPECT_EQ(0, ask(fd));
    shim_close(fd);
    EXPECT_EQ(0u, daemon().open_files());
    fd = open_card();
    drm_client client{};
    EXPECT_EQ(0, call(fd, DRM_IOCTL_GET_CLIENT, &client));
    EXPECT_EQ(1, client.auth) << "master, since nobody else is";
}

TEST_F(TransportTest, AThreadThatWaitsForAVblankDelaysNoOther)
{
    flip();
    std::thread waiter([this] {
        drm_wait_vblank wait{};
        wait.request.type = _DRM_VBLANK_RELATIVE;
        wait.request.sequence = 1'000'000;
        EXPECT_EQ(-ENODEV, call(fd, DRM_IOCTL_WAIT_VBLANK, &wait));
    });
    while (calls_under_way(getpgrp()).empty())
        std::this_thread::yield();
    EXPECT_EQ(0, ask(fd));
    displays->pull(); // wakes it
    waiter.join();
}

TEST_F(TransportTest, AChildHasAConnectionOfItsOwn)
{
    ASSERT_EQ(0, ask(fd));
    const pid_t child = fork();
    if (child == 0)
        _exit(ask(fd) == 0 && ask(fd) == 0 ? 0 : 1);
    int status = -1;
    ASSERT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
    EXPECT_EQ(0, ask(fd));
}

// A name is not enough: it can be guessed.
TEST_F(TransportTest, AFileIsOnlyForWhoCanShowItsDescriptor)
{
    ASSERT_EQ(0, ask(fd));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = daemon().folder() + VGPU_CALLS_SOCKET;
    path.copy(name.sun_path, sizeof name.sun_path - 1);
    const int stranger = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ASSERT_EQ(0, connect(stranger, reinterpret_cast<const sockaddr*>(&name), sizeof name));
    message m;
    unique_fd none;
    const auto say = [&](vgpu_word word, int shown) {
        m.head = {};
        m.head.word = word;
        m.head.file = name_of(fd);
        m.head.number = DRM_IOCTL_DROP_MASTER;
        m.size = 0;
        return send_message(stranger, m, shown) && receive_message(stranger, &m, &none) ? m.head.result : -1;
    };
    EXPECT_EQ(-ESTALE, say(VGPU_IOCTL, -1));
    EXPECT_EQ(-EBADF, say(VGPU_USE, -1));
    EXPECT_EQ(-EBADF, say(VGPU_USE, stranger)) << "another one's descriptor";
    EXPECT_EQ(-ESTALE, say(VGPU_IOCTL, -1));
    EXPECT_EQ(0, say(VGPU_USE, fd));
    EXPECT_EQ(0, say(VGPU_IOCTL, -1));
    close(stranger);
}

TEST_F(TransportTest, AProgramSeesACharacterDevice)
{
    client_process shell(
        {"sh", "-c",
         "exec 9<>/dev/dri/card0; stat -c '%F %t:%T' /dev/dri/card0; stat -L -c '%F %t:%T' /dev/fd/9;"
         "readlink /sys/dev/char/226:0/device/subsystem; ls /dev/dri"},
        daemon().environment(VGPU_TEST_SHIM));
    pollfd end{shell.end_is_readable(), POLLIN, 0};
    ASSERT_EQ(1, poll(&end, 1, 120'000));
    shell.read_output();
    EXPECT_NE(std::string::npos, shell.text().find("character special file e2:0")) << shell.text();
    EXPECT_NE(std::string::npos, shell.text().find("bus/platform")) << shell.text();
    EXPECT_NE(std::string::npos, shell.text().find("card0")) << shell.text();
}

} // namespace
} // namespace vgpu::test
