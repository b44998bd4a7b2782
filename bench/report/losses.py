# SPDX-License-Identifier: MIT
"""Where we lose: every measurement in which somebody who is no floor is faster or smaller than one of ours."""

from . import subjects

NOISE = 1.02  # closer than this is a draw


def find(saved):
    """Yields (workload, ours, peer, [(n, threads, ours_ns, peer_ns)]), the widest gap first."""
    together = {}
    for row in saved["row"]:
        together.setdefault((row["workload"], row["n"], row["threads"]), []).append(row)
    lost = {}
    for (workload, n, threads), rows in together.items():
        for ours in (r for r in rows if subjects.is_ours(r["subject"])):
            for peer in (r for r in rows if subjects.is_peer(r["subject"])):
                if ours["ns"] > peer["ns"] * NOISE:
                    key = (workload, ours["subject"], peer["subject"])
                    lost.setdefault(key, []).append((n, threads, ours["ns"], peer["ns"]))
    for workload, figure, entries in (("Memory", "bytes", saved["memory"]), ("Owners, bytes", "bytes", saved["owners"]),
                                      ("Owners, time", "ns", saved["owners"]), (None, "ns", saved["readers"])):
        for ours in (e for e in entries if subjects.is_ours(e["subject"])):
            for peer in (e for e in entries if subjects.is_peer(e["subject"])):
                alike = all(ours.get(k) == peer.get(k) for k in ("n", "workload"))
                if alike and ours[figure] > peer[figure] * NOISE:
                    key = (workload or ours["workload"], ours["subject"], peer["subject"])
                    lost.setdefault(key, []).append((ours.get("n"), 1, ours[figure], peer[figure]))
    for places in lost.values():
        places.sort(key=lambda p: (p[0] or 0, p[1]))
    widest = sorted(lost.items(), key=lambda item: -max(a / b for _, _, a, b in item[1]))
    return [(*key, places) for key, places in widest]
