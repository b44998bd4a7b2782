// SPDX-License-Identifier: MIT
//
// Who has called what, for the verdict and the picture. Who: a process group, since a client may be a
// script.
//
// Thread safety: any thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <sys/types.h>

namespace vgpu {

struct call_record {
    pid_t group;
    const char* name; // of the ioctl, or "open", "mmap", "close"
    long result;      // 0 or more, or -errno
    std::int64_t begin_ns;
    std::int64_t end_ns;
};

// A call that has not returned yet, from its constructor to its destructor.
class traced_call {
public:
    traced_call(pid_t group, const char* name);
    ~traced_call();
    traced_call(const traced_call&) = delete;
    traced_call& operator=(const traced_call&) = delete;
    void set_result(long result) { result_ = result; }

private:
    const pid_t group_;
    const char* const name_;
    const std::int64_t begin_ns_;
    long result_ = 0;
    std::uint64_t number_;
};

// From now on the `count`-th call of this name that returns does not get its answer: it waits for
// end_hold(). A test pulls the plug in between.
void hold_at(const char* name, int count);
// Blocks until a call is held.
void await_held();
// Whoever waits for a call that has not come does not wait any more.
void end_wait_for_hold();
void end_hold();

// What is kept of calls that have returned: the first hundred thousand.
std::vector<call_record> traced_calls();
// The names of the calls that a process is in.
std::vector<std::string> calls_under_way(pid_t group);

// A process's calls since it was last asked for, by result.
struct call_counts {
    std::uint64_t good = 0;
    std::map<int, std::uint64_t> failed; // by errno
    std::uint64_t all() const;
    call_counts& operator+=(const call_counts& more);
};
call_counts take_counts(pid_t group);

} // namespace vgpu
