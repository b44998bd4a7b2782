#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts small faults into the libraries, one at a time, and says which of them the tests notice.

A fault is an entry of a list (*.faults), which says where the code has which tokens, what stands there instead, and
which tests should notice. Comments, spaces and line breaks do not count, so the list survives reformatting; an entry
that no longer fits, or fits twice, is an error. The faults go into a copy of the tree; the tree itself is not touched.

    run.py [--build DIR] [--jobs N] [--only TEXT] [--part HASH --seconds N] [--learn] [--table]

--part takes the entries in an order that the hash decides, until the time is used up. --learn runs whole test files
and writes the first test that noticed into the list. --table prints the table of tests/README.md.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
TOKEN = re.compile(r"""
    (?P<skip>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<token>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+' | [A-Za-z_]\w* | \d(?:['\w.])* | .)
""", re.VERBOSE | re.DOTALL)
# A fault may make a test hang, which should take less than a second. A machine may be busy, or stop everything for a
# while: so what counts is the time that the processor spends on the test, and how long it spends none.
MOST_BUSY, MOST_IDLE, MOST = 10, 10, 120  # seconds; and of both together, without those in which all was stopped


def tokens(text):
    """Returns [(token, begin, end)] of C++ text."""
    return [(m["token"], m.start(), m.end()) for m in TOKEN.finditer(text) if m["token"] is not None]


class Fault:
    """
    <file>
      - tokens that stand there; lines indented by four or more spaces go on
      + tokens that take their place; no line: nothing does
      = <test file>[:<test>]...      who should notice
      ~ why nobody can notice        instead of the former: an argument, one line
    """

    def __init__(self, source, line, file):
        self.source, self.line, self.file = source, line, file
        self.old, self.new, self.tests, self.reason = [], [], [], None
        self.tests_line = None

    @property
    def name(self):
        old, new = " ".join(self.old), " ".join(self.new)
        return f"{self.file}: {old} -> {new or 'nothing'}"

    @property
    def is_in_header(self):
        return not self.file.endswith(".cpp")

    def apply(self, text):
        """Returns the text with the fault in it."""
        wanted = [t for t, _, _ in tokens("\n".join(self.old))]
        have = tokens(text)
        words = [t for t, _, _ in have]
        found = [i for i in range(len(words) - len(wanted) + 1) if words[i:i + len(wanted)] == wanted]
        if len(found) != 1:
            raise ValueError(f"{self.source.name}:{self.line}: fits {len(found)} times")
        begin, end = have[found[0]][1], have[found[0] + len(wanted) - 1][2]
        # Of a statement that goes an empty one is left, since it may be all that an `if` has.
        empty = ";" if wanted[-1] == ";" and wanted[0] != "else" else ""
        return text[:begin] + ("\n".join(self.new) or empty) + text[end:]


def read(source):
    faults = []
    for number, line in enumerate(source.read_text().splitlines()):
        if not line.strip() or line.startswith("#"):
            continue
        if not line.startswith(" "):
            faults.append(Fault(source, number + 1, line.strip()))
            continue
        fault = faults[-1]
        if line.startswith("    "): # goes on
            going_on.append(line.strip())
            continue
        mark, text = line[2], line[3:].strip()
        if mark in "-+":
            going_on = fault.old if mark == "-" else fault.new
            going_on.append(text)
        elif mark == "=":
            fault.tests += text.split()
            fault.tests_line = number
        elif mark == "~":
            fault.reason = text
        else:
            sys.exit(f"{source.name}:{number + 1}: {mark!r} is none of - + = ~")
    return faults


