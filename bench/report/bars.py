# SPDX-License-Identifier: MIT
"""The project's bars: what must hold, what is aimed at, and what was measured."""

import dataclasses

from . import measure


@dataclasses.dataclass
class Bar:
    what: str
    measured: float | None
    unit: str  # "x" for a ratio, "ns", "bytes", "waits", "instructions"
    must: float | None
    aim: float | None
    at_least: bool = False

    def meets(self, limit):
        if limit is None or self.measured is None:
            return None
        return self.measured >= limit if self.at_least else self.measured <= limit


class Results:
    """Looks up figures; what was not measured is None, and so is everything computed from it."""

    def __init__(self, saved):
        self.rows = {(r["subject"], r["workload"], r["n"], r["threads"]): r for r in saved["row"]}
        self.bytes = {r["subject"]: r["bytes"] for r in saved["memory"]}
        self.owners = {(r["subject"], r["n"]): r for r in saved["owners"]}
        self.readers = {(r["subject"], r["workload"], r["n"]): r for r in saved["readers"]}
        self.instructions = {r["case"]: r["count"] for r in saved["instruction"]}

    def row(self, subject, workload, n=None, threads=1):
        return self.rows.get((subject, workload, n, threads))

    def ns(self, *key, **kwargs):
        row = self.row(*key, **kwargs)
        return row["ns"] if row else None

    def owner(self, subject, n, what):
        return self.owners.get((subject, n), {}).get(what)

    def among(self, subject, workload, n):
        return self.readers.get((subject, workload, n), {}).get("ns")

    def threads(self, subject, workload, n):
        """As many threads as the machine allowed, for the text of a bar."""
        return self.readers.get((subject, workload, n), {}).get("threads", n)


def ratio(a, b):
    return a / b if a is not None and b else None


def attach(r):
    for ours, model in (("devm", "linux_devm"), ("drmm", "linux_drmm"), ("managed", "linux_devm")):
        cost = r.ns(ours, "AttachRelease", 1000)
        what = "attach + release of an action, 1,000 per head"
        yield Bar(f"{what}: {ours} / {model}", ratio(cost, r.ns(model, "AttachRelease", 1000)), "x", 0.30, 0.20)
        yield Bar(f"{what}: {ours} / apr", ratio(cost, r.ns("apr", "AttachRelease", 1000)), "x", 1.0, None)
        yield Bar(f"{what}: {ours}", r.instructions.get(f"{ours}_attach_release"), "instructions", 110, 70)


def owners(r):
    for n in measure.OWNER_SIZES:
        for what, label in (("bytes", "resident bytes per owner"), ("ns", "time per action")):
            yield Bar(f"many owners alive, {n} action{'s' if n > 1 else ''} each, {label}: managed / linux_devm",
                      ratio(r.owner("managed", n, what), r.owner("linux_devm", n, what)), "x", 1.5, 1.0)


def fresh(r):
    yield Bar("first resource on a fresh head, to the head's end: managed / linux_devm",
              ratio(r.ns("managed", "FirstResource", 1), r.ns("linux_devm", "FirstResource", 1)), "x", 2.0, 1.0)


REMOVALS = (  # how, must, aim, and who does it in which workload
    ("by pointer", 0.5, 0.4, (("devm_kfree", "Free"), ("drmm_kfree", "Free"), ("devm_node_remove", "Remove"),
                              ("devm_delete", "Release"))),
    ("by pair", 1.0, 0.7, (("devm_remove_action", "Remove"), ("devm_release_action", "Release"))),
    ("by handle", 0.8, 0.6, (("devm_handle_cancel", "Remove"), ("devm_handle_run", "Release"))),
)


def removal(r):
    for how, must, aim, who in REMOVALS:
        for subject, kind in who:
            yield Bar(f"remove one {how} at random, 100,000 live: {subject} / talloc",
                      ratio(r.ns(subject, f"{kind}One", 100000), r.ns("talloc", f"{kind}One", 100000)), "x", must, aim)


def first_removal(r):
    for _, _, _, who in REMOVALS:
        for subject, kind in who:
            yield Bar(f"the slowest of the first 64 removals and attaches, 100,000 live: {subject}",
                      r.ns(subject, f"{kind}Worst", 100000), "ns", 1e6, 5e4)


def memory(r):
    for subject in ("devm", "drmm", "managed"):
        yield Bar(f"resident memory per action, 1,000,000 live: {subject}", r.bytes.get(subject), "bytes", 50, 48)


def access(r):
    for subject in ("revocable", "devres_ptr", "drm_dev_enter", "drm_dev_guard"):
        one = r.ns(subject, "Access")
        two = r.ns(subject, "Access", threads=2)
        yield Bar(f"enter + leave: {subject} / urcu_bp", ratio(one, r.ns("urcu_bp", "Access")), "x", 0.8, 0.4)
        yield Bar(f"enter + leave: {subject} / weak_ptr::lock", ratio(one, r.ns("weak_ptr", "Access")), "x", 0.15, None)
        yield Bar(f"two threads on one object, per thread: {subject} / one thread", ratio(two, one), "x", 1.2, None)


def isolation(r):
    for subject in ("revocable", "devres_ptr", "drm_dev_enter", "devres_ptr_unbind"):
        yield Bar(f"revoke A while a reader of B sleeps 50 ms: {subject}", r.ns(subject, "Isolation"), "ns", 1e6, 5e4)


def unbind(r):
    row = r.row("devres_ptr", "UnbindContainers", 1000)
    yield Bar("unbind with 1,000 devres_ptr: waits", row.get("waits") if row else None, "waits", 1, None)
    yield Bar("unbind with 1,000 devres_ptr: cost per container / a plain action's release",
              ratio(r.ns("devres_ptr", "UnbindContainers", 1000), r.ns("devm", "UnbindActions", 1000)), "x", 4.0, 3.0)


def readers(r):
    for subject in ("revocable", "devres_ptr", "drm_dev_enter", "devres_ptr_unbind"):
        for n in (1, 10, 100, 1000) if subject == "revocable" else (1000,):
            with_bar = n == 1000
            yield Bar(f"revoke, nobody inside, after {r.threads(subject, 'RevokeAmong', n):,} other threads have read: {subject}",
                      r.among(subject, "RevokeAmong", n), "ns", 2e4 if with_bar else None, 5e3 if with_bar else None)
    in_order = r.among("revocable", "GuardsInOrder", 1)
    for workload, what in (("GuardsOutOfOrder", "ended out of order"), ("GuardsDetached", "detached")):
        yield Bar(f"a guard {what}, {r.threads('revocable', workload, 1000):,} threads have read / in order, one thread",
                  ratio(r.among("revocable", workload, 1000), in_order), "x", 4.0, 2.0)
    yield Bar(f"a thread's first guard, {r.threads('revocable', 'FirstGuard', 10000):,} threads have read",
              r.among("revocable", "FirstGuard", 10000), "ns", 2e3, 5e2)


def threads(r):
    for subject in ("devm", "drmm", "managed"):
        one = r.ns(subject, "TwoHeads", threads=1)
        two = r.ns(subject, "TwoHeads", threads=2)
        both = 2 * one / two if one and two else None
        yield Bar(f"two threads on two heads, throughput of both: {subject} / one thread", both, "x", 1.7, None,
                  at_least=True)


def head(r):
    yield Bar("sizeof(devres_head)", r.owner("managed", 1, "head"), "bytes", 104, 64)


def all_bars(saved):
    r = Results(saved)
    return [bar for part in (attach, owners, fresh, removal, first_removal, memory, access, isolation, unbind, readers,
                             threads, head) for bar in part(r)]
