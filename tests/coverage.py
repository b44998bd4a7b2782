#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up what gcov says of the libraries' sources and headers after the tests have run, and prints a table.

    coverage.py <build folder> [--missed]      --missed: each line that was never reached
"""
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
FOLDERS = ("devres_core/", "device_adapter/", "drm_adapter/")


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    lines, branches = {}, {}
    notes = [str(p) for p in build.glob("**/*.gcda")]
    with tempfile.TemporaryDirectory() as folder:
        for at in range(0, len(notes), 20):
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", *notes[at:at + 20]], cwd=folder,
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for report in pathlib.Path(folder).glob("*.gcov.json.gz"):
                for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                    path = pathlib.Path(file["file"])
                    path = path if path.is_absolute() else build / path
                    try:
                        name = str(path.resolve().relative_to(ROOT))
                    except ValueError:
                        continue
                    if not name.startswith(FOLDERS):
                        continue
                    for line in file["lines"]:
                        place = (name, line["line_number"])
                        lines[place] = lines.get(place, 0) + line["count"]
                        for number, branch in enumerate(line["branches"]):
                            if not branch["throw"]:
                                way = (*place, number)
                                branches[way] = branches.get(way, 0) + branch["count"]
                report.unlink()
    print("| folder | lines | reached | branches | taken |\n|---|--:|--:|--:|--:|")
    folders = sorted({str(pathlib.PurePosixPath(name).parent) for name, _ in lines})
    for folder in folders + [""]:
        def inside(name):
            return not folder or str(pathlib.PurePosixPath(name).parent) == folder
        mine = [count for (name, _), count in lines.items() if inside(name)]
        ways = [count for (name, _, _), count in branches.items() if inside(name)]

        def share(counts):
            return f"{100 * sum(c > 0 for c in counts) / len(counts):.1f} %" if counts else "-"
        print(f"| {folder or 'all'} | {len(mine)} | {share(mine)} | {len(ways)} | {share(ways)} |")
    if "--missed" in sys.argv:
        for (name, number), count in sorted(lines.items()):
            if count == 0:
                text = (ROOT / name).read_text().splitlines()[number - 1].strip()
                print(f"{name}:{number}: {text}")


if __name__ == "__main__":
    main()
