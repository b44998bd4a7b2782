// SPDX-License-Identifier: MIT
//
// Stops a thread in the middle of the library, at its next access of an object, so that a test can do
// something there that otherwise only a race would do.
//
// The object lies on a page of its own. While the wire is armed, that page cannot be accessed: a thread that
// does gets a SIGSEGV, waits in its handler, and then goes on.
#pragma once

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <latch>
#include <new>

#include <sys/mman.h>
#include <unistd.h>

namespace devres::test {

// One at a time.
template <class T>
class tripwire {
public:
    explicit tripwire(const T& object)
    {
        void* page =
            ::mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED)
            std::abort();
        object_ = ::new (page) T(object);
        active = this;
        struct sigaction action {};
        action.sa_sigaction = &on_access;
        action.sa_flags = SA_SIGINFO;
        ::sigaction(SIGSEGV, &action, &before_);
    }
    ~tripwire()
    {
        ::sigaction(SIGSEGV, &before_, nullptr);
        active = nullptr;
        ::munmap(object_, page_bytes());
    }
    tripwire(const tripwire&) = delete;
    tripwire& operator=(const tripwire&) = delete;

    T& object() { return *object_; }

    // Once.
    void arm() { ::mprotect(object_, page_bytes(), PROT_NONE); }
    // Returns when a thread has come to the object.
    void await() { reached_.wait(); }
    // It goes on.
    void let_go()
    {
        ::mprotect(object_, page_bytes(), PROT_READ | PROT_WRITE);
        go_on_.count_down();
    }

private:
    static std::size_t page_bytes() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

    static void on_access(int, siginfo_t* info, void*)
    {
        const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(info->si_addr) -
                                      reinterpret_cast<std::uintptr_t>(active->object_);
        if (offset >= page_bytes())
            std::abort(); // another access than the one that was waited for
        active->reached_.count_down();
        active->go_on_.wait();
    }

    static inline tripwire* active = nullptr;

    T* object_;
    std::latch reached_{1};
    std::latch go_on_{1};
    struct sigaction before_ {};
};

} // namespace devres::test
