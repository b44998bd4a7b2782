# SPDX-License-Identifier: MIT
"""The project's bars: what must hold, what is aimed at, and what was measured."""

import dataclasses


@dataclasses.dataclass
class Bar:
    what: str
    measured: float | None
    unit: str  # "x" for a ratio, "ns", "bytes", "waits"
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
        self.by_key = {(r["subject"], r["workload"], r["n"], r["threads"]): r for r in saved["rows"]}
        self.bytes = saved["memory"]

    def row(self, subject, workload, n=None, threads=1):
        return self.by_key.get((subject, workload, n, threads))

    def ns(self, *key, **kwargs):
        row = self.row(*key, **kwargs)
        return row["ns"] if row else None


def ratio(a, b):
    return a / b if a is not None and b else None


def attach(r):
    def cost(subject):
        return r.ns(subject, "AttachRelease", 1000)

    for ours, model in (("devm", "linux_devm"), ("drmm", "linux_drmm"), ("managed", "linux_devm")):
        yield Bar(f"attach + release of an action, 1,000 per head: {ours} / {model}",
                  ratio(cost(ours), cost(model)), "x", 0.50, 0.25)
        yield Bar(f"the same: {ours} / apr", ratio(cost(ours), cost("apr")), "x", 1.0, None)


def removal(r):
    """The bar is for removal by pointer. By pair and by handle is shown beside it: a pair has to be looked up first."""
    def cost(subject, workload):
        return r.ns(subject, workload, 100000)

    by_pointer = (("devm_kfree", "FreeOne"), ("drmm_kfree", "FreeOne"), ("devm_node_remove", "RemoveOne"),
                  ("devm_delete", "ReleaseOne"))
    others = (("devm_remove_action", "RemoveOne"), ("devm_handle_cancel", "RemoveOne"),
              ("devm_release_action", "ReleaseOne"))
    for subject, workload in by_pointer + others:
        has_bar = (subject, workload) in by_pointer
        how = "by pointer" if has_bar else "by handle" if "handle" in subject else "by pair"
        what = f"remove one {how} at random, 100,000 live: {subject}"
        yield Bar(f"{what} / talloc", ratio(cost(subject, workload), cost("talloc", workload)), "x",
                  1.0 if has_bar else None, 0.5 if has_bar else None)
        if workload == "ReleaseOne":
            continue  # the list calls nothing
        for floor, label in (("floor_unchecked_list", "unchecked list in an arena"),
                             ("floor_unchecked_list_mutex", "the same list with a mutex")):
            must = 3.0 if has_bar and floor == "floor_unchecked_list" else None
            yield Bar(f"{what} / {label}", ratio(cost(subject, workload), cost(floor, workload)), "x", must, None)


def memory(r):
    for subject in ("devm", "drmm", "managed"):
        yield Bar(f"resident memory per action, 1,000,000 live: {subject}", r.bytes.get(subject), "bytes", 56, 48)


def access(r):
    for subject in ("revocable", "devres_ptr", "drm_dev_enter", "drm_dev_guard"):
        one = r.ns(subject, "Access")
        two = r.ns(subject, "Access", threads=2)
        yield Bar(f"enter + leave: {subject} / urcu_bp", ratio(one, r.ns("urcu_bp", "Access")), "x", 1.0, 0.4)
        yield Bar(f"enter + leave: {subject} / weak_ptr::lock", ratio(one, r.ns("weak_ptr", "Access")),
                  "x", 0.30, None)
        yield Bar(f"two threads on one object, per thread: {subject} / one thread", ratio(two, one), "x", 1.2, None)


def isolation(r):
    for subject in ("revocable", "devres_ptr", "drm_dev_enter", "devres_ptr_unbind"):
        yield Bar(f"revoke A while a reader of B sleeps 50 ms: {subject}", r.ns(subject, "Isolation"),
                  "ns", 1e6, 5e4)


def unbind(r):
    row = r.row("devres_ptr", "UnbindContainers", 1000)
    waits = row["counters"].get("waits") if row else None
    yield Bar("unbind with 1,000 devres_ptr: waits", waits, "waits", 1, None)
    yield Bar("the same: cost per container / a plain action's release",
              ratio(r.ns("devres_ptr", "UnbindContainers", 1000), r.ns("devm", "UnbindActions", 1000)),
              "x", 6.0, 3.0)


def threads(r):
    for subject in ("devm", "drmm", "managed"):
        one = r.ns(subject, "TwoHeads", threads=1)
        two = r.ns(subject, "TwoHeads", threads=2)
        both = 2 * one / two if one and two else None
        yield Bar(f"two threads on two heads, throughput of both: {subject} / one thread", both, "x", 1.7, None,
                  at_least=True)


def all_bars(saved):
    r = Results(saved)
    return [bar for part in (attach, removal, memory, access, isolation, unbind, threads) for bar in part(r)]
