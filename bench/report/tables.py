# SPDX-License-Identifier: MIT
"""Markdown of the results."""

import re

from . import bars, losses, measure, subjects


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
             "min_time": "least time of each, seconds", "minutes": "minutes in all"}
    lines = [f"* {label}: {about[key]}" for key, label in names.items() if about.get(key) is not None]
    return "\n".join(lines + [f"* {disturbance(saved)}"])


def disturbance(saved):
    """How much of the run was disturbed; see measure.why_disturbed."""
    rows = saved["row"]
    total = sum(r["repetitions"] for r in rows)
    why = {reason: sum(r["disturbed"].get(reason, 0) for r in rows) for reason in ("preempted", "stolen", "slow")}
    own = saved["owners"] + saved["readers"]
    return (f"disturbed: {sum(why.values()):,} of {total:,} repetitions ({why['preempted']:,} preempted, "
            f"{why['stolen']:,} with time stolen by the host, {why['slow']:,} slow for another reason), and "
            f"{sum(r['disturbed'] for r in own):,} of {sum(r['rounds'] for r in own):,} rounds of owners and readers; "
            "none was repeated, all are in the figures")


def measured(bar, value):
    if value is None:
        return "–"
    if bar.unit == "ns":
        return duration(value)
    if bar.unit == "x":
        return f"{value:.2f} ×"
    return f"{value:g} {bar.unit}" if bar.unit in ("waits", "instructions") and value == int(value) else f"{number(value)} {bar.unit}"


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


OWNER_OF = re.compile(r"^(devm|drmm|managed)(_|$)")


def loss_table(saved):
    """For each of ours in each workload the peers that beat it, with the worst ratio of each. The same operation on
    another kind of owner is in the same row."""
    found, named = {}, set()
    for workload, ours, peer, places in losses.find(saved):
        who, worst = found.setdefault((workload, OWNER_OF.sub("", ours)), (set(), {}))
        who.add(ours)
        n, threads, a, b = max(places, key=lambda p: p[2] / p[3])
        worst[peer] = max(worst.get(peer, (0, "")), (a / b, place(n, threads)))
        named.add(peer)
    if not found:
        return "Nowhere in this run."
    body = [(workload, ", ".join(sorted(who)), "; ".join(f"{peer} {by:.1f} ×{' at ' + where if where else ''}"
                                                         for peer, (by, where) in worst.items()))
            for (workload, _), (who, worst) in found.items()]
    legend = "\n".join(f"* {peer}: {subjects.LEAVES_OUT[peer]}" for peer in sorted(named) if peer in subjects.LEAVES_OUT)
    return (table(("workload", "ours", "peers that beat it: the worst ratio, and where"), body, left=3)
            + "\n\nWhat these leave out:\n\n" + legend)


