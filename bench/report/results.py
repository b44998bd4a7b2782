# SPDX-License-Identifier: MIT
"""Saved results: one JSON object a line, each with its kind, so that a run can be read, searched and compared by line.

kind        what it says
about       where and on what the figures were taken; one line
row         an instance of a Google Benchmark program: lower quartile, spread, how many repetitions were disturbed
memory      resident bytes per action, a million on one head
owners      many small owners: bytes per owner and ns per action
readers     among n threads that have read
instruction callgrind's count of one case
growth      callgrind's counts of one operation at three sizes, and their exponent
codegen     the fast path of one function
"""

import json

KINDS = ("row", "memory", "owners", "readers", "instruction", "growth", "codegen")


def save(path, saved):
    lines = [{"kind": "about", **saved["about"]}]
    for kind in KINDS:
        lines += [{"kind": kind, **entry} for entry in saved[kind]]
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def load(path):
    saved = {kind: [] for kind in KINDS}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        kind = entry.pop("kind")
        if kind == "about":
            saved["about"] = entry
        else:
            saved[kind].append(entry)
    return saved
