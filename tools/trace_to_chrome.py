#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# Turns what DEVRES_LOG=1 prints into a trace for Perfetto or chrome://tracing: one track for each owner, on it one
# bar for each resource from ADD to REL or REM.
#
# usage: DEVRES_LOG=1 program 2>log; trace_to_chrome.py <log >trace.json
import json
import re
import sys

LINE = re.compile(r'^devres: (\d+)\.(\d{6}) \[(\d+)\] (.+?) "(.*)": (ADD|REL|REM) (.*) \((\d+) bytes\)$')


def convert(lines):
    """Returns the events of a trace, and how many lines that look like ours are not understood."""
    events, live, tracks, strange, serial, last = [], {}, {}, 0, 0, 0
    for line in lines:
        found = LINE.match(line.rstrip("\n"))
        if not found:
            strange += bool(re.match(r'devres: \d+\.\d+ \[', line))
            continue
        seconds, micros, thread, kind, owner, op, name, size = found.groups()
        now = last = int(seconds) * 1_000_000 + int(micros)
        track = (kind, owner)
        if track not in tracks:
            tracks[track] = len(tracks) + 1
            events.append({"ph": "M", "name": "process_name", "pid": tracks[track],
                           "args": {"name": f'{kind} "{owner}"'}})
        base = {"cat": "resource", "name": name, "pid": tracks[track], "tid": int(thread), "ts": now}
        open_ones = live.setdefault((track, name), [])
        if op == "ADD":
            serial += 1
            open_ones.append(serial)
            events.append(base | {"ph": "b", "id": serial, "args": {"bytes": int(size)}})
        elif open_ones:  # of equal resources the newest goes first
            events.append(base | {"ph": "e", "id": open_ones.pop(), "args": {"how": op}})
        else:  # it was attached before the log began
            events.append(base | {"ph": "i", "s": "p", "args": {"how": op}})
    for (track, name), open_ones in live.items():  # still there when the log ended
        for ident in open_ones:
            events.append({"ph": "e", "cat": "resource", "name": name, "pid": tracks[track], "tid": 0, "ts": last,
                           "id": ident, "args": {"how": "still attached"}})
    return events, strange


if __name__ == "__main__":
    trace, not_understood = convert(sys.stdin)
    json.dump({"traceEvents": trace, "displayTimeUnit": "ms"}, sys.stdout, indent=0)
    if not_understood or not trace:
        sys.exit(f"{len(trace)} events, {not_understood} lines not understood")
