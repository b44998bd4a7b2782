// SPDX-License-Identifier: MIT

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz/sequence.h"

namespace devres::fuzz {

bool survives(std::span<const unsigned char> program, bool print)
{
    const bytes alone(program.begin(), program.end());
    return survive({&alone, 1}, print);
}

bool survive(std::span<const bytes> programs, bool print)
{
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        if (!print) {
            const int nowhere = ::open("/dev/null", O_WRONLY);
            ::dup2(nowhere, STDERR_FILENO);
        }
        ::alarm(programs.size() == 1 ? 5 : 100);
        for (const bytes& program : programs)
            run(program, print);
        ::_exit(0);
    }
    int status = 0;
    return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bytes shrink(bytes program)
{
    bool smaller = true;
    while (smaller) {
        smaller = false;
        for (std::size_t chunk = program.size() / 2 + 1; chunk != 0; chunk /= 2)
            for (std::size_t at = 0; at + chunk <= program.size();) {
                bytes less = program;
                const auto first = less.begin() + static_cast<std::ptrdiff_t>(at);
                less.erase(first, first + static_cast<std::ptrdiff_t>(chunk));
                if (survives(less)) {
                    at += chunk;
                } else {
                    program = std::move(less);
                    smaller = true;
                }
            }
        for (unsigned char& byte : program) {
            const unsigned char before = byte;
            if (before == 0)
                continue;
            byte = 0;
            if (survives(program))
                byte = before;
            else
                smaller = true;
        }
    }
    return program;
}

void explain(const bytes& program)
{
    const bytes least = shrink(program);
    std::fprintf(stderr, "a sequence of %zu bytes fails; %zu of them are enough:", program.size(),
                 least.size());
    for (const unsigned char byte : least)
        std::fprintf(stderr, " %02x", byte);
    std::fputc('\n', stderr);
    survives(least, true);
}

} // namespace devres::fuzz