TITLES = {
    "AttachRelease": "attach n actions and release them all, same head; ns per action",
    "FirstResource": "new head, n actions, end; ns per action",
    "ProbeBody": "a typical probe and its release (32 resources); ns per resource",
    "ProbeUnbind": "the same through device_driver_attach and device_release_driver; ns per resource",
    "FreeOne": "free one 64-byte block of n by pointer, at random; ns",
    "FreeFirst": "the first such free on a head with n; ns",
    "FreeWorst": "the slowest of the first 64 such frees and as many attaches, n live",
    "FreeAll": "attach n blocks, free each at random, everything timed; ns per block",
    "FreeChurn": "free one of n at random and attach one; ns for both",
    "RemoveOne": "drop one action of n without calling it, at random; ns",
    "RemoveFirst": "the first such removal on a head with n; ns",
    "RemoveWorst": "the slowest of the first 64 such removals and as many attaches, n live",
    "RemoveAll": "attach n actions, drop each at random, everything timed; ns per action",
    "RemoveChurn": "drop one action of n at random and attach one; ns for both",
    "ReleaseOne": "call and drop one action of n, at random; ns",
    "ReleaseFirst": "the first such release on a head with n; ns",
    "ReleaseWorst": "the slowest of the first 64 such releases and as many attaches, n live",
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
AS_DURATION = ("Revoke", "RevokeBusy", "Isolation", "FreeWorst", "RemoveWorst", "ReleaseWorst")
ON_THE_PAGE = ("AttachRelease", "FirstResource", "ProbeBody", "ProbeUnbind", "FreeOne", "RemoveOne", "ReleaseOne",
               "TwoHeads", "Access", "Revoke", "UnbindContainers", "UnbindActions")


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


def all_tables(saved, only=None):
    parts = []
    for workload, title in TITLES.items():
        rows = [r for r in saved["row"] if r["workload"] == workload]
        if rows and (only is None or workload in only):
            parts.append(f"#### {workload}: {title}\n\n{workload_table(rows, workload)}")
    return "\n\n".join(parts)


def bold(subject):
    return f"**{subject}**" if subjects.is_ours(subject) else subject


def sorted_by_subject(rows):
    return sorted(rows, key=lambda r: subjects.order(r["subject"]))


def memory_table(saved):
    return table(("subject", "resident bytes per action"),
                 [(bold(r["subject"]), f"{r['bytes']:.1f}") for r in sorted_by_subject(saved["memory"])])


def owners_table(saved):
    """Bytes and time in one table; the bytes are without the embedded head, which has a column of its own."""
    rows = {(r["subject"], r["n"]): r for r in saved["owners"]}
    if not rows:
        return "Not measured in this run."
    sizes = measure.OWNER_SIZES
    alive = sorted({(r["n"], r["owners"]) for r in saved["owners"]})
    most = max(count for _, count in alive)
    fewer = "; ".join(f"{count:,} with {n} each" for n, count in alive if count != most)

    def line(what, subject, digits):
        return [f"{rows[subject, n][what]:,.{digits}f}" if (subject, n) in rows else "" for n in sizes]

    names = sorted({subject for subject, _ in rows}, key=subjects.order)
    body = [(bold(s), f"{rows[s, sizes[0]]['head']}", *line("bytes", s, 0), *line("ns", s, 1)) for s in names]
    header = ("owners with … actions each", "embedded head", *(f"{n}: bytes" for n in sizes),
              *(f"{n}: ns" for n in sizes))
    return (f"{most:,} owners alive" + (f" ({fewer})" if fewer else "")
            + ". Bytes per owner, beside the embedded head; nanoseconds per action.\n\n" + table(header, body))


def readers_table(saved):
    rows = {(r["workload"], r["subject"], r["n"]): r for r in saved["readers"]}
    if not rows:
        return "Not measured in this run."
    sizes = sorted({n for *_, n in rows})

    def cell(workload, subject, n):
        row = rows.get((workload, subject, n))
        if not row:
            return ""
        fewer = f" ({row['threads']:,} threads)" if row["threads"] != n else ""
        return duration(row["ns"]) + fewer

    names = sorted({key[:2] for key in rows}, key=lambda k: (k[0], subjects.order(k[1])))
    return table(("workload", "subject", *(f"{n:,}" for n in sizes)),
                 [(workload, bold(subject), *(cell(workload, subject, n) for n in sizes)) for workload, subject in names],
                 left=2)


def instruction_table(saved):
    if not saved["instruction"]:
        return "Not counted in this run."
    return table(("case", "instructions per operation"),
                 [(r["case"], f"{r['count']:.1f}") for r in saved["instruction"]])


# --- Growth ---------------------------------------------------------------------------------------------------

def exponent(found):
    """Bold if it grows faster than it may; with what it may where that is more than a constant."""
    text = f"{found['exponent'] + 0.0:.2f}" if abs(found["exponent"]) >= 0.005 else "0"
    return (f"**{text}**" if found["too_steep"] else text) + (f" (≤ {found['allowed']})" if found["allowed"] else "")


def growth_table(saved):
    """One table for each set of numbers that operations were measured against."""
    if not saved["growth"]:
        return "Not counted in this run."
    families = {}
    for row in saved["growth"]:
        families.setdefault(row["family"], []).append(row)
    parts = []
    for rows in families.values():
        numbers = list(dict.fromkeys(number for row in rows for number in row["numbers"]))
        body = [(row["operation"], *(exponent(row["numbers"][n]) if n in row["numbers"] else "" for n in numbers))
                for row in rows]
        parts.append(table(("operation, and the number it is counted against", *numbers), body))
    cases = [f for row in saved["growth"] for f in row["numbers"].values()]
    bad = sum(f["too_steep"] for f in cases)
    return (f"{len(cases)} cases; {f'**{bad}** grow' if bad else 'none grows'} faster than allowed.\n\n"
            + "\n\n".join(parts))


def growth_details(rows):
    body = [(row["operation"], number, ("**" if f["too_steep"] else "") + f"{f['exponent']:.2f}"
             + ("**" if f["too_steep"] else ""), str(f["allowed"]),
             " / ".join(f"{c:,.0f}" for c in f["instructions"]), " / ".join(f"{n:,}" for n in f["sizes"]))
            for row in rows for number, f in row["numbers"].items()]
    return table(("operation", "number", "exponent", "allowed", "instructions", "at"), body, left=2)
