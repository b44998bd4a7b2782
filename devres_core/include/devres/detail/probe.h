// SPDX-License-Identifier: MIT
//
// A USDT probe about an owner, which bpftrace can attach to in a running program (docs/tracing.md): one
// instruction that does nothing, where there is <sys/sdt.h>, else nothing. A macro, since the name of a probe
// is a part of the instruction. For compiled sources only: no header of ours includes this one.
//
// Locking: not under a lock, since the owner is asked its name.
#pragma once

#include <devres/diagnostics.h>

#if __has_include(<sys/sdt.h>)
#include <sys/sdt.h>
#define DEVRES_PROBE_OWNER(name, head)                                                                       \
    STAP_PROBE3(devres, name, head, devres_owner_kind(head), devres_owner_name(head))
#else
#define DEVRES_PROBE_OWNER(name, head) ((void)0)
#endif
