#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the dashboard's panels from what a Prometheus has recorded, for the documentation: Grafana itself is not
in Debian. Needs matplotlib.

  draw.py http://localhost:9091 SECONDS cascade.png    of the last SECONDS
"""

import json
import pathlib
import re
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

COLUMN, ROW, PIXELS = 0.7, 0.34, 100  # inches of Grafana's grid


def series(prometheus, expression, seconds):
    """[(labels, [(time, value), ...]), ...]"""
    now = time.time()
    query = expression.replace("$__rate_interval", "20s").replace("$instance", ".*")
    url = prometheus + "/api/v1/query_range?" + urllib.parse.urlencode(
        {"query": query, "start": now - seconds, "end": now, "step": 2})
    result = json.load(urllib.request.urlopen(url))["data"]["result"]
    return [(one["metric"], [(float(t), float(v)) for t, v in one["values"]]) for one in result]


def label(target, labels):
    return re.sub(r"\{\{(\w+)\}\}", lambda name: labels.get(name[1], ""), target["legendFormat"])


def written(value, unit):
    if unit == "percentunit":
        return f"{100 * value:.1f} %"
    if unit == "s":
        return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:.0f} MiB"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def draw(figure, height, panel, found):
    grid = panel["gridPos"]
    unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "short")
    left, bottom = grid["x"] * COLUMN, height - (grid["y"] + grid["h"]) * ROW
    size = figure.get_size_inches()
    edges = [(left + 0.55) / size[0], (bottom + 0.5) / size[1], (grid["w"] * COLUMN - 0.75) / size[0],
             (grid["h"] * ROW - 0.9) / size[1]]
    axes = figure.add_axes(edges)
    axes.set_title(panel["title"], fontsize=9, loc="left")
    if panel["type"] == "stat":
        axes.axis("off")
        value = found[0][1][0][1][-1][1] if found[0][1] else float("nan")
        axes.text(0, 0.2, f"{written(value, unit)}", fontsize=17, color="#2a7f3f")
        axes.text(0, -0.35, found[0][0]["legendFormat"], fontsize=7, color="#666666")
        return
    scale = 2**20 if unit == "bytes" else 1  # so that ticks stand at round numbers of MiB
    for target, lines in found:
        for labels, points in lines:
            axes.plot([t - time.time() for t, _ in points], [v / scale for _, v in points], linewidth=1.2,
                      label=label(target, labels))
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)
    axes.yaxis.set_major_formatter(lambda value, _: written(value * scale, unit))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")
    axes.grid(alpha=0.3)
    if any(lines for _, lines in found):
        axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(-0.02, -0.09), ncol=4, frameon=False)


def main():
    prometheus, seconds, path = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    panels = json.loads((pathlib.Path(__file__).parent / "cascade.json").read_text())["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * ROW
    figure = plt.figure(figsize=(24 * COLUMN, height), dpi=PIXELS)
    for panel in panels:
        draw(figure, height, panel,
             [(target, series(prometheus, target["expr"], seconds)) for target in panel["targets"]])
    figure.savefig(path)


if __name__ == "__main__":
    main()