class Copy:
    """The copy of the tree, and its build."""

    def __init__(self, build):
        self.tree, self.build = build / "tree", build / "build"
        self.log = build / "log"
        build.mkdir(parents=True, exist_ok=True)
        files = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                               cwd=ROOT, check=True, capture_output=True).stdout
        files = files.split(b"\0")
        wanted = {self.tree / os.fsdecode(f) for f in files if f}
        for path in [p for p in self.tree.rglob("*") if not p.is_dir() and p not in wanted]:
            path.unlink()
        for path in wanted: # what has not changed keeps its time, so that nothing is built twice
            original = ROOT / path.relative_to(self.tree)
            if not original.is_file() or (path.is_file() and path.read_bytes() == original.read_bytes()):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(original, path)

    def configure(self, test_files):
        command = ["cmake", "-S", HERE, "-B", self.build, "-G", "Ninja", f"-DDEVRES_TREE={self.tree}",
                   f"-DDEVRES_TEST_FILES={';'.join(sorted(test_files))}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    def load_commands(self):
        entries = json.loads((self.build / "compile_commands.json").read_text())
        self.commands = {e["file"]: shlex.split(e["command"]) for e in entries}

    def make_one(self, fault, text):
        """Compiles the one source with the fault and links its library anew, beside the sound one, in a folder that is
        the calling thread's. Returns the folder of the library, or None; and what the compiler said."""
        folder = self.build / f"faulty-{threading.get_ident()}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        command = [c for c in self.commands[str(self.tree / fault.file)] if not c.endswith("ccache")]
        object_at = command.index("-o") + 1
        sound = command[object_at]
        command[object_at] = str(folder / "faulty.o")
        command[command.index("-c") + 1] = str(folder / "faulty.cpp")
        (folder / "faulty.cpp").write_text(text)
        with (folder / "log").open("w") as log:
            if subprocess.run(command, cwd=self.build, stdout=log, stderr=subprocess.STDOUT).returncode:
                return None, (folder / "log").read_text()
            library = pathlib.PurePath(sound).parts
            lib_folder = self.build / pathlib.Path(*library[:library.index("CMakeFiles")])
            objects = [o for o in lib_folder.glob("CMakeFiles/*.dir/**/*.o") if o != self.build / sound]
            so = next(lib_folder.glob("libdevres_*.so.*.*.*"))
            soname = so.name.rsplit(".", 1)[0]
            link = ["c++", "-shared", f"-Wl,-soname,{soname}", "-o", folder / soname, folder / "faulty.o", *objects]
            if subprocess.run(link, stdout=log, stderr=subprocess.STDOUT).returncode:
                return None, (folder / "log").read_text()
        return folder, ""

    def make_test(self, fault, text, test_file):
        """Compiles the one test file with the fault in a public header, and links it with the sound libraries.
        Returns the program, or None; and what the compiler said."""
        folder = self.build / f"faulty-{threading.get_ident()}"
        shutil.rmtree(folder, ignore_errors=True)
        header = folder / "include" / fault.file.partition("/include/")[2]
        header.parent.mkdir(parents=True)
        header.write_text(text)
        source = str(self.tree / "tests" / (test_file + ".cpp"))
        command = [c for c in self.commands[source] if not c.endswith("ccache")]
        object_at = command.index("-o") + 1
        sound = command[object_at]
        command[object_at] = str(folder / "faulty.o")
        command.insert(1, f"-I{folder / 'include'}")
        links = subprocess.run(["ninja", "-C", self.build, "-t", "commands", target(test_file)],
                               check=True, capture_output=True, text=True).stdout.splitlines()
        link = shlex.split(links[-1].removeprefix(": &&").removesuffix("&& :"))
        link[link.index(sound)] = str(folder / "faulty.o")
        link[link.index("-o") + 1] = str(folder / "program")
        for step in command, link:
            done = subprocess.run(step, cwd=self.build, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                return None, done.stdout
        return folder / "program", ""

    def make(self, targets):
        with self.log.open("w") as log:
            return subprocess.run(["cmake", "--build", self.build, "-j2", "--target", *targets],
                                  stdout=log, stderr=subprocess.STDOUT).returncode == 0


def target(test_file):
    return "fault_" + test_file.replace("/", "_")


def seconds_of_group(group):
    """The processor's time that the processes of that group have used."""
    ticks = 0
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue # it has ended
        if int(fields[2]) == group:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def run_test(copy, test, libraries=None, program=None):
    """Returns None if it passes, else the name of the first test that failed, or what happened."""
    file, _, name = test.partition(":")
    command = [program or copy.build / target(file), "--gtest_filter=" + (name or "*")]
    # glibc overwrites what is freed, so that whoever still uses it does not get away with it. Nor does a wait end
    # because it is to be reported, unless the test says so.
    env = {**os.environ, "GTEST_DEATH_TEST_STYLE": "threadsafe", "DEVRES_TEST_SEED": "1", "DEVRES_WAIT_WARN_MS": "0",
           "GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"}
    if libraries:
        env["LD_LIBRARY_PATH"] = str(libraries)
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               start_new_session=True)
    hangs, busy, idle_steps, steps, output = False, 0.0, 0, 0, None
    while output is None:
        try:
            output = process.communicate(timeout=0.5)[0]
        except subprocess.TimeoutExpired:
            before, busy = busy, seconds_of_group(process.pid)
            idle_steps = idle_steps + 1 if busy <= before else 0
            steps += 1
            if busy > MOST_BUSY or idle_steps * 0.5 > MOST_IDLE or steps * 0.5 > MOST:
                hangs = True
                os.killpg(process.pid, signal.SIGKILL)
                output = process.communicate()[0]
    output = output.decode(errors="replace")
    if process.returncode == 0:
        if re.search(r"Running 0 tests", output):
            sys.exit(f"no such test: {test}")
        return None
    failed = re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w/]+)", output, re.MULTILINE)
    begun = re.findall(r"^\[ RUN      \] ([\w/]+\.[\w/]+)", output, re.MULTILINE)
    how = " (hangs)" if hangs else "" if failed else " (dies)"
    return (failed or begun[-1:] or ["?"])[0] + how


