// SPDX-License-Identifier: MIT
//
// libdw is loaded when it is first needed, and is no dependency: its functions are found by name, and what
// they take is declared here as its documentation has it.

#include "env/posix/source_line.h"

#include <cstdint>
#include <cstdio>

#include <dlfcn.h>
#include <sys/types.h>
#include <unistd.h>

#include <devres/env/lock.h>

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

class debugging_information {
public:
    const char* line_of(const void* code, int* number) noexcept
    {
        const scoped_lock held(lock_);
        if (!tried_)
            open_locked();
        if (!session_)
            return nullptr;
        // Once more with the modules of today, if it is in none of those that were there last time.
        const auto at = reinterpret_cast<address>(code);
        module* its = addrmodule_(session_, at);
        if (!its && report_locked())
            its = addrmodule_(session_, at);
        line* found = its ? module_getsrc_(its, at) : nullptr;
        return found ? lineinfo_(found, nullptr, number, nullptr, nullptr, nullptr) : nullptr;
    }

private:
    template <class Function>
    bool find_locked(void* library, const char* name, Function* out) noexcept DEVRES_REQUIRES(lock_)
    {
        *out = reinterpret_cast<Function>(::dlsym(library, name));
        return *out != nullptr;
    }

    void open_locked() noexcept DEVRES_REQUIRES(lock_)
    {
        tried_ = true;
        void* library = ::dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL);
        session* (*begin)(const callbacks*) = nullptr;
        if (!library || !find_locked(library, "dwfl_begin", &begin) ||
            !find_locked(library, "dwfl_linux_proc_find_elf", &callbacks_.find_elf) ||
            !find_locked(library, "dwfl_report_begin", &report_begin_) ||
            !find_locked(library, "dwfl_linux_proc_report", &proc_report_) ||
            !find_locked(library, "dwfl_report_end", &report_end_) ||
            !find_locked(library, "dwfl_addrmodule", &addrmodule_) ||
            !find_locked(library, "dwfl_module_getsrc", &module_getsrc_) ||
            !find_locked(library, "dwfl_lineinfo", &lineinfo_))
            return;
        callbacks_.find_debuginfo = &look_nowhere_else;
        session_ = begin(&callbacks_);
        if (session_)
            report_locked();
    }

    bool report_locked() noexcept DEVRES_REQUIRES(lock_)
    {
        report_begin_(session_);
        const bool good = proc_report_(session_, ::getpid()) == 0;
        return report_end_(session_, nullptr, nullptr) == 0 && good;
    }

    lock lock_;
    bool tried_ DEVRES_GUARDED_BY(lock_) = false;
    session* session_ DEVRES_GUARDED_BY(lock_) = nullptr;
    callbacks callbacks_ DEVRES_GUARDED_BY(lock_) = {};
    void (*report_begin_)(session*) DEVRES_GUARDED_BY(lock_) = nullptr;
    int (*proc_report_)(session*, pid_t) DEVRES_GUARDED_BY(lock_) = nullptr;
    int (*report_end_)(session*, int (*)(module*, void*, const char*, address, void*), void*)
        DEVRES_GUARDED_BY(lock_) = nullptr;
    module* (*addrmodule_)(session*, address)DEVRES_GUARDED_BY(lock_) = nullptr;
    line* (*module_getsrc_)(module*, address)DEVRES_GUARDED_BY(lock_) = nullptr;
    const char* (*lineinfo_)(line*, address*, int*, int*, std::uint64_t*,
                             std::uint64_t*)DEVRES_GUARDED_BY(lock_) = nullptr;
};

constinit debugging_information information;

} // namespace

bool source_line_of(const void* code, char* text, std::size_t bytes) noexcept
{
    int number = 0;
    const char* file = information.line_of(code, &number); // stays as long as the session
    if (bytes)
        *text = '\0';
    if (!file)
        return false;
    std::snprintf(text, bytes, "%s:%d", file, number);
    return true;
}

} // namespace devres::detail
