// SPDX-License-Identifier: MIT
//
// A test harness for code without an operating system: it needs no heap, no constructor before main and no
// C library.
//
//     FREESTANDING_TEST(NewestIsFoundFirst) // C4
//     {
//         CHECK(devres_find(&head, release, nullptr, nullptr) == newest);
//     }
//
// A failed CHECK is reported and the test goes on. Tests run in the order in which they are linked; each
// leaves behind no memory of the byte array (see memory.h), which is checked after it. The program ends with
// status 0 if nothing failed.
#pragma once

namespace freestanding {

// One test: its name and what it runs. The linker collects pointers to them in one section, an array.
struct test {
    const char* name;
    void (*run)();
};

// What the operating system does for us (runner.cpp): two raw system calls.
void write_error(const char* text) noexcept;
[[noreturn]] void exit_now(int status) noexcept;

// Reports a failed expectation; the running test has failed.
void fail(const char* file, int line, const char* expression) noexcept;

// Runs `misuse`, which has to end in a BUG whose report contains `words`. Returns false and reports if it
// does not. What was locked stays locked, so use an owner that nobody needs afterwards; what memory was taken
// meanwhile is given back.
bool reports_a_bug(void (*misuse)(), const char* words) noexcept;

// Called by the environment instead of aborting: does not return.
[[noreturn]] void bug(const char* text) noexcept;

// How many warnings there were since the test began, and the last one ("" if none).
int warnings() noexcept;
const char* last_warning() noexcept;
void warn(const char* text) noexcept; // called by the environment

bool contains(const char* text, const char* words) noexcept;

} // namespace freestanding

#define FREESTANDING_TEST(name)                                                                              \
    static void run_##name();                                                                                \
    static constexpr freestanding::test test_##name = {#name, run_##name};                                   \
    [[gnu::section("freestanding_tests"),                                                                    \
      gnu::used]] static constinit const freestanding::test* const registered_##name = &test_##name;         \
    static void run_##name()

#define CHECK(...) ((__VA_ARGS__) ? void() : freestanding::fail(__FILE__, __LINE__, #__VA_ARGS__))
#define CHECK_BUG(words, ...)                                                                                \
    (freestanding::reports_a_bug([] { __VA_ARGS__; }, words)                                                 \
         ? void()                                                                                            \
         : freestanding::fail(__FILE__, __LINE__, "BUG: " words))
