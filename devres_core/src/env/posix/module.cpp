// SPDX-License-Identifier: MIT
//
// One copy of the library in a process, and it stays (V12).
//
// Reader records, the lot of sleepers and identities must be one per process: two copies, such as a static
// one in a program and another in a plug-in, would each end objects under readers of the other. So each copy
// leaves an ELF note in the module that it is linked into, and a copy that is loaded counts the modules that
// have one.
//
// Does not: see copies in another namespace of dlmopen().
//
// It is also here that a program under a sanitizer hears that the library is not.

#include "env/posix/module.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <devres/detail/report.h>
#include <devres/env/built_with.h>

// Weak: a program linked with -static has no use for it, and would be warned about it.
extern "C" [[gnu::weak]] void* dlopen(const char* file, int mode) noexcept;

// Defined by the sanitizers' runtimes. NOLINTBEGIN(bugprone-reserved-identifier): their names
#if !defined(DEVRES_TSAN)
extern "C" [[gnu::weak]] void __tsan_init() noexcept;
#endif
#if !defined(DEVRES_ASAN)
extern "C" [[gnu::weak]] void __asan_init() noexcept;
#endif
// NOLINTEND(bugprone-reserved-identifier)

// The note: sizes of name and contents, type, name, contents (the form of what must not be there twice).
asm(".pushsection .note.devres,\"a\",%note\n"
    ".balign 4\n"
    ".long 7, 4, 1\n"
    ".asciz \"devres\"\n"
    ".balign 4\n"
    ".long 1\n"
    ".popsection\n");

namespace devres::detail {

namespace {

constexpr char note_name[] = "devres";

bool is_note_of_ours(const ElfW(Nhdr) & note) noexcept
{
    return note.n_namesz == sizeof note_name && note.n_type == 1 &&
           std::memcmp(&note + 1, note_name, sizeof note_name) == 0;
}

// How far it is to the end of something that is padded to `align`.
constexpr std::size_t padded(std::size_t size, std::size_t align) noexcept
{
    return (size + align - 1) & ~(align - 1);
}

bool has_note(const dl_phdr_info& module) noexcept
{
    for (unsigned i = 0; i < module.dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = module.dlpi_phdr[i];
        if (segment.p_type != PT_NOTE)
            continue;
        const std::size_t align = segment.p_align == 8 ? 8 : 4;
        // SAFETY: a segment of notes is a row of headers, each followed by its name and contents.
        const char* at = reinterpret_cast<const char*>(module.dlpi_addr + segment.p_vaddr);
        const char* const end = at + segment.p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const auto& note = *reinterpret_cast<const ElfW(Nhdr)*>(at);
            if (is_note_of_ours(note))
                return true;
            at += padded(sizeof note + note.n_namesz, align);
            at += padded(note.n_descsz, align);
        }
    }
    return false;
}

constexpr std::size_t file_size = 160; // two of them fit into a message

struct copies {
    unsigned count = 0;
    char files[2][file_size] = {};
};

// The end of a long path says more than its beginning.
void set_file(char (&to)[file_size], const char* name) noexcept
{
    const std::size_t length = std::strlen(name);
    const std::size_t left_out = length < file_size ? 0 : length - (file_size - 1);
    std::memcpy(to, name + left_out, length - left_out + 1);
}

int count_copy(dl_phdr_info* module, std::size_t, void* context) noexcept
{
    auto* found = static_cast<copies*>(context);
    if (!has_note(*module))
        return 0;
    if (found->count < 2) {
        char program[1024];
        const char* name = module->dlpi_name;
        if (!name || !*name) {
            const auto length = ::readlink("/proc/self/exe", program, sizeof program - 1);
            program[length > 0 ? length : 0] = '\0';
            name = length > 0 ? program : "the program";
        }
        set_file(found->files[found->count], name);
    }
    ++found->count;
    return 0;
}

void reject_second_copy() noexcept
{
    copies found;
    ::dl_iterate_phdr(&count_copy, &found);
    if (found.count < 2)
        return;
    char text[480];
    std::snprintf(text, sizeof text,
                  "the library is in this process twice, in %s and in %s; link both with the shared library",
                  found.files[0], found.files[1]);
    bug("load", nullptr, text);
}

// A shared library or a plug-in that holds the library is not unloaded any more.
void stay_loaded() noexcept
{
    Dl_info self{};
    if (!dlopen || ::dladdr(reinterpret_cast<const void*>(&count_copy), &self) == 0 || !self.dli_fname)
        return;
    // Null for the program itself, which stays anyhow.
    static_cast<void>(dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE));
}

void compare_sanitizers() noexcept
{
#if !defined(DEVRES_TSAN)
    if (__tsan_init)
        warn("load", nullptr,
             "this program is built with -fsanitize=thread and devres is not: it will report false races");
#endif
#if !defined(DEVRES_ASAN)
    if (__asan_init)
        warn("load", nullptr,
             "this program is built with -fsanitize=address and devres is not: it will miss overflows");
#endif
}

} // namespace

void join_process() noexcept
{
    reject_second_copy();
    stay_loaded();
    compare_sanitizers();
}

} // namespace devres::detail
