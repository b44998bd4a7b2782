// SPDX-License-Identifier: MIT
#include "client_process.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char** environ;

namespace vgpu {
namespace {

struct pipe_ends {
    unique_fd read;
    unique_fd write;
};

void make_pipe(pipe_ends* made)
{
    int ends[2] = {-1, -1};
    if (pipe2(ends, O_CLOEXEC))
        return;
    made->read.reset(ends[0]);
    made->write.reset(ends[1]);
}

// The names of system calls that programs sleep in.
const char* name_of_call(long number)
{
    switch (number) {
    case SYS_read:
        return "read";
    case SYS_ppoll:
        return "poll";
    case SYS_pselect6:
        return "select";
    case SYS_epoll_pwait:
        return "epoll_wait";
    case SYS_futex:
        return "futex";
    case SYS_recvmsg:
        return "recvmsg";
    case SYS_recvfrom:
        return "recv";
    case SYS_clock_nanosleep:
    case SYS_nanosleep:
        return "nanosleep";
    case SYS_wait4:
        return "wait";
#ifdef SYS_poll
    case SYS_poll:
        return "poll";
    case SYS_select:
        return "select";
    case SYS_epoll_wait:
        return "epoll_wait";
#endif
    default:
        return nullptr;
    }
}

} // namespace

client_process::client_process(std::vector<std::string> command, std::vector<std::string> environment)
    : name_(command.empty() ? "" : command[0])
{
    pipe_ends in, out;
    make_pipe(&in);
    make_pipe(&out);
    std::vector<char*> argv;
    for (std::string& word : command)
        argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<char*> envp;
    for (char** e = environ; *e; ++e)
        if (std::strncmp(*e, "LD_PRELOAD=", 11) != 0)
            envp.push_back(*e);
    for (std::string& variable : environment)
        envp.push_back(variable.data());
    envp.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&attributes, 0);
    const int err = posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (err) {
        pid_ = -1;
        ended_ = true;
        text_ = std::strerror(err);
        return;
    }
    pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    fcntl(out.read.get(), F_SETFL, O_NONBLOCK);
    input_ = std::move(in.write);
    output_ = std::move(out.read);
}

client_process::~client_process()
{
    if (pid_ > 0 && pidfd_)
        kill();
}

bool client_process::read_output()
{
    char part[4096];
    for (;;) {
        const ssize_t count = read(output_.get(), part, sizeof part);
        if (count > 0)
            text_.append(part, static_cast<std::size_t>(count));
        else if (count == 0)
            return false;
        else if (errno != EINTR)
            return errno == EAGAIN;
    }
}

bool client_process::has_ended()
{
    if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_)
        ended_ = true;
    return ended_;
}

std::string client_process::last_line() const
{
    std::size_t end = text_.find_last_not_of("\r\n \t");
    if (end == std::string::npos)
        return {};
    std::size_t begin = text_.find_last_of("\r\n", end);
    begin = begin == std::string::npos ? 0 : begin + 1;
    return text_.substr(begin, end - begin + 1);
}

void client_process::press_enter()
{
    [[maybe_unused]] const ssize_t written = write(input_.get(), "\n", 1);
}

void client_process::kill()
{
    if (!ended_) {
        ::kill(-pid_, SIGKILL);
        while (waitpid(pid_, &status_, 0) < 0 && errno == EINTR)
            ;
        ended_ = true;
    }
    ::kill(-pid_, SIGKILL); // what it started and did not wait for
    read_output();
}

std::string client_process::system_call() const
{
    const std::string folder = "/proc/" + std::to_string(pid_);
    std::ifstream file(folder + "/syscall");
    std::string number, first;
    file >> number >> first;
    if (number.empty() || number == "running")
        return number;
    const long value = std::strtol(number.c_str(), nullptr, 10);
    if (value == SYS_read && first == "0x0")
        return "read of its user's input";
    const char* name = name_of_call(value);
    return name ? name : "system call " + number;
}

} // namespace vgpu
