# SPDX-License-Identifier: MIT
"""Cost per resource against how many there are, both axes logarithmic."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

# (subject, label, colour, dash); one colour per competitor in both panels.
ATTACH = (
    ("devm", "devm (ours)", "#0b6e4f", "-"),
    ("drmm", "drmm (ours)", "#39a9a0", "-"),
    ("linux_devm", "Linux devm", "#b3261e", "-"),
    ("linux_drmm", "Linux drmm", "#e58a7b", "-"),
    ("talloc", "talloc", "#5b3f9e", "-"),
    ("apr", "APR pool", "#b07d12", "-"),
    ("vector_function_mutex", "vector<function> + mutex", "#3f5d8a", "-"),
    ("list_function_mutex", "list<function> + mutex", "#7f9cc4", "-"),
    ("floor_malloc56", "floor: malloc + free", "#6f6f6f", ":"),
    ("floor_arena", "floor: arena, one locked instruction", "#a8a8a8", "--"),
)
REMOVE = (
    ("devm_kfree", "FreeOne", "devm_kfree (ours)", "#0b6e4f", "-"),
    ("devm_remove_action", "RemoveOne", "devm_remove_action (ours)", "#39a9a0", "-"),
    ("linux_devm_kfree", "FreeOne", "Linux devm_kfree", "#b3261e", "-"),
    ("linux_drmm_kfree", "FreeOne", "Linux drmm_kfree", "#e58a7b", "-"),
    ("talloc", "FreeOne", "talloc_free", "#5b3f9e", "-"),
    ("apr", "RemoveOne", "APR cleanup_kill", "#b07d12", "-"),
    ("list_function_mutex", "RemoveOne", "list erase + mutex", "#7f9cc4", "-"),
    ("floor_unchecked_list", "FreeOne", "floor: list in an arena, unchecked", "#a8a8a8", "--"),
)


def curve(axes, saved, subject, workload, label, colour, dash):
    points = sorted((r["n"], r["ns"]) for r in saved["rows"]
                    if r["subject"] == subject and r["workload"] == workload and r["threads"] == 1)
    if points:
        ours = "(ours)" in label
        axes.plot(*zip(*points), dash, color=colour, label=label, marker="o", markersize=4 if ours else 3,
                  linewidth=2.4 if ours else 1.4, zorder=3 if ours else 2)


def finish(axes, title, across):
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel="ns per resource")
    axes.set_title(title, loc="left", fontsize=11)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda y, _: f"{y:,.0f}" if y >= 1 else f"{y:g}"))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda x, _: f"{x:,.0f}"))
    low, high = axes.get_ylim()
    if high / low < 500:  # few decades: more than their powers wants a label
        axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2)


def draw(saved, svg, png=None):
    matplotlib.rcParams.update({"svg.hashsalt": "devres", "font.size": 9, "font.family": "DejaVu Sans"})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 6.2))
    for subject, label, colour, dash in ATTACH:
        curve(left, saved, subject, "AttachRelease", label, colour, dash)
    for subject, workload, label, colour, dash in REMOVE:
        curve(right, saved, subject, workload, label, colour, dash)
    finish(left, "attach + release of an action, same head", "actions on the head")
    finish(right, "removing one at random", "resources on the head")
    figure.tight_layout()
    figure.savefig(svg, metadata={"Date": None}, facecolor="white")
    if png:
        figure.savefig(png, dpi=110, facecolor="white")
    plt.close(figure)
