# SPDX-License-Identifier: Apache-2.0
"""The ratios as pictures, from the rows of peers.json.

  python3 -m race.plot peers.json peers.png "Cascade 0123abc, 2026-11-23, Intel Xeon, 4 CPUs"

draws them anew, in tests/bench/peers. The last argument says what was measured, when and where.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

# The same peer has the same color in every picture of tests/bench; Cascade's is #d55e00.
COLORS = {
    "llama.cpp": "#0072b2",
    "CTranslate2": "#8b5a2b",
    "ONNX Runtime": "#009e73",
    "OpenVINO": "#cc79a7",
    "PyTorch": "#e69f00",
    "prototype": "#555555",
}
NAMES = {"prototype": "a prototype of the kernels"}
CELLS = {  # what the cells of peers.json are, in words that need no table
    "prefill512": "prompt of\n512 tokens",
    "decode512": "1 stream",
    "streams8": "8 streams",
    "streams32": "32 streams",
}
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)
DPI = 110  # with WIDTH: as wide as a page shows it, so that no letter shrinks
WIDTH = 9.0


@dataclass(frozen=True)
class Point:
    """Cascade's tokens per second over a peer's, and the least and the most that the samples allow."""

    model: str
    weights: str
    threads: int
    cell: str
    peer: str
    ratio: float
    least: float
    most: float
    verified: bool


def points_of(rows: Sequence[Mapping[str, Any]]) -> list[Point]:
    names = ("model", "weights", "threads", "cell", "peer", "ratio", "verified")
    points = []
    for row in rows:
        own, other = row["cascade_spread"], row["peer_spread"]
        least, most = own["min"] / other["max"], own["max"] / other["min"]
        points.append(Point(**{name: row[name] for name in names}, least=least, most=most))
    return points


def plot(rows: Sequence[Mapping[str, Any]], about: str, file: Path) -> list[Path]:
    """A picture for each count of threads: `file` for the highest, its namesakes for the others."""
    points = points_of(rows)
    counts = sorted({point.threads for point in points}, reverse=True)
    files = []
    for place, threads in enumerate(counts):
        words = "1 thread" if threads == 1 else f"{threads} threads"
        named = file.with_stem(f"{file.stem}-{words.replace(' ', '-')}") if place else file
        _draw([point for point in points if point.threads == threads], words, about, named)
        files.append(named)
    return files


def _draw(points: Sequence[Point], threads: str, about: str, file: Path) -> None:
    """A column of panels for each model, a row for each kind of weights."""
    models = list(dict.fromkeys(point.model for point in points))
    kinds = list(dict.fromkeys(point.weights for point in points))
    cells = list(dict.fromkeys(point.cell for point in points))
    peers = list(dict.fromkeys(point.peer for point in points))
    figure, panels = pyplot.subplots(
        len(kinds),
        len(models),
        figsize=(WIDTH, 1.9 + 2.3 * len(kinds)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, weights in enumerate(kinds):
        for column, model in enumerate(models):
            panel = panels[row][column]
            own = [each for each in points if (each.model, each.weights) == (model, weights)]
            _panel(panel, own, cells, peers)
            panel.set_title(f"{model}, weights {weights}", fontsize=11, fontweight="bold")
            if column == 0:
                panel.set_ylabel("Cascade / peer", fontsize=10)
    _scale(panels[0][0], points)
    _legend(figure, peers)
    figure.suptitle(
        f"Tokens per second of Cascade over those of each peer, {threads}\n{about}", fontsize=11
    )
    figure.savefig(file, dpi=DPI)
    pyplot.close(figure)


def _panel(
    panel: Axes, points: Sequence[Point], cells: Sequence[str], peers: Sequence[str]
) -> None:
    panel.axhspan(1e-3, 1, color="#000000", alpha=0.06, linewidth=0)
    panel.axhline(1, color="black", linewidth=1)
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    width = 0.8 / len(peers)
    for point in points:
        place = cells.index(point.cell) + (peers.index(point.peer) - (len(peers) - 1) / 2) * width
        color = COLORS[point.peer]
        panel.plot([place, place], [point.least, point.most], color=color, linewidth=2, alpha=0.5)
        fill = color if point.verified else "white"
        panel.plot(place, point.ratio, "o", markersize=7, color=color, markerfacecolor=fill)
    for boundary in range(len(cells) - 1):
        panel.axvline(boundary + 0.5, color="#dddddd", linewidth=0.6)
    panel.set_xticks(range(len(cells)), [CELLS.get(cell, cell) for cell in cells], fontsize=10)
    panel.tick_params(axis="x", length=0)
    panel.tick_params(axis="y", labelsize=10)
    panel.set_xlim(-0.5, len(cells) - 0.5)


def _scale(panel: Axes, points: Sequence[Point]) -> None:
    """Logarithmic: twice and half are as far from 1."""
    ratios = [point.ratio for point in points]
    least, most = min([*ratios, 0.8]) / 1.25, max([*ratios, 1.25]) * 1.25
    panel.set_yscale("log")
    panel.set_ylim(least, most)
    ticks = [tick for tick in TICKS if least <= tick <= most]
    panel.yaxis.set_major_locator(FixedLocator(ticks))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))


def _legend(figure: pyplot.Figure, peers: Sequence[str]) -> None:
    handles = [
        pyplot.Line2D(
            *([], []), marker="o", linestyle="", color=COLORS[peer], label=NAMES.get(peer, peer)
        )
        for peer in peers
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        frameon=False,
        fontsize=10,
        title_fontsize=10,
        title="Above the line Cascade is faster. Bars: from the least to the most of the samples.\n"
        "Hollow: nobody has checked that the peer computes the same.",
    )


if __name__ == "__main__":
    recorded, picture, measured = sys.argv[1:]
    plot(json.loads(Path(recorded).read_text(encoding="utf-8")), measured, Path(picture))
