#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs all benchmarks and writes bench/results/<name>.jsonl, the plot, and the marked sections of README.md.

  bench/run.py --build build/bench            everything, about ten minutes
  bench/run.py --build build/bench --quick    once, briefly; leaves README.md and results/ alone
  bench/run.py --from latest                  writes the page again from saved results
  bench/run.py --from latest --tables         prints the tables of all workloads
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import codegen  # noqa: E402
import growth  # noqa: E402
import instructions  # noqa: E402
from report import machine, measure, page, results, tables  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--name", default="latest", help="of the results file")
    parser.add_argument("--quick", action="store_true", help="see that everything runs; the figures mean little")
    parser.add_argument("--only", default=".", metavar="REGEX", help="instances whose name matches; implies no page")
    parser.add_argument("--repetitions", type=int, default=11)
    parser.add_argument("--min-time", type=float, default=0.04, metavar="SECONDS")
    parser.add_argument("--from", dest="saved", metavar="NAME", help="measure nothing, use these results")
    parser.add_argument("--tables", action="store_true", help="with --from: print all tables, write nothing")
    return parser.parse_args()


def warn_if_busy():
    load, processors = os.getloadavg()[0], os.cpu_count()
    if load > processors / 4:
        print(f"bench: something else is running (load {load:.1f} on {processors} processors); "
              "the figures will suffer, those of two threads most", file=sys.stderr)


def say(what):
    print(f"# {what}", file=sys.stderr, flush=True)


def measure_all(args):
    warn_if_busy()
    began = time.monotonic()
    if args.quick:
        args.repetitions, args.min_time = 1, 0.001
    with tempfile.TemporaryDirectory() as scratch:
        context, runs = measure.repetitions(args.build, scratch, count=args.repetitions, min_time=args.min_time,
                                            only=args.only)
    saved = {kind: [] for kind in results.KINDS}
    saved["row"] = measure.rows(runs)
    if args.only == ".":
        processes = 1 if args.quick else 3
        say("memory")
        saved["memory"] = measure.memory(args.build, count=processes)
        say("owners")
        saved["owners"] = measure.owners(args.build, count=processes, quick=args.quick)
        say("readers")
        saved["readers"] = measure.readers(args.build, count=processes, quick=args.quick)
        saved["codegen"] = [{"function": f, "path": p} for f, p in codegen.all_paths(args.build).items()]
        if not args.quick:
            say("instructions")
            saved["instruction"] = [{"case": case, "count": round(count, 2)}
                                    for case, count in instructions.count_all(args.build).items()]
            say("growth")
            saved["growth"] = growth.measure_all(args.build)
    saved["about"] = machine.describe(HERE.parent, context, {
        "repetitions": args.repetitions, "min_time": args.min_time,
        "minutes": round((time.monotonic() - began) / 60, 1)})
    return saved


def write_page(saved):
    from report import plot  # needs matplotlib, which a quick run can do without

    plot.draw(saved, HERE / "results" / "cost.svg")
    page.rewrite(HERE / "README.md", {
        "about": tables.context(saved),
        "bars": tables.bar_table(saved),
        "losses": tables.loss_table(saved),
        "owners": tables.owners_table(saved),
        "readers": tables.readers_table(saved),
        "tables": tables.all_tables(saved, tables.ON_THE_PAGE),
        "memory": tables.memory_table(saved),
        "instructions": tables.instruction_table(saved),
        "growth": tables.growth_table(saved),
        "codegen": codegen.markdown({r["function"]: r["path"] for r in saved["codegen"]}, listing=False),
    })


def results_file(name):
    return HERE / "results" / f"{name}.jsonl"


def main():
    args = arguments()
    if args.saved:
        saved = results.load(results_file(args.saved))
        if args.tables:
            print(tables.all_tables(saved))
        else:
            write_page(saved)
        return 0
    saved = measure_all(args)
    print(tables.context(saved), "\n")
    if args.quick or args.only != ".":
        print(tables.all_tables(saved))
        if args.quick:
            print("\n" + tables.owners_table(saved), tables.readers_table(saved), tables.bar_table(saved), sep="\n\n")
        return 0
    results.save(results_file(args.name), saved)
    write_page(saved)
    print(tables.bar_table(saved), "\n\nwhere we lose\n\n" + tables.loss_table(saved), sep="")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
