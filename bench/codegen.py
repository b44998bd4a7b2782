#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the compiler makes of entering and leaving: x86-64 only.

  bench/codegen.py --build build/bench           prints the fast paths
  bench/codegen.py --build build/bench --check   fails if there is a call or a locked instruction on one

The fast path is what runs if no conditional jump is taken but those that stay on it: compilers lay the likely way out
straight, so it is followed from the entry to the first return, unconditional jumps included.
"""

import argparse
import pathlib
import platform
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from report import measure  # noqa: E402

FUNCTIONS = {"look_revocable": "revocable::try_access, read, leave",
             "look_devres_ptr": "devres_ptr::try_access, read, leave",
             "look_drm_dev_enter": "drm_dev_enter, read, drm_dev_exit"}
FORBIDDEN = re.compile(r"^(call|lock|xchg|mfence|lfence|sfence|syscall)\b")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(.*?)\s*(?:#.*)?$")


def disassemble(build, function):
    said = measure.run(["objdump", "-d", "-C", "--no-show-raw-insn", f"--disassemble={function}",
                        measure.program(build, "devres_bench_codegen.o")])
    return [(int(m[1], 16), m[2]) for m in map(LINE.match, said.splitlines()) if m]


def fast_path(code):
    at = {address: i for i, (address, _) in enumerate(code)}
    path, i, steps = [], 0, 0
    while i < len(code) and steps < 500:
        steps += 1
        text = code[i][1]
        jump = re.match(r"jmp\s+([0-9a-f]+)\b", text)
        if jump and int(jump[1], 16) in at:
            i = at[int(jump[1], 16)]
            continue
        if not text.startswith("nop"):
            path.append(re.sub(r"\s+", " ", re.sub(r"\s*<.*>$", "", text)))
        if text.startswith("ret"):
            return path
        i += 1
    raise measure.Failed("no end of the fast path found")


def all_paths(build):
    """{function: instructions}; empty, saying so, where this cannot look."""
    if platform.machine() != "x86_64":
        print("bench: the generated code is only looked at on x86-64", file=sys.stderr)
        return {}
    return {f: fast_path(disassemble(build, f)) for f in FUNCTIONS}


def forbidden(path):
    return [text for text in path if FORBIDDEN.match(text)]


def markdown(paths, listing=True):
    parts = []
    for function, path in paths.items():
        found = forbidden(path)
        says = "no call, no locked instruction, no fence" if not found else f"**has {', '.join(found)}**"
        stores = sum(1 for t in path if re.match(r"(mov\w*|and\w*|or\w*|bts|btr|add\w*|sub\w*) [^(]*,[^,]*\([^)]*\)$", t)
                     or re.match(r"mov\w* \S+,%fs:", t))
        jumps = sum(1 for t in path if re.match(r"j\w+ ", t))
        parts.append(f"`{FUNCTIONS[function]}`: {len(path)} instructions with the read, the prologue and the return; "
                     f"{jumps} predicted jumps, {stores} stores; {says}."
                     + ("\n\n```asm\n" + "\n".join(path) + "\n```" if listing else ""))
    return "\n\n".join(parts) or "Not looked at in this run."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=HERE.parent / "build" / "bench", type=pathlib.Path)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    paths = all_paths(args.build)
    print(markdown(paths))
    bad = {f: forbidden(p) for f, p in paths.items() if forbidden(p)}
    for function, what in bad.items():
        print(f"{function}: on its fast path: {', '.join(what)}", file=sys.stderr)
    return 1 if args.check and bad else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except measure.Failed as problem:
        sys.exit(f"bench: {problem}")
