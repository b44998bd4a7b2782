// SPDX-License-Identifier: MIT
//
// Names of functions from the symbol tables of ELF files.
//
// The loader knows exported symbols only, and most actions of drivers are static functions. Their names are
// in .symtab, which is not loaded: it is read from the module's file, or from the file that a -dbgsym package
// installs for the module's build id.
//
// Thread safety: any thread.
// Files are read without a lock.
// Invariants
// 1. A file is believed only if its program headers and notes (the build id among them) are what is loaded.
// 2. Offsets found in a file are checked against its size before they are followed.
// 3. The cache is emptied when a module has been unloaded, since its addresses may be used again.

#include "env/posix/symbol.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/posix/process_lock.h"

namespace devres::detail {

namespace {

// A file as it is on disk.
class mapped_file {
public:
    explicit mapped_file(const char* path) noexcept
    {
        const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return;
        struct stat status {};
        if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0) {
            const auto size = static_cast<std::size_t>(status.st_size);
            void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
            if (memory != MAP_FAILED) {
                bytes_ = static_cast<const char*>(memory);
                size_ = size;
            }
        }
        ::close(fd);
    }
    ~mapped_file()
    {
        if (bytes_)
            ::munmap(const_cast<char*>(bytes_), size_); // SAFETY: mapped by the constructor
    }
    mapped_file(const mapped_file&) = delete;
    mapped_file& operator=(const mapped_file&) = delete;

