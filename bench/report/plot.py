# SPDX-License-Identifier: MIT
"""Cost against how many there are, all axes logarithmic: many resources on one head above, many small owners below."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from . import measure  # noqa: E402

# (subject, label, colour, dash); one colour per competitor in all panels.
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


OWNERS = (
    ("managed", "devres_head in a class (ours)", "#0b6e4f", "-"),
    ("devm", "device (ours)", "#39a9a0", "-"),
    ("linux_devm", "Linux devm", "#b3261e", "-"),
    ("linux_drmm", "Linux drmm", "#e58a7b", "-"),
    ("talloc", "talloc", "#5b3f9e", "-"),
    ("apr", "APR pool", "#b07d12", "-"),
    ("vector_function", "vector<function>, no lock", "#3f5d8a", "-"),
)


def line(axes, points, label, colour, dash):
    if points:
        ours = "(ours)" in label
        axes.plot(*zip(*sorted(points)), dash, color=colour, label=label, marker="o", markersize=4 if ours else 3,
                  linewidth=2.4 if ours else 1.4, zorder=3 if ours else 2)


def curve(axes, saved, subject, workload, *style):
    line(axes, [(r["n"], r["ns"]) for r in saved["row"]
                if r["subject"] == subject and r["workload"] == workload and r["threads"] == 1], *style)


def owners_curve(axes, saved, subject, figure, *style):
    line(axes, [(r["n"], r[figure]) for r in saved["owners"] if r["subject"] == subject], *style)


def finish(axes, title, across, up="ns per resource"):
    axes.set(xscale="log", yscale="log", xlabel=across, ylabel=up)
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
    # Text stays text: a tenth of the lines, and it can be searched.
    matplotlib.rcParams.update({"svg.hashsalt": "devres", "svg.fonttype": "none", "font.size": 9,
                                "font.family": "DejaVu Sans"})
    figure, ((attach, remove), (bytes_each, time_each)) = plt.subplots(2, 2, figsize=(11, 12))
    for subject, label, colour, dash in ATTACH:
        curve(attach, saved, subject, "AttachRelease", label, colour, dash)
    for subject, workload, label, colour, dash in REMOVE:
        curve(remove, saved, subject, workload, label, colour, dash)
    for subject, label, colour, dash in OWNERS:
        owners_curve(bytes_each, saved, subject, "bytes", label, colour, dash)
        owners_curve(time_each, saved, subject, "ns", label, colour, dash)
    finish(attach, "one head: attach + release of an action", "actions on the head")
    finish(remove, "one head: removing one at random", "resources on the head")
    finish(bytes_each, "100,000 owners alive: memory", "actions per owner", "resident bytes per owner, beside the embedded head")
    finish(time_each, "100,000 owners alive: time", "actions per owner", "ns per action, attached and ended")
    for axes in (bytes_each, time_each):
        axes.set_xticks(measure.OWNER_SIZES)
        axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    figure.tight_layout(h_pad=2.5)
    figure.savefig(svg, metadata={"Date": None}, facecolor="white")
    if png:
        figure.savefig(png, dpi=110, facecolor="white")
    plt.close(figure)
