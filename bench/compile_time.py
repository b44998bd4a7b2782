#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# What including the headers costs: the time to compile devm.h and drm_managed.h, as a multiple of the time for
# <string>, <vector> and <cstdio>, and the lines that the compiler reads. User time, lower quartile of the repetitions,
# taken in turn.
#
# usage: compile_time.py [--compiler g++] [--repetitions 9] [--at-most <ratio>]
#
# --at-most counts the compiler's instructions instead (callgrind), which a busy machine does not change, and fails if
# devm.h and drm_managed.h take more of them than so many times those of the standard headers.
import argparse
import concurrent.futures
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDES = ["devres_core/include", "devres_core/src/env/posix/include", "device_adapter/include", "drm_adapter/include"]
BASE, GUARDED = "string, vector, cstdio", "devm.h, drm_managed.h"
SUBJECTS = {
    BASE: ["string", "vector", "cstdio"],
    GUARDED: ["devres/devm.h", "devres/drm_managed.h"],
    "managed.h": ["devres/managed.h"],
}


def user_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def instructions(command):
    """Of all processes that the compiler starts."""
    done = subprocess.run(["valgrind", "--tool=callgrind", "--trace-children=yes", "--callgrind-out-file=/dev/null",
                           *command], capture_output=True, text=True, check=True)
    return sum(int(count) for count in re.findall(r"Collected : (\d+)", done.stderr))


def measure_times(sources, check, repetitions):
    times = {name: [] for name in SUBJECTS}
    for _ in range(repetitions):
        for name, source in sources.items():
            times[name].append(user_seconds(check(source)))
    quartile = {name: sorted(t)[len(t) // 4] for name, t in times.items()}
    for name, source in sources.items():
        command = [word for word in check(source) if word != "-fsyntax-only"]
        lines = subprocess.run([*command, "-E"], check=True, capture_output=True).stdout
        print(f"{name:24} {quartile[name]:6.2f} s {quartile[name] / quartile[BASE]:5.2f} x {lines.count(10):7} lines")


def guard(sources, check, at_most):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        base, ours = pool.map(instructions, [check(sources[BASE]), check(sources[GUARDED])])
    print(f"{GUARDED}: {ours / 1e6:.0f} million instructions, {ours / base:.2f} x")
    if ours > at_most * base:
        sys.exit(f"that is more than {at_most} x")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--compiler", default="g++")
    arguments.add_argument("--repetitions", type=int, default=9)
    arguments.add_argument("--at-most", type=float)
    given = arguments.parse_args()
    flags = ["-std=c++20", *(f"-I{ROOT / i}" for i in INCLUDES)]

    def check(source):
        return [given.compiler, *flags, "-fsyntax-only", str(source)]

    with tempfile.TemporaryDirectory() as folder:
        sources = {}
        for n, (name, headers) in enumerate(SUBJECTS.items()):
            sources[name] = pathlib.Path(folder) / f"{n}.cpp"
            sources[name].write_text("".join(f"#include <{h}>\n" for h in headers))
        if given.at_most:
            guard(sources, check, given.at_most)
        else:
            measure_times(sources, check, given.repetitions)


if __name__ == "__main__":
    main()