def try_fault(copy, fault, learn):
    """Returns (what became of it, who noticed)."""
    path = copy.tree / fault.file
    whole = path.read_text()
    tests = list(dict.fromkeys(t.partition(":")[0] for t in fault.tests)) if learn else fault.tests
    in_header = fault.is_in_header
    everything = ["devres_core", "devres_device", "devres_drm"] + [target(t.partition(":")[0]) for t in tests]
    libraries = None

    def verdict(test, who):
        file, name = test.partition(":")[0], who.partition(" ")[0]
        # What fails alone, too, notices the fault; another test of the file may only have been in its way.
        if learn and name != "?" and not run_test(copy, f"{file}:{name}", libraries, program):
            return "not noticed", f"{file}:{who}, but not when it runs alone"
        return "noticed", f"{file}:{who}"

    program = None
    if "/include/devres/" in fault.file and "/src/" not in fault.file: # most are noticed where the header is used
        for test in tests:
            program, _ = copy.make_test(fault, fault.apply(whole), test.partition(":")[0])
            if program and (who := run_test(copy, test, None, program)):
                return verdict(test, who)
        program = None
    try:
        if in_header:
            path.write_text(fault.apply(whole))
            built = copy.make(everything)
        else:
            libraries, said = copy.make_one(fault, fault.apply(whole))
            built = libraries is not None
        if not built:
            return "does not build", (copy.log.read_text() if in_header else said)[-1500:]
        for test in tests:
            if who := run_test(copy, test, libraries):
                return verdict(test, who)
        return "not noticed", ""
    finally:
        if in_header: # what was built with it must not be taken for sound
            path.write_text(whole)
            copy.make(everything)


def learned(fault, who):
    """Writes into the list who noticed."""
    file, _, name = who.partition(" ")[0].partition(":")
    if not re.fullmatch(r"[\w/]+\.[\w/]+", name):
        return
    # Somebody may have changed the list meanwhile.
    now = next((f for f in read(fault.source) if f.name == fault.name and f.tests_line is not None), None)
    if not now:
        return
    lines = fault.source.read_text().splitlines()
    lines[now.tests_line] = f"  = {file}:{name}"
    fault.source.write_text("\n".join(lines) + "\n")


