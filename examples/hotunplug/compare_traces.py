#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# usage: compare_traces.py <hotunplug> <trace_to_chrome.py> <work folder>
#
# The trace that the demo writes says the same as tools/trace_to_chrome.py makes of its log.
import json
import os
import pathlib
import subprocess
import sys


def told(trace):
    """Which resources begin and end, in order, on whose track."""
    tracks = {e["pid"]: e["args"]["name"] for e in trace["traceEvents"] if e["ph"] == "M"}
    return [(e["ph"], tracks[e["pid"]], e["name"], e["args"].get("how", "ADD"))
            for e in trace["traceEvents"] if e["ph"] in "be"]


program, converter, folder = sys.argv[1:4]
picture = pathlib.Path(folder) / "compare_traces.svg"
ran = subprocess.run([program, "--svg", picture], env=os.environ | {"DEVRES_LOG": "1"}, capture_output=True, text=True,
                     check=True)
converted = subprocess.run([sys.executable, "-B", converter], input=ran.stderr, capture_output=True, text=True, check=True)
own = told(json.loads(picture.with_suffix(".json").read_text()))
from_log = told(json.loads(converted.stdout))
if not own or own != from_log:
    sys.exit(f"FAILED: the demo's trace\n{own}\nthe log's\n{from_log}")
print(f"{len(own)} events, the same in both")
