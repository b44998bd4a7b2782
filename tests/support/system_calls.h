// SPDX-License-Identifier: MIT
//
// Counts the membarrier(2) calls of a thread, by asking the kernel: each traps, is counted, and is then let
// through.
//
// The trap is a seccomp filter, from which there is no way out: so whoever counts does it in a thread of its
// own.
#pragma once

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <thread>

#include <linux/filter.h>
#include <linux/membarrier.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace devres::test {

class barrier_counter {
public:
    // Runs `body` in a thread whose expedited barriers are counted.
    // Returns: false if this machine does not let us.
    template <class Body>
    static bool run(Body body)
    {
        bool possible = false;
        std::thread([&] {
            possible = trap();
            if (possible)
                body();
        }).join();
        return possible;
    }

    // How many expedited barriers the calling thread, one of run(), has asked the kernel for so far.
    static unsigned count() { return calls; }

private:
    // The kernel ignores the third argument of these commands, so it can say that the call was counted.
    static constexpr long counted = 0x7e57;

    static inline thread_local volatile unsigned calls = 0;

    static bool trap()
    {
        struct sigaction action = {};
        action.sa_sigaction = &on_trap;
        action.sa_flags = SA_SIGINFO | SA_NODEFER;
        if (::sigaction(SIGSYS, &action, nullptr) != 0)
            return false;
        sock_filter program[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_membarrier, 0, 3),
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, counted, 1, 0),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const sock_fprog filter{sizeof program / sizeof *program, program};
        return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
    }

    static void on_trap(int, siginfo_t*, void* context)
    {
        auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext; // SAFETY: what SA_SIGINFO promises
#if defined(__x86_64__)
        const auto command = static_cast<int>(registers.gregs[REG_RDI]);
        auto& result = registers.gregs[REG_RAX];
#elif defined(__aarch64__)
        const auto command = static_cast<int>(registers.regs[0]);
        auto& result = registers.regs[0];
#else
#error "which registers hold a system call's first argument and its result?"
#endif
        if (command == MEMBARRIER_CMD_PRIVATE_EXPEDITED)
            calls = calls + 1;
        const long done = ::syscall(SYS_membarrier, command, 0, counted);
        result = static_cast<std::remove_reference_t<decltype(result)>>(done == 0 ? 0 : -errno);
    }
};

} // namespace devres::test
