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


def rows(runs):
    """Lower quartiles: nanoseconds per item of one thread, and how far above them the median lies.

    What disturbs a run on a shared machine comes and goes and only ever adds; a median still moves with it."""
    collected = {}
    for b in runs:
        match = NAME.match(b["name"])
        if not match:
            raise Failed(f"unexpected name {b['name']}")
        if b.get("error_occurred"):
            raise Failed(f"{b['name']}: {b['error_message']}")
        n = int(match["n"]) if match["n"] else None
        key = (match["subject"], match["workload"], n, b["threads"])
        row = collected.setdefault(key, {"runs": [], "counters": {}})
        row["runs"].append(b["threads"] * 1e9 / b["items_per_second"])
        if "waits" in b:
            row["counters"]["waits"] = b["waits"]
    result = []
    for (subject, workload, n, threads), row in collected.items():
        runs = sorted(row["runs"])
        low = runs[(len(runs) - 1) // 4]
        spread = statistics.median(runs) / low - 1
        result.append({
            "subject": subject, "workload": workload, "n": n, "threads": threads,
            "ns": round(low, 3), "spread": round(spread, 4),
            "runs": [round(r, 3) for r in row["runs"]], "counters": row["counters"],
        })
    return result


def memory(build, *, count):
    """Resident bytes per action, each subject in processes of its own."""
    binary = program(build, "devres_bench_memory")
    result = {}
    for subject in run([binary]).split():
        runs = [json.loads(run([binary, subject]))["bytes"] for _ in range(count)]
        result[subject] = statistics.median(runs)
    return result
