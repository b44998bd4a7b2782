# SPDX-License-Identifier: MIT
"""The x86-64 part of ./dev linux: initramfs, boot under TCG, what the guest said."""
import re
import shutil
import subprocess
import time
from pathlib import Path

# Debian's programs that run inside, with the libraries that they need.
PROGRAMS = ("modetest", "drm_info")


def libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return sorted(set(re.findall(r"(/\S+)", text)))


def initramfs(linux, out):
    """A cpio archive with busybox, the clients, vkms.ko and the programs of Debian."""
    root = out / "initramfs"
    shutil.rmtree(root, ignore_errors=True)
    for folder in ("bin", "dev", "proc", "sys", "tmp"):
        (root / folder).mkdir(parents=True)
    wanted = {"/bin/busybox": shutil.which("busybox")}
    for program in PROGRAMS:
        path = shutil.which(program)
        if not path:
            linux.die(f"{program} is missing: ./dev setup qemu installs it")
        wanted[f"/bin/{program}"] = path
        wanted |= {library: library for library in libraries(path)}
    for target, source in wanted.items():
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)
    subprocess.run(["gcc", "-O2", "-Wall", "-static", "-pthread", "-o", root / "bin/unplug",
                    linux.HERE / "guest/unplug.c"], check=True)
    shutil.copy(linux.HERE / "guest/init", root / "init")
    (root / "init").chmod(0o755)
    shutil.copy(out / "drivers/gpu/drm/vkms/vkms.ko", root / "vkms.ko")
    # drm_info asks libpci's and libdrm's tables for names; it does without.
    archive = out / "initramfs.cpio.gz"
    subprocess.run(f"find . | cpio -o -H newc --quiet | gzip -1 >{archive}", shell=True, check=True, cwd=root)
    return archive


def boot(out, archive, rounds, limit, log):
    command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "1G",
               "-smp", "2,sockets=2", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
               "-vga", "none", "-device", "bochs-display", "-device", "virtio-gpu-pci",
               "-kernel", str(out / "arch/x86/boot/bzImage"), "-initrd", str(archive),
               "-append", f"console=ttyS0 panic=-1 rdinit=/init rounds={rounds}"]
    started = time.monotonic()
    with open(log, "wb") as sink:
        guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)
        shown = 0
        while guest.poll() is None:
            time.sleep(0.5)
            lines = [line for line in log.read_text(errors="replace").splitlines() if line.startswith(("guest:", "unplug:"))]
            for line in lines[shown:]:
                print("  " + line.strip(), flush=True)
            shown = len(lines)
            if time.monotonic() - started > limit:
                guest.kill()
                print(f"FAILED: the guest did not end within {limit} s")
    return log.read_text(errors="replace").replace("\r", ""), time.monotonic() - started


def main(linux, options):
    out = linux.BUILD / "x86-core"
    if not options.keep:
        core = linux.unpack("core")
        linux.apply(core, linux.patches())
        linux.add_core(core)
        linux.make(core, "x86-core", "x86_64", ["x86"], linux.memory_option(options), ["bzImage", "modules"])
    archive = initramfs(linux, out)
    linux.say("booting x86-64 under QEMU (TCG)")
    text, seconds = boot(out, archive, 20, 900, out / "boot.log")
    bad = 0
    for driver in ("bochs", "virtio-gpu", "vkms", "rtc-test"):
        if f"guest: {driver} ok" not in text:
            print(f"FAILED: {driver}")
            bad += 1
    for driver in ("bochs-drm", "virtio_gpu", "vkms"):
        if not re.search(rf"guest: drm_info: .*{driver}", text):
            print(f"FAILED: drm_info does not show {driver}")
            bad += 1
    for line, times in linux.complaints(text).items():
        print(f"COMPLAINT, {times} times: {line}")
        bad += 1
    print(f"boot, unbind, bind and reboot: {seconds:.0f} s")
    return bad
