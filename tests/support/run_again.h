// SPDX-License-Identifier: MIT
//
// What is read from the environment when the library is loaded is tested in a process of its own.
#pragma once

#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace devres::test {

// Runs one test of this program again with `variable` set. Returns: what the shell says of it.
inline int run_again(const std::string& variable, const std::string& test)
{
    char self[4096] = {};
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
        return -1;
    const std::string command = variable + " '" + self + "' --gtest_filter='" + test + "' >/dev/null 2>&1";
    const int status = std::system(command.c_str()); // NOLINT(concurrency-mt-unsafe,cert-env33-c)
    return WIFEXITED(status) ? WEXITSTATUS(status) : status;
}

} // namespace devres::test
