# SPDX-License-Identifier: MIT
"""The x86-64 part of ./dev linux: initramfs, boot under TCG, what the guest said, instructions counted."""
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# Debian's programs that run inside, with the libraries that they need.
PROGRAMS = ("modetest", "drm_info")
ROUNDS = 20


def libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"(/\S+)", text)))


def new_root(root):
    """An empty root folder with busybox."""
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "dev", "proc", "sys", "tmp"):
        (root / folder).mkdir(parents=True)
    add_file(root, "/bin/busybox", shutil.which("busybox"))
    return root


def add_file(root, target, source):
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
    place.chmod(0o755)


def pack(root):
    """The cpio archive of a root folder."""
    archive = root.with_suffix(".cpio.gz")
    subprocess.run(f"find . | cpio -o -H newc --quiet | gzip -1 >{archive}", shell=True, check=True, cwd=root)
    return archive


def initramfs(linux, out):
    """Busybox, the clients, vkms.ko and the programs of Debian."""
    root = new_root(out / "initramfs")
    for program in PROGRAMS:
        path = shutil.which(program)
        if not path:
            linux.die(f"{program} is missing: ./dev setup qemu installs it")
        add_file(root, f"/bin/{program}", path)
        for library in libraries(path):
            add_file(root, library, library)
    subprocess.run(["gcc", "-O2", "-Wall", "-static", "-pthread", "-o", root / "bin/unplug",
                    linux.HERE / "guest/unplug.c"], check=True)
    add_file(root, "/init", linux.HERE / "guest/init")
    add_file(root, "/vkms.ko", out / "drivers/gpu/drm/vkms/vkms.ko")
    # drm_info asks libpci's and libdrm's tables for names; it does without.
    return pack(root)


def boot(kernel, arguments, parameters, limit, log):
    """Boots under TCG, shows what the guest says of itself, and returns all that it said and the seconds."""
    if not kernel.exists():
        sys.exit(f"./dev linux: {kernel} is missing: run once without --keep")
    # A host that has other things to do makes the kernel believe that its timer does not work: no check of that.
    command = ["qemu-system-x86_64", "-cpu", "max", "-m", "1G", "-nographic", "-no-reboot", "-nodefaults",
               "-serial", "stdio", "-vga", "none", *arguments, "-kernel", str(kernel),
               "-append", f"console=ttyS0 panic=-1 no_timer_check {parameters}"]
    started = time.monotonic()
    ours = re.compile(r"guest:|unplug:|not ok|# (devres|drmm?|devm)-[-\w]+: pass|\s+# family_bench: bench")
    with open(log, "wb") as sink:
        guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
        shown = 0
        while guest.poll() is None:
            time.sleep(0.5)
            lines = [line for line in log.read_text(errors="replace").splitlines() if ours.match(line)]
            for line in lines[shown:]:
                print(f"  {time.monotonic() - started:4.0f} s  {line.strip()}", flush=True)
            shown = len(lines)
            if time.monotonic() - started > limit:
                guest.kill()
                print(f"FAILED: the guest did not end within {limit} s")
    return log.read_text(errors="replace").replace("\r", ""), time.monotonic() - started


def tree_of(linux, name):
    """The sources of plain Linux with our KUnit files, or of Linux on this core."""
    tree = linux.unpack(name)
    linux.apply(tree, [p for p in linux.patches() if name == "core" or "tests" in p.name])
    if name == "core":
        linux.add_core(tree)
    return tree