    // `count` things of type T at `offset`, or null if the file does not hold that many there.
    template <class T>
    const T* at(std::size_t offset, std::size_t count = 1) const noexcept
    {
        if (!bytes_ || offset > size_ || count > (size_ - offset) / sizeof(T) || offset % alignof(T) != 0)
            return nullptr;
        // SAFETY: the bytes are there, and ELF's structures are plain data.
        return reinterpret_cast<const T*>(bytes_ + offset);
    }

private:
    const char* bytes_ = nullptr;
    std::size_t size_ = 0;
};

// What the loader knows of the module that a function is in.
struct module_info {
    place_in_function where = place_in_function::beginning;
    std::uintptr_t code = 0;
    bool found = false;
    std::uintptr_t base = 0;
    const ElfW(Phdr) * headers = nullptr;
    std::size_t header_count = 0;
    unsigned long long unloaded = 0; // how many modules have been unloaded so far
    char path[512] = {};
};

int look_at_module(dl_phdr_info* info, std::size_t, void* context) noexcept
{
    auto* wanted = static_cast<module_info*>(context);
    for (std::size_t i = 0; i < info->dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = info->dlpi_phdr[i];
        const std::uintptr_t begin = info->dlpi_addr + segment.p_vaddr;
        if (segment.p_type != PT_LOAD || wanted->code < begin || wanted->code - begin >= segment.p_memsz)
            continue;
        const char* name = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
        if (std::strlen(name) >= sizeof wanted->path)
            return 1;
        std::strcpy(wanted->path, name);
        wanted->base = info->dlpi_addr;
        wanted->headers = info->dlpi_phdr;
        wanted->header_count = info->dlpi_phnum;
        wanted->unloaded = info->dlpi_subs;
        wanted->found = true;
        return 1;
    }
    return 0;
}

// True if the file is what was loaded: it may have been replaced since.
bool is_loaded_from(const module_info& module, const mapped_file& file) noexcept
{
    const auto* elf = file.at<ElfW(Ehdr)>(0);
    if (!elf || elf->e_phnum != module.header_count)
        return false;
    const auto* headers = file.at<ElfW(Phdr)>(elf->e_phoff, elf->e_phnum);
    if (!headers || std::memcmp(headers, module.headers, sizeof(ElfW(Phdr)) * elf->e_phnum) != 0)
        return false;
    for (std::size_t i = 0; i < module.header_count; ++i) {
        const ElfW(Phdr)& segment = headers[i];
        if (segment.p_type != PT_NOTE)
            continue;
        const char* notes = file.at<char>(segment.p_offset, segment.p_filesz);
        // SAFETY: the loader has mapped the segment there.
        const char* loaded = reinterpret_cast<const char*>(module.base + segment.p_vaddr);
        if (!notes || std::memcmp(notes, loaded, segment.p_filesz) != 0)
            return false;
    }
    return true;
}

// Looks for the function that begins `offset` bytes into its module, or has that place inside it.
// Returns:  its linker name, in the file's memory, or null.
const char* find_symbol(const mapped_file& file, std::uintptr_t offset, place_in_function where) noexcept
{
    const auto* elf = file.at<ElfW(Ehdr)>(0);
    if (!elf || std::memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 ||
        elf->e_ident[EI_CLASS] != (sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32))
        return nullptr;
    const auto* sections = file.at<ElfW(Shdr)>(elf->e_shoff, elf->e_shnum);
    if (!sections)
        return nullptr;
    const char* best = nullptr;
    for (std::size_t i = 0; i < elf->e_shnum; ++i) {
        const ElfW(Shdr)& table = sections[i];
        if ((table.sh_type != SHT_SYMTAB && table.sh_type != SHT_DYNSYM) || table.sh_link >= elf->e_shnum)
            continue;
        const std::size_t count = table.sh_size / sizeof(ElfW(Sym));
        const auto* symbols = file.at<ElfW(Sym)>(table.sh_offset, count);
        const ElfW(Shdr)& names = sections[table.sh_link];
        const char* strings = file.at<char>(names.sh_offset, names.sh_size);
        if (!symbols || !strings || names.sh_size == 0 || strings[names.sh_size - 1] != '\0')
            continue;
        for (std::size_t n = 0; n < count; ++n) {
            const ElfW(Sym)& symbol = symbols[n];
            const std::uintptr_t past = offset - symbol.st_value;
            if ((where == place_in_function::inside ? past >= symbol.st_size : past != 0) ||
                symbol.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC ||
                symbol.st_name >= names.sh_size)
                continue;
            best = strings + symbol.st_name;
            if (ELF64_ST_BIND(symbol.st_info) != STB_LOCAL)
                return best; // the name that other modules use
        }
    }
    return best;
}

// The file that holds what was stripped from a module, by the module's build id.
bool debug_file_of(const module_info& module, char* path, std::size_t bytes) noexcept
{
    for (std::size_t i = 0; i < module.header_count; ++i) {
        const ElfW(Phdr)& segment = module.headers[i];
        if (segment.p_type != PT_NOTE)
            continue;
        const std::size_t align = segment.p_align == 8 ? 8 : 4;
        const auto padded = [align](std::size_t size) { return (size + align - 1) & ~(align - 1); };
        // SAFETY: a segment of notes is a row of headers, each followed by its name and contents.
        const char* at = reinterpret_cast<const char*>(module.base + segment.p_vaddr);
        const char* const end = at + segment.p_memsz;
        while (at + sizeof(ElfW(Nhdr)) <= end) {
            const auto& note = *reinterpret_cast<const ElfW(Nhdr)*>(at);
            const char* name = at + sizeof note;
            const auto* id = reinterpret_cast<const unsigned char*>(at + padded(sizeof note + note.n_namesz));
            if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0 &&
                note.n_descsz >= 2 && note.n_descsz <= 64) {
                std::size_t used = static_cast<std::size_t>(
                    std::snprintf(path, bytes, "/usr/lib/debug/.build-id/%02x/", id[0]));
                for (std::size_t b = 1; b < note.n_descsz && used + 9 < bytes; ++b)
                    used += static_cast<std::size_t>(std::snprintf(path + used, bytes - used, "%02x", id[b]));
                std::snprintf(path + used, bytes - used, ".debug");
                return true;
            }
            at += padded(sizeof note + note.n_namesz) + padded(note.n_descsz);
        }
    }
    return false;
}

