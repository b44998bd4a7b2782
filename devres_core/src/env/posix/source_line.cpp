// SPDX-License-Identifier: MIT
//
// libdw is loaded when it is first needed, and is no dependency: its functions are found by name, and what
// they take is declared here as its documentation has it. A program linked with -static goes without.

#include "env/posix/source_line.h"

#include <cstdint>
#include <cstdio>

#include <dlfcn.h>
#include <pthread.h>
#include <sys/types.h>
#include <unistd.h>

#include <devres/detail/scoped_lock.h>

// Weak, as in module.cpp.
extern "C" [[gnu::weak]] void* dlopen(const char* file, int mode) noexcept;

namespace devres::detail {

namespace {

// Opaque to us: Dwfl, Dwfl_Module, Dwfl_Line, Elf.
struct session;
struct module;
struct line;
struct elf;
using address = std::uint64_t;

struct callbacks {
    int (*find_elf)(module*, void**, const char*, address, char**, elf**);
    int (*find_debuginfo)(module*, void**, const char*, address, const char*, const char*, std::uint32_t,
                          char**);
    int (*section_address)(module*, void**, const char*, address, const char*, std::uint32_t, const void*,
                           address*);
    char** debuginfo_path;
};

int look_nowhere_else(module*, void**, const char*, address, const char*, const char*, std::uint32_t, char**)
{
    return -1;
}

struct functions {
    session* (*begin)(const callbacks*);
    void (*report_begin)(session*);
    int (*proc_report)(session*, pid_t);
    int (*report_end)(session*, int (*)(module*, void*, const char*, address, void*), void*);
    module* (*addrmodule)(session*, address);
    line* (*module_getsrc)(module*, address);
    const char* (*lineinfo)(line*, address*, int*, int*, std::uint64_t*, std::uint64_t*);
};

template <class Function>
bool find(void* library, const char* name, Function* out) noexcept
{
    *out = reinterpret_cast<Function>(::dlsym(library, name));
    return *out != nullptr;
}

class debugging_information {
public:
    // As source_line_of().
    bool line_of(const void* code, char* text, std::size_t bytes) noexcept
    {
        const scoped_lock held(lock_);
        if (!tried_)
            open_locked();
        if (!session_)
            return false;
        // Once more with the modules of today, if it is in none of those that were there last time.
        const auto at = reinterpret_cast<address>(code);
        module* its = libdw_.addrmodule(session_, at);
        if (!its && report_locked())
            its = libdw_.addrmodule(session_, at);
        line* found = its ? libdw_.module_getsrc(its, at) : nullptr;
        int number = 0;
        const char* file =
            found ? libdw_.lineinfo(found, nullptr, &number, nullptr, nullptr, nullptr) : nullptr;
        if (!file)
            return false;
        std::snprintf(text, bytes, "%s:%d", file, number); // under the lock: a later report may free `file`
        return true;
    }

    // If libdw was at work on a thread that has not come along, it cannot be used here any more, and no line
    // is known. A fork does not wait for it, since it opens files and modules.
    void after_fork_in_child() noexcept DEVRES_NO_THREAD_SAFETY_ANALYSIS // nobody else is here
    {
        if (!lock_.try_acquire()) {
            tried_ = true;
            session_ = nullptr;
        }
        lock_.release();
    }

private:
    void open_locked() noexcept DEVRES_REQUIRES(lock_)
    {
        tried_ = true;
        void* library = dlopen ? dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL) : nullptr;
        if (!library || !find(library, "dwfl_begin", &libdw_.begin) ||
            !find(library, "dwfl_linux_proc_find_elf", &callbacks_.find_elf) ||
            !find(library, "dwfl_report_begin", &libdw_.report_begin) ||
            !find(library, "dwfl_linux_proc_report", &libdw_.proc_report) ||
            !find(library, "dwfl_report_end", &libdw_.report_end) ||
            !find(library, "dwfl_addrmodule", &libdw_.addrmodule) ||
            !find(library, "dwfl_module_getsrc", &libdw_.module_getsrc) ||
            !find(library, "dwfl_lineinfo", &libdw_.lineinfo))
            return;
        callbacks_.find_debuginfo = &look_nowhere_else;
        session_ = libdw_.begin(&callbacks_);
        if (session_)
            report_locked();
    }

    bool report_locked() noexcept DEVRES_REQUIRES(lock_)
    {
        libdw_.report_begin(session_);
        const bool good = libdw_.proc_report(session_, ::getpid()) == 0;
        return libdw_.report_end(session_, nullptr, nullptr) == 0 && good;
    }

    lock lock_;
    bool tried_ DEVRES_GUARDED_BY(lock_) = false;
    session* session_ DEVRES_GUARDED_BY(lock_) = nullptr;
    callbacks callbacks_ DEVRES_GUARDED_BY(lock_) = {};
    functions libdw_ DEVRES_GUARDED_BY(lock_) = {};
};

constinit debugging_information information;

[[gnu::constructor]] void set_up() noexcept
{
    ::pthread_atfork(nullptr, nullptr, [] { information.after_fork_in_child(); });
}

} // namespace

bool source_line_of(const void* code, char* text, std::size_t bytes) noexcept
{
    if (bytes)
        *text = '\0';
    return information.line_of(code, text, bytes);
}

} // namespace devres::detail
