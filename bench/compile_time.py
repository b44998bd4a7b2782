#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# What including the headers costs: the time to compile devm.h and drm_managed.h, as a multiple of the time for
# <string>, <vector> and <cstdio>, and the lines that the compiler reads. User time, lower quartile of the repetitions,
# taken in turn.
#
# usage: compile_time.py [--compiler g++] [--repetitions 9] [--at-most <ratio>]
import argparse
import pathlib
import resource
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDES = ["devres_core/include", "devres_core/src/env/posix/include", "device_adapter/include", "drm_adapter/include"]
SUBJECTS = {
    "string, vector, cstdio": ["string", "vector", "cstdio"],
    "devm.h, drm_managed.h": ["devres/devm.h", "devres/drm_managed.h"],
    "managed.h": ["devres/managed.h"],
}


def user_seconds(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--compiler", default="g++")
    arguments.add_argument("--repetitions", type=int, default=9)
    arguments.add_argument("--at-most", type=float)
    given = arguments.parse_args()
    flags = ["-std=c++20", *(f"-I{ROOT / i}" for i in INCLUDES)]
    with tempfile.TemporaryDirectory() as folder:
        sources, times = {}, {name: [] for name in SUBJECTS}
        for n, (name, headers) in enumerate(SUBJECTS.items()):
            sources[name] = pathlib.Path(folder) / f"{n}.cpp"
            sources[name].write_text("".join(f"#include <{h}>\n" for h in headers))
        for _ in range(given.repetitions):
            for name, source in sources.items():
                times[name].append(user_seconds([given.compiler, *flags, "-fsyntax-only", source]))
        quartile = {name: sorted(t)[len(t) // 4] for name, t in times.items()}
        base = quartile["string, vector, cstdio"]
        for name, source in sources.items():
            lines = subprocess.run([given.compiler, *flags, "-E", source], check=True, capture_output=True).stdout
            print(f"{name:24} {quartile[name]:6.2f} s {quartile[name] / base:5.2f} x {lines.count(10):7} lines")
    ratio = quartile["devm.h, drm_managed.h"] / base
    if given.at_most and ratio > given.at_most:
        sys.exit(f"{ratio:.2f} is more than {given.at_most}")


if __name__ == "__main__":
    main()
