#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Compiles and runs each program of the README that follows `<!-- run -->`, as a user would, and compares what it prints
# with the text block behind it.
#
# usage: check.py README.md <build folder> <compiler> <flag or library>...
import pathlib
import re
import subprocess
import sys

readme, folder, compiler, *flags = sys.argv[1:]
programs = re.findall(r"<!-- run -->\n```cpp\n(.*?)```\n\n```text\n(.*?)```", pathlib.Path(readme).read_text(), re.S)
if not programs:
    sys.exit("no program found in the README")
out = pathlib.Path(folder)
out.mkdir(parents=True, exist_ok=True)
failed = 0
for n, (code, expected) in enumerate(programs, 1):
    source, binary = out / f"readme{n}.cpp", out / f"readme{n}"
    source.write_text(code)
    subprocess.run([compiler, "-std=c++20", "-Wall", "-Wextra", "-Werror", source, "-o", binary, *flags], check=True)
    printed = subprocess.run([binary], check=True, capture_output=True, text=True).stdout
    if printed != expected:
        failed += 1
        print(f"program {n} printed\n{printed}but the README says\n{expected}")
print(f"{len(programs) - failed} passed, {failed} failed")
sys.exit(failed != 0)