def in_order_of(commit, faults):
    """An order that a commit's hash decides. Faults that the same test file notices come together, some at a time,
    since a test file takes as long to build as several faults take to try."""
    together = 8

    def number(text):
        return hashlib.sha1((commit + text).encode()).hexdigest()

    groups = {}
    for f in sorted(faults, key=lambda f: number(f.name)):
        groups.setdefault(f.tests[0].partition(":")[0] if f.tests else "", []).append(f)
    rank = {f: (i // together, number(file)) for file, group in groups.items() for i, f in enumerate(group)}
    return sorted(faults, key=lambda f: (*rank[f], number(f.name)))


def table(faults):
    """Whoever was noticed once names the test that did."""
    rows = {}
    for f in faults:
        row = rows.setdefault(str(pathlib.PurePosixPath(f.file).parent), [0, 0, 0])
        row[0] += 1
        row[1] += f.reason is None and any(":" in t for t in f.tests)
        row[2] += f.reason is not None
    rows["all"] = [sum(row[i] for row in rows.values()) for i in range(3)]
    print("| folder | faults | noticed | argued | not tried yet |\n|---|--:|--:|--:|--:|")
    for folder, (count, noticed, argued) in rows.items():
        print(f"| {folder} | {count} | {noticed} | {argued} | {count - noticed - argued} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/mutants")
    parser.add_argument("--jobs", type=int, default=2, help="faults to try at a time; those in headers come alone")
    parser.add_argument("--only", default="", help="entries whose file or tokens contain this")
    parser.add_argument("--part", help="a commit hash")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--allow", type=int, default=0, help="how many may go unnoticed: some show only in some schedules")
    parser.add_argument("--learn", action="store_true")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()

    faults = [f for source in sorted(HERE.glob("*.faults")) for f in read(source) if args.only in f.name]
    if args.table:
        return table(faults)
    wrong = 0
    for fault in faults:
        try:
            fault.apply((ROOT / fault.file).read_text())
        except (ValueError, OSError) as error:
            print(f"{error}\n  {fault.name}")
            wrong += 1
    if wrong:
        sys.exit(f"{wrong} entries do not fit the code any more")
    if args.part:
        faults = in_order_of(args.part, faults)

    todo = [f for f in faults if f.tests and f.reason is None]
    if args.learn:
        todo = [f for f in todo if any(":" not in t for t in f.tests)]
    if args.part: # only those of which it is known who notices
        todo = [f for f in todo if all(":" in t for t in f.tests)]
    began = time.monotonic()
    copy = Copy(args.build.resolve())
    copy.configure({t.partition(":")[0] for f in faults for t in f.tests})
    if not copy.make(["devres_core", "devres_device", "devres_drm"]):
        sys.exit(copy.log.read_text()[-3000:])
    copy.load_commands()
    built, sound = set(), set()
    counts, missed = {}, []
    one_at_a_time = threading.Lock()

    def try_one(number, fault):
        if time.monotonic() - began > args.seconds:
            return
        with one_at_a_time: # what is built, and what has been seen to pass
            missing = {target(t.partition(":")[0]) for t in fault.tests} - built
            if missing and not copy.make(sorted(missing)):
                raise RuntimeError(copy.log.read_text()[-3000:])
            built.update(missing)
            # Whatever fails without a fault notices nothing.
            for test in set(fault.tests) - sound if not args.learn else ():
                if run_test(copy, test):
                    raise RuntimeError(f"{test} fails without any fault")
                sound.add(test)
        result, who = try_fault(copy, fault, args.learn)
        if args.part and result != "noticed": # what only some schedules show may need a second run
            result, who = try_fault(copy, fault, args.learn)
        with one_at_a_time:
            counts[result] = counts.get(result, 0) + 1
            print(f"{number + 1:4}/{len(todo)} {result:14} {fault.name}\n{'':24} {who}", flush=True)
            if result != "noticed":
                missed.append(fault)
            elif args.learn:
                learned(fault, who)

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        under_way = []
        for number, fault in enumerate(todo):
            if fault.is_in_header:
                concurrent.futures.wait(under_way)
                try_one(number, fault)
            else:
                under_way.append(pool.submit(try_one, number, fault))
        for one in under_way:
            one.result()
    argued = sum(f.reason is not None for f in faults)
    tried = sum(counts.values())
    noticed = counts.get("noticed", 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{noticed} of {tried} noticed in {time.monotonic() - began:.0f} s, "
          f"{used.ru_utime + used.ru_stime:.0f} s of the processor's; {len(faults)} in the list, "
          f"{argued} of them argued")
    if len(missed) > args.allow:
        sys.exit(1)


if __name__ == "__main__":
    main()
