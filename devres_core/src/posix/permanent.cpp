// SPDX-License-Identifier: MIT
//
// Which strings need no copy: those in read-only data of the program, as Linux's kstrdup_const() has it.
//
// Only the program's own count. A plug-in's literals go with the plug-in, and a string that its device keeps
// must not.
//
// Thread safety: any thread. Cost: a look at the program's headers, a dozen comparisons.

#include <devres/detail/attach.h>

#include <cstdint>

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

namespace devres::detail {

bool is_permanent(const char* s) noexcept
{
    // SAFETY: the kernel hands every process the address and the number of its program's headers.
    const auto* const headers = reinterpret_cast<const ElfW(Phdr)*>(::getauxval(AT_PHDR));
    const std::size_t count = ::getauxval(AT_PHNUM);
    if (!s || !headers)
        return false;
    // The program is loaded at its own addresses unless its header of headers says otherwise.
    std::uintptr_t base = 0;
    for (std::size_t i = 0; i < count; ++i)
        if (headers[i].p_type == PT_PHDR)
            base = reinterpret_cast<std::uintptr_t>(headers) - headers[i].p_vaddr;
    const auto at = reinterpret_cast<std::uintptr_t>(s) - base;
    for (std::size_t i = 0; i < count; ++i) {
        const ElfW(Phdr)& segment = headers[i];
        if (segment.p_type == PT_LOAD && !(segment.p_flags & PF_W) && at >= segment.p_vaddr &&
            at - segment.p_vaddr < segment.p_memsz)
            return true;
    }
    return false;
}

} // namespace devres::detail