bool write_name(const mapped_file& file, const module_info& module, char* text, std::size_t bytes) noexcept
{
    const char* symbol = find_symbol(file, module.code - module.base, module.where);
    if (!symbol)
        return false;
    int status = 0;
    char* readable = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
    std::snprintf(text, bytes, "%s", readable ? readable : symbol);
    std::free(readable);
    return true;
}

// Reads the files. Returns and writes what symbol_of() does.
bool look_up(const module_info& module, char* text, std::size_t bytes) noexcept
{
    const std::uintptr_t offset = module.code - module.base;
    {
        const mapped_file file(module.path);
        if (is_loaded_from(module, file) && write_name(file, module, text, bytes))
            return true;
    }
    char path[192];
    if (debug_file_of(module, path, sizeof path)) {
        const mapped_file file(path);
        if (write_name(file, module, text, bytes))
            return true;
    }
    char program[sizeof module.path] = {};
    const char* whole = module.path;
    if (std::strcmp(whole, "/proc/self/exe") == 0 && ::readlink(whole, program, sizeof program - 1) > 0)
        whole = program;
    const char* slash = std::strrchr(whole, '/');
    // A name that is too long is cut off, which the compiler wants to be looked at.
    if (std::snprintf(text, bytes, "%s+0x%zx", slash ? slash + 1 : whole, static_cast<std::size_t>(offset)) <
        0)
        text[0] = '\0';
    return false;
}

// What was looked up lately: one place for each remainder of an address.
class name_cache {
public:
    // Returns:  -1 if it is not here, else what symbol_of() returned, and the text.
    int find(const module_info& module, char* text, std::size_t bytes) noexcept
    {
        const scoped_lock held(process_lock);
        forget_unloaded_locked(module);
        const entry& e = entries_[place(module.code)];
        if (e.code != module.code || e.where != module.where)
            return -1;
        std::snprintf(text, bytes, "%s", e.text);
        return e.has_name ? 1 : 0;
    }
    // Names too long for it are looked up each time.
    void keep(const module_info& module, const char* text, bool has_name) noexcept
    {
        const scoped_lock held(process_lock);
        forget_unloaded_locked(module);
        entry& e = entries_[place(module.code)];
        if (std::strlen(text) >= sizeof e.text)
            return;
        std::strcpy(e.text, text);
        e.has_name = has_name;
        e.code = module.code;
        e.where = module.where;
    }

private:
    struct entry {
        std::uintptr_t code;
        place_in_function where;
        bool has_name;
        char text[119];
    };
    static constexpr std::size_t size = 64;
    static std::size_t place(std::uintptr_t code) noexcept { return (code >> 4 ^ code >> 10) % size; }

    void forget_unloaded_locked(const module_info& module) noexcept DEVRES_REQUIRES(process_lock)
    {
        if (unloaded_ == module.unloaded)
            return;
        for (entry& e : entries_)
            e.code = 0;
        unloaded_ = module.unloaded;
    }

    unsigned long long unloaded_ DEVRES_GUARDED_BY(process_lock) = 0;
    entry entries_[size] DEVRES_GUARDED_BY(process_lock) = {};
};

constinit name_cache cache;

} // namespace

bool symbol_of(const void* code, char* text, std::size_t bytes, place_in_function where) noexcept
{
    module_info module;
    module.where = where;
    module.code = reinterpret_cast<std::uintptr_t>(code);
    {
        const scoped_lock held(process_lock); // so that a fork waits for the loader's lock as well
        ::dl_iterate_phdr(&look_at_module, &module);
    }
    if (!module.found) {
        std::snprintf(text, bytes, "%p", code);
        return false;
    }
    if (const int known = cache.find(module, text, bytes); known >= 0)
        return known == 1;
    char whole[512];
    const bool has_name = look_up(module, whole, sizeof whole);
    cache.keep(module, whole, has_name);
    std::snprintf(text, bytes, "%s", whole);
    return has_name;
}

} // namespace devres::detail
