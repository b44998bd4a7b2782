#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs all benchmarks and writes bench/results/<name>.json, the plot, and the marked sections of README.md.

  bench/run.py --build build/bench            everything, about ten minutes
  bench/run.py --build build/bench --quick    once, briefly; leaves README.md and results/ alone
  bench/run.py --from latest                  writes the page again from saved results
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import codegen  # noqa: E402
import instructions  # noqa: E402
from report import machine, measure, page, tables  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--name", default="latest", help="of the results file")
    parser.add_argument("--quick", action="store_true", help="see that everything runs; the figures mean little")
    parser.add_argument("--only", default=".", metavar="REGEX", help="instances whose name matches; implies no page")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--min-time", type=float, default=0.05, metavar="SECONDS")
    parser.add_argument("--from", dest="saved", metavar="NAME", help="measure nothing, use these results")
    return parser.parse_args()


def warn_if_busy():
    load, processors = os.getloadavg()[0], os.cpu_count()
    if load > processors / 4:
        print(f"bench: something else is running (load {load:.1f} on {processors} processors); "
              "the figures will suffer, those of two threads most", file=sys.stderr)


def measure_all(args):
    warn_if_busy()
    if args.quick:
        args.repetitions, args.min_time = 1, 0.001
    with tempfile.TemporaryDirectory() as scratch:
        context, runs = measure.repetitions(args.build, scratch, count=args.repetitions, min_time=args.min_time,
                                            only=args.only)
    rows = measure.rows(runs)
    whole = args.only == "."
    print("# memory", file=sys.stderr, flush=True)
    memory = measure.memory(args.build, count=1 if args.quick else 3) if whole else {}
    counts = None
    if whole and not args.quick:
        print("# instructions", file=sys.stderr, flush=True)
        counts = instructions.count_all(args.build)
    about = machine.describe(HERE.parent, context,
                             {"repetitions": args.repetitions, "min_time": args.min_time})
    return {"about": about, "rows": rows, "memory": memory, "instructions": counts,
            "codegen": codegen.all_paths(args.build)}


def write_page(saved):
    from report import plot  # needs matplotlib, which a quick run can do without

    plot.draw(saved, HERE / "results" / "cost.svg")
    page.rewrite(HERE / "README.md", {
        "about": tables.context(saved),
        "bars": tables.bar_table(saved),
        "losses": tables.loss_table(saved),
        "tables": tables.all_tables(saved),
        "memory": tables.memory_table(saved),
        "instructions": tables.instruction_table(saved),
        "codegen": codegen.markdown(saved.get("codegen", {})),
    })


def results_file(name):
    return HERE / "results" / f"{name}.json"


def main():
    args = arguments()
    if args.saved:
        write_page(json.loads(results_file(args.saved).read_text()))
        return 0
    saved = measure_all(args)
    print(tables.context(saved), "\n")
    if args.quick or args.only != ".":
        print(tables.all_tables(saved))
        if args.quick:
            print("\n" + tables.bar_table(saved))
        return 0
    results_file(args.name).parent.mkdir(exist_ok=True)
    results_file(args.name).write_text(json.dumps(saved, indent=1) + "\n")
    write_page(saved)
    print(tables.bar_table(saved), "\n\nwhere we lose\n\n" + tables.loss_table(saved), sep="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
