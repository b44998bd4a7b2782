// SPDX-License-Identifier: MIT
//
// What stands under the tests instead of an operating system's library: the entry point, two system calls,
// the four functions that a compiler may call of its own accord, and the loop over the tests. x86-64 and
// arm64, Linux.
#include "harness.h"

#include "memory.h"

#include <cstddef>
#include <cstdint>

// The first instruction of the program. Gives main a stack as the calling convention wants it.
#if defined(__x86_64__)
asm(".globl _start\n"
    "_start:\n"
    "    xorl %ebp, %ebp\n"
    "    andq $-16, %rsp\n"
    "    call freestanding_main\n");
#elif defined(__aarch64__)
asm(".globl _start\n"
    "_start:\n"
    "    mov x29, #0\n"
    "    mov x30, #0\n"
    "    bl freestanding_main\n");
#else
#error "tests/freestanding knows x86-64 and arm64"
#endif

extern "C" {
extern const freestanding::test* const __start_freestanding_tests[]; // made by the linker
extern const freestanding::test* const __stop_freestanding_tests[];

// GCC and clang may call these even when freestanding. Built with -fno-tree-loop-distribute-patterns, so that
// their loops do not become calls to themselves.
void* memcpy(void* to, const void* from, std::size_t size)
{
    for (std::size_t i = 0; i < size; i++)
        static_cast<unsigned char*>(to)[i] = static_cast<const unsigned char*>(from)[i];
    return to;
}

void* memmove(void* to, const void* from, std::size_t size)
{
    if (to <= from)
        return memcpy(to, from, size);
    for (std::size_t i = size; i-- > 0;)
        static_cast<unsigned char*>(to)[i] = static_cast<const unsigned char*>(from)[i];
    return to;
}

void* memset(void* to, int value, std::size_t size)
{
    for (std::size_t i = 0; i < size; i++)
        static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(value);
    return to;
}

int memcmp(const void* left, const void* right, std::size_t size)
{
    for (std::size_t i = 0; i < size; i++) {
        const int difference =
            static_cast<const unsigned char*>(left)[i] - static_cast<const unsigned char*>(right)[i];
        if (difference != 0)
            return difference;
    }
    return 0;
}
}

namespace freestanding {

namespace {

constinit int failures = 0;
constinit int warning_count = 0;
constinit char warning[512] = {};
constinit const char* expected_bug = nullptr; // null: a BUG ends the program
constinit bool bug_had_the_words = false;
constinit void* back_to_the_test[5] = {};

long system_call(long number, long first, const void* second, long third) noexcept
{
#if defined(__x86_64__)
    long result;
    asm volatile("syscall"
                 : "=a"(result)
                 : "a"(number), "D"(first), "S"(second), "d"(third)
                 : "rcx", "r11", "memory");
    return result;
#else
    register long x0 asm("x0") = first;
    register const void* x1 asm("x1") = second;
    register long x2 asm("x2") = third;
    register long x8 asm("x8") = number;
    asm volatile("svc 0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
    return x0;
#endif
}

#if defined(__x86_64__)
constexpr long nr_write = 1;
constexpr long nr_exit_group = 231;
#else
constexpr long nr_write = 64;
constexpr long nr_exit_group = 94;
#endif

std::size_t length_of(const char* text) noexcept
{
    std::size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

void write_number(int number) noexcept
{
    char digits[12];
    char* first = digits + sizeof digits;
    *--first = '\0';
    do
        *--first = static_cast<char>('0' + number % 10);
    while ((number /= 10) != 0);
    write_error(first);
}

} // namespace

void write_error(const char* text) noexcept
{
    system_call(nr_write, 2, text, static_cast<long>(length_of(text)));
}

void exit_now(int status) noexcept
{
    for (;;)
        system_call(nr_exit_group, status, nullptr, 0);
}

bool contains(const char* text, const char* words) noexcept
{
    const std::size_t length = length_of(words);
    for (; length_of(text) >= length; text++) {
        if (memcmp(text, words, length) == 0)
            return true;
    }
    return false;
}

void fail(const char* file, int line, const char* expression) noexcept
{
    failures++;
    write_error(file);
    write_error(":");
    write_number(line);
    write_error(": failed: ");
    write_error(expression);
    write_error("\n");
}

int warnings() noexcept
{
    return warning_count;
}

const char* last_warning() noexcept
{
    return warning;
}

void warn(const char* text) noexcept
{
    warning_count++;
    const std::size_t length = length_of(text) < sizeof warning ? length_of(text) : sizeof warning - 1;
    memcpy(warning, text, length);
    warning[length] = '\0';
}

[[gnu::noinline]] bool reports_a_bug(void (*misuse)(), const char* words) noexcept
{
    expected_bug = words;
    const volatile unsigned generation = new_generation(); // is read after the jump
    if (__builtin_setjmp(back_to_the_test) == 0) {
        misuse();
        expected_bug = nullptr;
        write_error("no BUG\n");
        return false;
    }
    expected_bug = nullptr;
    give_bytes_since(generation);
    return bug_had_the_words;
}

[[gnu::noinline]] void bug(const char* text) noexcept
{
    if (!expected_bug) {
        write_error(text);
        write_error("\n");
        exit_now(3);
    }
    bug_had_the_words = contains(text, expected_bug);
    if (!bug_had_the_words) {
        write_error(text);
        write_error("\n");
    }
    __builtin_longjmp(back_to_the_test, 1);
}

} // namespace freestanding

extern "C" [[noreturn, gnu::used]] void freestanding_main()
{
    using namespace freestanding;
    int passed = 0;
    int failed = 0;
    for (const test* const* each = __start_freestanding_tests; each != __stop_freestanding_tests; each++) {
        const int failures_before = failures;
        const int blocks_before = live_blocks();
        warning_count = 0;
        warning[0] = '\0';
        (*each)->run();
        if (live_blocks() != blocks_before)
            fail((*each)->name, 0, "gives back all memory");
        if (failures == failures_before) {
            passed++;
        } else {
            failed++;
            write_error("FAILED: ");
            write_error((*each)->name);
            write_error("\n");
        }
    }
    write_number(passed);
    write_error(" passed, ");
    write_number(failed);
    write_error(" failed\n");
    exit_now(failed != 0 || passed == 0 ? 1 : 0);
}
