// SPDX-License-Identifier: MIT
//
// A child of fork(2) that does something, and says whether that was right.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace devres::test {

// Runs `body` in a child; true if it came to its end, within 20 seconds, and said true.
template <class Body>
bool in_child(Body body)
{
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::_exit(body() ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(child, ::waitpid(child, &status, 0));
    if (WIFSIGNALED(status))
        ADD_FAILURE() << "the child was ended by signal " << WTERMSIG(status);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

} // namespace devres::test
