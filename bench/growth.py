#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How the cost of each public operation grows with each number it could depend on, in instructions.

  bench/growth.py --build build/bench            prints the table
  bench/growth.py --build build/bench --check    fails if an operation grows faster than it may
  bench/growth.py --only 'kfree'                 cases whose operation or number matches

Callgrind counts each case (bench/growth/) at three sizes, ten times apart. The exponent is the slope of cost against
size, both logarithmic, between the larger two: 0 is a constant, 1 linear, 2 quadratic. A logarithm shows as some
hundredths.
"""

import argparse
import concurrent.futures
import math
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

from report import measure, tables  # noqa: E402

PROGRAM = "devres_bench_growth"
TOLERANCE = {0: 0.15, 1: 0.20}  # malloc takes other paths for many blocks; a probe of the index is longer if it is full
COUNTED = re.compile(r"^desc: Trigger: Client Request: growth\|(?P<operation>[^|]+)\|(?P<number>[^|]+)"
                     r"\|(?P<allowed>\d+)\|(?P<n>\d+)\|(?P<times>\d+)\|")
TOTALS = re.compile(r"^(?:summary|totals): (\d+)")


def counts_of(binary, group, scratch):
    """Runs one group under callgrind. Yields (operation, number, allowed, n, instructions per operation)."""
    out = pathlib.Path(scratch) / group
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--combine-dumps=yes",
                           "--collect-atstart=no", "--max-threads=1500", str(binary), group],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise measure.Failed(f"callgrind of growth {group} ended with {done.returncode}:\n{done.stderr}")
    case = None
    with out.open() as lines:
        for line in lines:
            if line.startswith("desc: Trigger:"):
                case = COUNTED.match(line)
            elif case and (total := TOTALS.match(line)):
                times = int(case["times"])
                if times:
                    yield (case["operation"], case["number"], int(case["allowed"]), int(case["n"]), int(total[1]) / times)
                case = None


# Operations of these groups are measured against the same numbers and stand in one table.
FAMILIES = {"core": "head", "managed": "head", "memory": "head", "objects": "head"}


def slope(points):
    (n1, low), (n2, high) = points[-2:]
    return math.log(high / low) / math.log(n2 / n1)


def measure_all(build):
    """[{operation, family, numbers: {number: {allowed, sizes, instructions, exponent, too_steep}}}]; empty, saying so,
    without valgrind."""
    if not shutil.which("valgrind"):
        print("bench: valgrind is not installed; growth is not counted", file=sys.stderr)
        return []
    binary = measure.program(build, PROGRAM)
    groups = measure.run([binary]).split()
    points, allowed_for = {}, {}
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for group, found in zip(groups, pool.map(lambda g: list(counts_of(binary, g, scratch)), groups)):
            for operation, number, allowed, n, cost in found:
                key = FAMILIES.get(group, group), operation, number
                points.setdefault(key, []).append((n, cost))
                allowed_for[key] = allowed
    if not points:
        raise measure.Failed("nothing was counted: was valgrind/callgrind.h missing when the benchmarks were built?")
    rows = {}
    for (family, operation, number), at in points.items():
        at.sort()
        allowed, exponent = allowed_for[family, operation, number], slope(at)
        row = rows.setdefault((family, operation), {"operation": operation, "family": family, "numbers": {}})
        row["numbers"][number] = {"allowed": allowed, "sizes": [n for n, _ in at],
                                  "instructions": [round(cost, 1) for _, cost in at], "exponent": round(exponent, 2),
                                  "too_steep": exponent > allowed + TOLERANCE[allowed]}
    return list(rows.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default=".", metavar="REGEX", help="operations whose name matches")
    args = parser.parse_args()
    rows = [r for r in measure_all(args.build) if re.search(args.only, r["operation"])]
    if not rows:
        return 1 if args.check else 0
    if not args.check:
        print(tables.growth_details(rows))
        return 0
    cases = bad = 0
    for row in rows:
        for number, found in row["numbers"].items():
            cases += 1
            if found["too_steep"]:
                bad += 1
                counts = " / ".join(f"{c:,.0f}" for c in found["instructions"])
                sizes = " / ".join(f"{n:,}" for n in found["sizes"])
                print(f"{row['operation']}, against the number of {number}: exponent {found['exponent']:.2f}, allowed "
                      f"{found['allowed']} ({counts} instructions at {sizes})")
    print(f"growth: {cases} cases, " + (f"FAILED: {bad} grow faster than they may" if bad
                                        else "none grows faster than it may"))
    return 1 if bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
