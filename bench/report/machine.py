# SPDX-License-Identifier: MIT
"""Where and on what the figures were taken."""

import datetime
import os
import pathlib
import platform
import subprocess


def git(root, *arguments):
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def commit(root):
    # What a run itself writes does not make the tree another one.
    name = git(root, "rev-parse", "--short", "HEAD") or "no commit yet"
    changed = git(root, "status", "--porcelain", "--", ".",
                  ":(exclude)bench/README.md", ":(exclude)bench/results")
    return name + (" with changes" if changed else "")


def cpu():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def describe(root, context, arguments):
    return {
        "commit": commit(root),
        "date": datetime.date.today().isoformat(),
        "cpu": f"{cpu()}, {os.cpu_count()} of them",
        "system": f"{platform.system()} {platform.release()}, {' '.join(platform.libc_ver())}",
        "compiler": context.get("compiler", "?"),
        "flags": context.get("flags", "?"),
        "peers": context.get("peers", "?"),
        "left_out": context.get("left_out", "") or "nothing",
        "load_before": round(context.get("load_avg", [0.0])[0], 2) if context.get("load_avg") else None,
        **arguments,
    }
