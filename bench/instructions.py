#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions per operation, counted by callgrind, and resident bytes per owner: stable where times are not, so that
CI can guard them.

  bench/instructions.py --build build/bench            prints them
  bench/instructions.py --build build/bench --check    fails if one of ours has grown by more than the margin
  bench/instructions.py --build build/bench --update   makes today's counts the ones to compare with

Each case runs twice with different numbers of rounds; the difference is what the additional rounds cost. Counts
depend on the compiler, so instructions.json keeps one set for each.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from report import measure  # noqa: E402

BASELINE = HERE / "instructions.json"
PROGRAM = "devres_bench_instructions"
PER_ROUND = 1000
ROUNDS = (2, 12)


def cases_and_compiler(build):
    done = subprocess.run([str(measure.program(build, PROGRAM))], capture_output=True, text=True, check=True)
    return done.stdout.split(), re.search(r"compiler: (.*)", done.stderr)[1]


def total(binary, case, rounds, scratch):
    out = pathlib.Path(scratch) / f"{case}.{rounds}"
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", str(binary), case, str(rounds)],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise measure.Failed(f"callgrind of {case} ended with {done.returncode}:\n{done.stderr}")
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def count_all(build):
    """{case: instructions per operation}; empty, saying so, without valgrind."""
    if not shutil.which("valgrind"):
        print("bench: valgrind is not installed; no instructions are counted", file=sys.stderr)
        return {}
    binary = measure.program(build, PROGRAM)
    cases, _ = cases_and_compiler(build)
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        jobs = {case: [pool.submit(total, binary, case, rounds, scratch) for rounds in ROUNDS] for case in cases}
        return {case: (many.result() - few.result()) / ((ROUNDS[1] - ROUNDS[0]) * PER_ROUND)
                for case, (few, many) in jobs.items()}


def bytes_per_owner(build):
    """{managed_owner_bytes_<n>: resident bytes beside the embedded head}, for Linux's model as well."""
    return {f"{prefix}{subject}_owner_bytes_{n}": measure.owners_once(build, subject, n)["bytes"]
            for prefix, subject in (("", "managed"), ("peer_", "linux_devm")) for n in measure.OWNER_SIZES}


def guarded(counts):
    return {case: round(n, 2) for case, n in counts.items() if not case.startswith("peer_")}


def load():
    return json.loads(BASELINE.read_text()) if BASELINE.exists() else {}


def check(counts, compiler, margin):
    known = load().get(compiler)
    if known is None:
        print(f"no counts for '{compiler}' in {BASELINE.name}; run this with --update")
        return 1
    bad = 0
    for case, now in guarded(counts).items():
        before = known.get(case)
        if before is None:
            print(f"{case}: new; run this with --update")
            bad += 1
        elif now > before * (1 + margin):
            print(f"{case}: {now:.1f}, was {before:.1f}: more than {100 * margin:.0f} % above")
            bad += 1
        elif now < before * (1 - margin):
            print(f"{case}: {now:.1f}, was {before:.1f}: better; --update keeps it so")
    for case in known.keys() - guarded(counts).keys():
        print(f"{case}: gone; run this with --update")
        bad += 1
    print("instructions and bytes per owner: " + ("FAILED" if bad else f"none is more than {100 * margin:.0f} % above"))
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--margin", type=float, default=0.05)
    args = parser.parse_args()
    counts = count_all(args.build)
    if not counts:
        return 1 if args.check or args.update else 0
    counts.update(bytes_per_owner(args.build))
    for case, n in counts.items():
        print(f"{n:10.1f}  {case}")
    _, compiler = cases_and_compiler(args.build)
    if args.update:
        BASELINE.write_text(json.dumps({**load(), compiler: guarded(counts)}, indent=2, sort_keys=True) + "\n")
    return check(counts, compiler, args.margin) if args.check else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
