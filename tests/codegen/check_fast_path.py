#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Looks at the machine code of try_access and drm_dev_enter: x86-64 only.

    check_fast_path.py SOURCE COMPILER INCLUDE_DIR...

Compiles SOURCE with -O2, and with -O2 -fPIC, and asks of each function fast_path_*: is there a way from its first
instruction over the marker (inside) to its return without a call, a locked instruction, an exchange with memory,
or a fence? A way without them is the fast path by construction: without a free slot, with the gate not plainly
open, with guards ended out of order, or with a revoker waiting, the code has to call or to fence.

The functions control_* have one of these on their only way, and must be found out. What stands beside the fast
path (the slow calls) is listed, not judged. Exit status 77: nothing to look at on this machine.
"""
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

MARKER = "0x7654321(%rax)"
BAD = re.compile(r"^(call|syscall|sysenter|int\b|lock|mfence|lfence|sfence|pause)")
CONDITIONAL = re.compile(r"^j(?!mp)\w+")


class Instruction:
    def __init__(self, address, text):
        self.address = address
        self.text = text
        self.relocated = None

    @property
    def bad(self):
        if BAD.match(self.text):
            return True
        if self.text.startswith("xchg") and "(" in self.text:
            return True
        return self.text.startswith("jmp") and (self.relocated is not None or "*" in self.text)

    @property
    def target(self):
        if self.relocated is not None:
            return None  # in another section: the cold one
        found = re.match(r"^j\w+\s+([0-9a-f]+)\b", self.text)
        return int(found.group(1), 16) if found else None


def disassemble(path):
    """Returns {function: [Instruction]}."""
    out = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", path], check=True, capture_output=True,
                         text=True).stdout
    functions, current = {}, None
    for line in out.splitlines():
        if head := re.match(r"^[0-9a-f]+ <(\w+)>:$", line):
            current = functions.setdefault(head.group(1), [])
        elif reloc := re.match(r"^\s+[0-9a-f]+: R_X86_64_(\w+)\s+(.*)$", line):
            if current and current[-1].text.startswith(("j", "call")):
                current[-1].relocated = reloc.group(2)
        elif insn := re.match(r"^\s+([0-9a-f]+):\s+(.*?)\s*(?:#.*)?$", line):
            if current is not None:
                current.append(Instruction(int(insn.group(1), 16), insn.group(2)))
    return functions


def shortest_clean_way(code):
    """The shortest way from entry over the marker to a return without anything bad, as a list of instructions."""
    at = {insn.address: i for i, insn in enumerate(code)}
    frontier = [(0, False, ())]
    seen = set()
    while frontier:
        following = []
        for index, inside, way in frontier:
            if index is None or index >= len(code) or (index, inside) in seen:
                continue
            seen.add((index, inside))
            insn = code[index]
            if insn.bad:
                continue
            inside = inside or MARKER in insn.text
            way = way + (insn,)
            if insn.text.startswith(("ret", "repz ret", "rep ret")):
                if inside:
                    return way
                continue
            if insn.text.startswith("jmp"):
                following.append((at.get(insn.target), inside, way))
                continue
            if CONDITIONAL.match(insn.text):
                following.append((at.get(insn.target), inside, way))
            following.append((index + 1, inside, way))
        frontier = following
    return None


def check(source, compiler, includes, flags):
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        obj = str(pathlib.Path(folder) / "readers.o")
        command = [compiler, "-std=c++20", "-O2", "-g0", *flags, *("-I" + i for i in includes), "-c", source, "-o", obj]
        subprocess.run(command, check=True)
        functions = disassemble(obj)
    names = sorted(n for n in functions if n.startswith(("fast_path_", "control_")))
    if sum(n.startswith("fast_path_") for n in names) < 5 or sum(n.startswith("control_") for n in names) < 4:
        print(f"FAIL the functions to look at are not all there: {names}")
        return False
    for name in names:
        way = shortest_clean_way(functions[name])
        expected = name.startswith("fast_path_")
        label = f"{pathlib.Path(compiler).name} -O2 {' '.join(flags)}".strip()
        if expected and way:
            branches = sum(bool(CONDITIONAL.match(i.text)) for i in way)
            stores = sum(bool(re.match(r"^mov\w*\s+[^,]*(?:,[^,()]+)?,.*\(|^mov\w*\s+\S+,%fs", i.text)) for i in way)
            print(f"ok   {label}: {name}: {len(way)} instructions, {branches} branches, {stores} stores")
        elif not expected and not way:
            print(f"ok   {label}: {name} is found out")
        else:
            failed = True
            print(f"FAIL {label}: {name}: " + ("no way inside without a call, lock or fence" if expected
                                               else "the control was not found out"))
            print("\n".join(f"        {i.address:x}: {i.text} {i.relocated or ''}" for i in functions[name]))
    return not failed


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    source, compiler, includes = sys.argv[1], sys.argv[2], sys.argv[3:]
    if platform.machine() != "x86_64" or not shutil.which("objdump") or not shutil.which(compiler):
        print("skipped: needs x86-64, objdump and the compiler")
        sys.exit(77)
    good = [check(source, compiler, includes, flags) for flags in ([], ["-fPIC"])]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