def unplug(linux, options, name):
    """Drivers are taken away under clients. Returns how many things are not as they should be."""
    out = linux.BUILD / f"x86-{name}"
    if not options.keep:
        linux.make(tree_of(linux, name), out.name, "x86_64", ["x86"], linux.memory_option(options),
                   ["bzImage", "modules"])
    linux.say(f"booting x86-64 under QEMU (TCG): {'this core' if name == 'core' else 'plain Linux'}")
    arguments = ["-accel", "tcg,thread=multi", "-smp", "2,sockets=2", "-initrd", str(initramfs(linux, out)),
                 "-device", "bochs-display", "-device", "virtio-gpu-pci"]
    text, seconds = boot(out / "arch/x86/boot/bzImage", arguments,
                         f"rdinit=/init rounds={ROUNDS} kunit.enable=1 kunit.filter_glob=devres-family-*",
                         3600, out / "boot.log")
    bad = 0
    for driver in ("bochs", "virtio-gpu", "vkms", "rtc-test"):
        if f"guest: {driver} ok" not in text:
            print(f"FAILED: {driver}")
            bad += 1
    for driver in ("bochs-drm", "virtio_gpu", "vkms"):
        for program, shown in (("modetest", rf" {driver}: \d+\s.*\sconnected\s"),
                               ("drm_info", rf": .*Driver: {driver} ")):
            if not re.search(f"guest: {program}{shown}", text):
                print(f"FAILED: {program} does not show {driver}")
                bad += 1
    if not re.search(r"guest: lockdep: debug_locks: +1$", text, re.M) or "KernelAddressSanitizer initialized" not in text:
        print("FAILED: lockdep or KASAN were not on until the end")
        bad += 1
    cases = linux.parse(text)
    tally = {status: sum(1 for case in cases if case[2] == status) for status in ("pass", "skip", "fail")}
    print(f"KUnit, our own suites under lockdep and KASAN: {tally}")
    for suite, case, status in cases:
        if status == "fail":
            print(f"FAILED: {suite} / {case}")
            bad += 1
    if {suite for suite, _, _ in cases} != set(linux.OURS):
        print("FAILED: our own suites did not run")
        bad += 1
    for line, times in linux.complaints(text).items():
        print(f"COMPLAINT, {times} times: {line}")
        bad += 1
    if name == "core":
        bad += linux.left_over(text)
    print(f"boot, unbind, bind and reboot: {seconds:.0f} s")
    return bad


def instructions(linux, options):
    """Instructions per action: the two kernels of User Mode Linux run as programs of a guest in which QEMU makes
    one nanosecond of each instruction, so what they take for nanoseconds is instructions."""
    root = new_root(linux.BUILD / "x86-core/bench")
    names = ("plain", "core")
    for name in names:
        kernel = linux.BUILD / f"uml-{name}/linux"
        add_file(root, f"/bin/uml-{name}", kernel)
        for library in libraries(kernel):
            add_file(root, library, library)
    add_file(root, "/init", linux.HERE / "guest/bench")
    linux.say("counting instructions: both kernels of User Mode Linux in x86-64 under QEMU with -icount")
    out = linux.BUILD / "x86-core"
    text, seconds = boot(out / "arch/x86/boot/bzImage",
                         ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off", "-smp", "1",
                          "-initrd", str(pack(root))], "rdinit=/init kunit.enable=0", 3600, out / "bench.log")
    seen, name = {}, None
    for line in text.splitlines():
        if found := re.match(r"guest: counting (\w+)", line):
            name = found[1]
        if found := re.search(r"bench (d\w+) +(\d+): attach (\d+) release (\d+) remove-one (\d+)", line):
            for what, count in zip(("attach", "release", "remove one"), found.groups()[2:]):
                seen.setdefault((found[1], what, int(found[2])), {})[name] = int(count)
    print(f"\ninstructions per action under UML, counted by QEMU ({seconds:.0f} s):\n"
          f"{'':6} {'':10} {'actions':>8} {'plain':>12} {'this core':>12}")
    for family, what, n in sorted(seen):
        print(f"{family:6} {what:10} {n:8} " + " ".join(f"{seen[family, what, n].get(name, 'none'):>12}" for name in names))
    return sum(1 for row in seen.values() if len(row) != 2) if seen else 1


def main(linux, options):
    if options.bench:
        return instructions(linux, options)
    return unplug(linux, options, "plain" if options.plain else "core")
