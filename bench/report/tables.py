# SPDX-License-Identifier: MIT
"""Markdown of the results."""

from . import bars, losses, subjects


def number(value):
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def duration(ns):
    if ns is None:
        return "not measured"
    for limit, unit in ((1e3, "ns"), (1e6, "µs"), (1e9, "ms")):
        if ns < limit:
            return f"{number(ns * 1e3 / limit)} {unit}"
    return f"{number(ns / 1e9)} s"


def table(header, rows, left=1):
    """`left`: how many columns, from the first, are text."""
    rule = "|".join("---" if i < left else "--:" for i in range(len(header)))
    lines = ["| " + " | ".join(header) + " |", "|" + rule + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def context(saved):
    about = saved["about"]
    names = {"commit": "commit", "date": "date", "cpu": "CPU", "system": "system", "compiler": "compiler",
             "flags": "flags", "peers": "peers", "left_out": "not installed, left out",
             "load_before": "load average before", "repetitions": "repetitions, randomly interleaved",
             "min_time": "least time of each, seconds"}
    return "\n".join(f"* {label}: {about[key]}" for key, label in names.items() if about.get(key) is not None)


def measured(bar, value):
    if value is None:
        return "–"
    if bar.unit == "ns":
        return duration(value)
    if bar.unit == "x":
        return f"{value:.2f} ×"
    return f"{value:g} {bar.unit}" if bar.unit == "waits" else f"{number(value)} {bar.unit}"


def verdict(bar):
    if bar.measured is None:
        return "not measured"
    if bar.must is None:
        return "no bar"
    if not bar.meets(bar.must):
        return "**FAILS**"
    if bar.aim is None:
        return "holds"
    return "holds, aim reached" if bar.meets(bar.aim) else "holds, aim missed"


def bar_table(saved):
    def limit(bar, value):
        return "–" if value is None else ("≥ " if bar.at_least else "≤ ") + measured(bar, value)

    judged = bars.all_bars(saved)
    rows = [(b.what, measured(b, b.measured), limit(b, b.must), limit(b, b.aim), verdict(b)) for b in judged]
    with_must = [b for b in judged if b.must is not None and b.measured is not None]
    held = sum(1 for b in with_must if b.meets(b.must))
    return f"{held} of {len(with_must)} musts hold.\n\n" + table(("what", "measured", "must", "aim", ""), rows)


def place(n, threads):
    parts = ([f"{n:,}"] if n is not None else []) + ([f"{threads} threads"] if threads > 1 else [])
    return ", ".join(parts)


def loss_table(saved):
    by_ours = {}
    for workload, ours, peer, places in losses.find(saved):
        by_ours.setdefault((workload, ours), []).append((peer, places))
    if not by_ours:
        return "Nowhere in this run."
    rows, named = [], set()
    for (workload, ours), peers in by_ours.items():
        cells = []
        for peer, places in peers:
            a, b = max(places, key=lambda p: p[2] / p[3])[2:]
            where = "; ".join(filter(None, (place(n, threads) for n, threads, *_ in places)))
            cells.append(f"{peer} {a / b:.1f} × ({number(a)} / {number(b)}{' at ' + where if where else ''})")
            named.add(peer)
        rows.append((workload, ours, "<br>".join(cells)))
    legend = "\n".join(f"* {peer}: {subjects.LEAVES_OUT[peer]}" for peer in sorted(named) if peer in subjects.LEAVES_OUT)
    return (table(("workload", "ours", "peers that beat it, worst ratio (ours / peer, ns or bytes, and where)"), rows, left=3)
            + "\n\nWhat these leave out:\n\n" + legend)


TITLES = {
    "AttachRelease": "attach n actions and release them all, same head; ns per action",
    "FirstResource": "new head, n actions, end; ns per action",
    "ProbeBody": "a typical probe and its release (32 resources); ns per resource",
    "ProbeUnbind": "the same through device_driver_attach and device_release_driver; ns per resource",
    "FreeOne": "free one 64-byte block of n by pointer, at random; ns",
    "FreeFirst": "the first such free on a head with n; ns",
    "FreeAll": "attach n blocks, free each at random, everything timed; ns per block",
    "FreeChurn": "free one of n at random and attach one; ns for both",
    "RemoveOne": "drop one action of n without calling it, at random; ns",
    "RemoveFirst": "the first such removal on a head with n; ns",
    "RemoveAll": "attach n actions, drop each at random, everything timed; ns per action",
    "RemoveChurn": "drop one action of n at random and attach one; ns for both",
    "ReleaseOne": "call and drop one action of n, at random; ns",
    "ReleaseFirst": "the first such release on a head with n; ns",
    "ReleaseAll": "attach n actions, call and drop each at random, everything timed; ns per action",
    "ReleaseChurn": "call and drop one action of n at random and attach one; ns for both",
    "TwoHeads": "attach + release, a head for each thread; ns per action of one thread",
    "OneHead": "attach + release, one head for all threads; ns per action of one thread",
    "GrowDoubling": "krealloc from 16 bytes to n by doubling; ns per call",
    "GrowByStep": "krealloc to n bytes in steps of 64; ns per call",
    "Access": "enter, read, leave; ns, per thread",
    "Revoke": "revoke, nobody inside",
    "RevokeBusy": "revoke while another thread reads another object",
    "Isolation": "revoke A while a reader of B sleeps 50 ms",
    "UnbindContainers": "unbind with n containers; ns per container",
    "UnbindActions": "unbind with n plain actions; ns per action",
}
AS_DURATION = ("Revoke", "RevokeBusy", "Isolation")


def workload_table(rows, workload):
    columns = sorted({(r["n"] or 0, r["threads"]) for r in rows})
    cells = {(r["subject"], r["n"] or 0, r["threads"]): r for r in rows}

    def cell(subject, column):
        row = cells.get((subject, *column))
        if not row:
            return ""
        value = duration(row["ns"]) if workload in AS_DURATION else number(row["ns"])
        return f"{value} +{100 * row['spread']:.0f}%"

    header = [place(n or None, threads) or "1 thread" for n, threads in columns]
    names = sorted({r["subject"] for r in rows}, key=subjects.order)
    body = [(f"**{s}**" if subjects.is_ours(s) else s, *(cell(s, c) for c in columns)) for s in names]
    return table(("", *header), body)


def all_tables(saved):
    parts = []
    for workload, title in TITLES.items():
        rows = [r for r in saved["rows"] if r["workload"] == workload]
        if rows:
            parts.append(f"#### {workload}: {title}\n\n{workload_table(rows, workload)}")
    return "\n\n".join(parts)


def memory_table(saved):
    rows = [(f"**{s}**" if subjects.is_ours(s) else s, f"{size:.1f}")
            for s, size in sorted(saved["memory"].items(), key=lambda item: subjects.order(item[0]))]
    return table(("subject", "resident bytes per action"), rows)


def instruction_table(saved):
    counts = saved.get("instructions")
    if not counts:
        return "Not counted in this run."
    return table(("case", "instructions per operation"), [(c, f"{n:.1f}") for c, n in counts.items()])
