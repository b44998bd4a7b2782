// SPDX-License-Identifier: MIT

#include "env/posix/probes.h"

#include "env/env.h"

namespace devres::detail {

// Tracers find a counter by its place in the file, so it must have one: in this section, not among zeroes.
[[gnu::section(".probes")]] constinit std::atomic<std::uintptr_t> event_listeners{0};

} // namespace devres::detail

#if __has_include(<sys/sdt.h>) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ // the low bits come first

#define _SDT_HAS_SEMAPHORES 1 // NOLINT(bugprone-reserved-identifier): what the header asks for
#include <sys/sdt.h>

// A tracer that attaches to a probe counts up its semaphore, of 16 bits. Those of events are the low bits of
// event_listeners, so that one look at that says whether anybody listens. Nobody looks at the others'.
__asm__(".hidden devres_attach_semaphore\n"
        ".hidden devres_release_semaphore\n"
        ".hidden devres_remove_semaphore\n"
        ".globl devres_attach_semaphore\n"
        ".globl devres_release_semaphore\n"
        ".globl devres_remove_semaphore\n"
        ".set devres_attach_semaphore, _ZN6devres6detail15event_listenersE\n"
        ".set devres_release_semaphore, _ZN6devres6detail15event_listenersE\n"
        ".set devres_remove_semaphore, _ZN6devres6detail15event_listenersE\n");

extern "C" {
extern unsigned short devres_attach_semaphore [[gnu::visibility("hidden")]];
extern unsigned short devres_release_semaphore [[gnu::visibility("hidden")]];
extern unsigned short devres_remove_semaphore [[gnu::visibility("hidden")]];
[[gnu::visibility("hidden"), gnu::section(".probes")]] unsigned short devres_wait_semaphore = 0;
[[gnu::visibility("hidden"), gnu::section(".probes")]] unsigned short devres_wait_end_semaphore = 0;
}

#else

#define STAP_PROBE2(...) ((void)0)
#define STAP_PROBE5(...) ((void)0)

#endif

namespace devres::detail {

void probe_event([[maybe_unused]] const char* op, [[maybe_unused]] devres_head* head,
                 [[maybe_unused]] const char* kind, [[maybe_unused]] const char* name,
                 [[maybe_unused]] std::size_t bytes) noexcept
{
    if ((event_listeners.load(std::memory_order_relaxed) & (hook_listens - 1)) == 0)
        return;
    [[maybe_unused]] const char* owner = devres_owner_name(head);
    if (op[0] == 'A')
        STAP_PROBE5(devres, attach, head, kind, owner, name, bytes);
    else if (op[2] == 'L')
        STAP_PROBE5(devres, release, head, kind, owner, name, bytes);
    else
        STAP_PROBE5(devres, remove, head, kind, owner, name, bytes);
}

void probe_wait([[maybe_unused]] devres_head* head, [[maybe_unused]] const char* function) noexcept
{
    STAP_PROBE2(devres, wait, head, function);
}

void probe_wait_end([[maybe_unused]] devres_head* head, [[maybe_unused]] const char* function) noexcept
{
    STAP_PROBE2(devres, wait_end, head, function);
}

} // namespace devres::detail
