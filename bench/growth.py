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
TOLERANCE = {0: 0.10, 1: 0.20}  # malloc takes other paths for many blocks than for few
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


def measure_all(build):
    """[{operation, number, allowed, sizes, instructions, exponent}]; empty, saying so, without valgrind."""
    if not shutil.which("valgrind"):
        print("bench: valgrind is not installed; growth is not counted", file=sys.stderr)
        return []
    binary = measure.program(build, PROGRAM)
    groups = measure.run([binary]).split()
    cases = {}
    with tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for found in pool.map(lambda group: list(counts_of(binary, group, scratch)), groups):
            for operation, number, allowed, n, cost in found:
                cases.setdefault((operation, number, allowed), []).append((n, cost))
    if not cases:
        raise measure.Failed("nothing was counted: was valgrind/callgrind.h missing when the benchmarks were built?")
    rows = []
    for (operation, number, allowed), points in cases.items():
        points.sort()
        (n1, low), (n2, high) = points[-2:]
        rows.append({"operation": operation, "number": number, "allowed": allowed,
                     "sizes": [n for n, _ in points], "instructions": [round(cost, 1) for _, cost in points],
                     "exponent": round(math.log(high / low) / math.log(n2 / n1), 2)})
    return rows


def too_steep(row):
    return row["exponent"] > row["allowed"] + TOLERANCE[row["allowed"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--only", default=".", metavar="REGEX")
    args = parser.parse_args()
    rows = [r for r in measure_all(args.build)
            if re.search(args.only, r["operation"]) or re.search(args.only, r["number"])]
    if not rows:
        return 1 if args.check else 0
    bad = [r for r in rows if too_steep(r)]
    if args.check:
        for r in bad:
            print(f"{r['operation']}, against the number of {r['number']}: exponent {r['exponent']:.2f}, "
                  f"allowed {r['allowed']} ({' / '.join(f'{c:,.0f}' for c in r['instructions'])} instructions at "
                  f"{' / '.join(f'{n:,}' for n in r['sizes'])})")
        print(f"growth: {len(rows)} cases, " + (f"FAILED: {len(bad)} grow faster than they may" if bad
                                                else "none grows faster than it may"))
        return 1 if bad else 0
    print(tables.growth_details(rows))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
