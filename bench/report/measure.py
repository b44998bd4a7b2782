# SPDX-License-Identifier: MIT
"""Runs the benchmark programs and returns what they said, one row per instance."""

import json
import pathlib
import re
import statistics
import subprocess
import sys

# BM_<Subject>_<Workload>/<n>/.../threads:<t>
NAME = re.compile(r"^BM_(?P<subject>\w+)_(?P<workload>[A-Z][A-Za-z0-9]*)(?:/(?P<n>\d+))?(?:/|$)")

PROGRAMS = ("devres_bench_resources", "devres_bench_threads", "devres_bench_access")


class Failed(Exception):
    """A program is missing or did not do what it should."""


def program(build, name):
    for folder in (pathlib.Path(build) / "bench", pathlib.Path(build)):
        path = folder / name
        if path.is_file():
            return path
    raise Failed(f"{name} is not in {build}; build it first (./dev bench does)")


def run(command, **kwargs):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, **kwargs)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {done.returncode}")
    return done.stdout


def repetitions(build, scratch, *, count, min_time, only):
    """Runs the programs. Returns (context, runs); a run is one repetition of one instance."""
    context, runs = {}, []
    for name in PROGRAMS:
        out = pathlib.Path(scratch) / f"{name}.json"
        print(f"# {name}", file=sys.stderr, flush=True)
        run([
            program(build, name),
            f"--benchmark_min_time={min_time}",
            f"--benchmark_repetitions={count}",
            "--benchmark_enable_random_interleaving=true",
            f"--benchmark_filter={only}",
            f"--benchmark_out={out}",
            "--benchmark_out_format=json",
            "--benchmark_display_aggregates_only=true",
        ])
        if not out.exists() or out.stat().st_size == 0:
            continue  # nothing matched the filter
        said = json.loads(out.read_text())
        context = said["context"]
        runs += [b for b in said["benchmarks"] if b["run_type"] == "iteration"]
    return context, runs


def lower_quartile(values):
    return sorted(values)[(len(values) - 1) // 4]


# A repetition is disturbed if its threads were preempted more often than this, if the host took more than this of its
# time, or if it took this much longer than the lower quartile of its instance. Programs with rounds of their own
# (rounds.h) judge by the first and the last.
PREEMPTIONS_PER_SECOND = 20
STOLEN_SHARE = 0.02
SLOWER = 1.5


def why_disturbed(run, ns, low):
    """Of one repetition: "preempted", "stolen", "slow" or None, the first that applies."""
    took = run["took"]
    if run["preempted"] > 1 and run["preempted"] > PREEMPTIONS_PER_SECOND * took:
        return "preempted"
    if run["stolen"] > STOLEN_SHARE * took:
        return "stolen"
    return "slow" if ns > SLOWER * low else None


def rows(runs):
    """Lower quartiles: nanoseconds per item of one thread, how far above them the median lies, and how many of the
    repetitions were disturbed. Every repetition counts, disturbed or not.

    What disturbs a run on a shared machine comes and goes and only ever adds; a median still moves with it."""
    collected = {}
    for b in runs:
        match = NAME.match(b["name"])
        if not match:
            raise Failed(f"unexpected name {b['name']}")
        if b.get("error_occurred"):
            raise Failed(f"{b['name']}: {b['error_message']}")
        n = int(match["n"]) if match["n"] else None
        collected.setdefault((match["workload"], match["subject"], n, b["threads"]), []).append(b)
    result = []
    for (workload, subject, n, threads), repeated in collected.items():
        ns = [b["threads"] * 1e9 / b["items_per_second"] for b in repeated]
        low = lower_quartile(ns)
        reasons = [why_disturbed(b, cost, low) for b, cost in zip(repeated, ns)]
        row = {"workload": workload, "subject": subject, "n": n, "threads": threads, "ns": round(low, 3),
               "spread": round(statistics.median(ns) / low - 1, 2), "repetitions": len(ns),
               "disturbed": {why: reasons.count(why) for why in ("preempted", "stolen", "slow") if why in reasons}}
        if "waits" in repeated[0]:
            row["waits"] = repeated[-1]["waits"]
        result.append(row)
    return sorted(result, key=lambda r: (r["workload"], r["subject"], r["n"] or 0, r["threads"]))


def memory(build, *, count):
    """Resident bytes per action, each subject in processes of its own."""
    binary = program(build, "devres_bench_memory")
    result = []
    for subject in run([binary]).split():
        runs = [json.loads(run([binary, subject]))["bytes"] for _ in range(count)]
        result.append({"subject": subject, "bytes": statistics.median(runs)})
    return result


OWNER_SIZES = (1, 3, 10, 20, 100)
READER_SIZES = {"RevokeAmong": (1, 10, 100, 1000, 4000), "GuardsInOrder": (1, 1000),
                "GuardsOutOfOrder": (1, 1000), "GuardsDetached": (1, 1000), "FirstGuard": (1, 1000, 10000)}


def combine(runs):
    """One row of what several processes said about the same case; their rounds are added up."""
    row = dict(runs[0], ns=lower_quartile([r["ns"] for r in runs]))
    for key in ("rounds", "disturbed"):
        row[key] = sum(r[key] for r in runs)
    if "bytes" in row:
        row["bytes"] = statistics.median(r["bytes"] for r in runs)
    return row


def interleaved(cases, *, count):
    """Calls each of `cases` (key: callable) `count` times, in turn, so that a noisy phase meets everybody."""
    said = {key: [] for key in cases}
    for _ in range(count):
        for key, once in cases.items():
            said[key].append(once())
    return [combine(runs) for runs in said.values()]


def owners_once(build, subject, n, count=None):
    command = [program(build, "devres_bench_owners"), subject, n] + ([count] if count else [])
    return json.loads(run(command))


def owners(build, *, count, quick=False):
    """Many small owners: a process for each subject and size."""
    few = 1000 if quick else None
    return interleaved({(subject, n): lambda s=subject, n=n: owners_once(build, s, n, few)
                        for subject in run([program(build, "devres_bench_owners")]).split() for n in OWNER_SIZES},
                       count=count)


def readers(build, *, count, quick=False):
    """What grows with threads that have read: a process for each case and size."""
    binary = program(build, "devres_bench_readers")
    cases = {}
    for line in run([binary]).splitlines():
        subject, workload = line.split()
        for n in READER_SIZES[workload][:2] if quick else READER_SIZES[workload]:
            cases[subject, workload, n] = lambda s=subject, w=workload, n=n: json.loads(run([binary, s, w, n]))
    rows = interleaved(cases, count=count)
    return sorted(rows, key=lambda r: (r["workload"], r["subject"], r["n"]))
