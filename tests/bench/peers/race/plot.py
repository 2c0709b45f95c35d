# SPDX-License-Identifier: Apache-2.0
"""The ratios as a picture."""

import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: E402

from race.results import Result  # noqa: E402

COLORS = {
    "llama.cpp": "#0072b2",
    "CTranslate2": "#d55e00",
    "ONNX Runtime": "#009e73",
    "OpenVINO": "#cc79a7",
    "PyTorch": "#e69f00",
    "prototype": "#555555",
}
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 7, 10, 20)


def plot(results: Sequence[Result], title: str, file: Path) -> None:
    """A row of panels for each model and count of threads, a panel for each kind of weights."""
    rows = list(dict.fromkeys((result.model, result.threads) for result in results))
    columns = list(dict.fromkeys(result.weights for result in results))
    cells = list(dict.fromkeys(result.cell for result in results))
    peers = list(dict.fromkeys(result.peer for result in results))
    figure, panels = pyplot.subplots(
        len(rows),
        len(columns),
        figsize=(1.5 + 3.4 * len(columns), 1.6 + 2.5 * len(rows)),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for row, (model, threads) in enumerate(rows):
        for column, weights in enumerate(columns):
            panel = panels[row][column]
            own = [
                result
                for result in results
                if (result.model, result.threads, result.weights) == (model, threads, weights)
            ]
            _panel(panel, own, cells, peers)
            if row == 0:
                panel.set_title(weights, fontweight="bold")
            if column == 0:
                count = "1 thread" if threads == 1 else f"{threads} threads"
                panel.set_ylabel(f"{model}, {count}\nCascade / peer")
    _scale(panels[0][0], results)
    _legend(figure, peers)
    letters = round(11 * figure.get_figwidth())  # that fit beside each other
    figure.suptitle(textwrap.fill(title, letters), fontsize=11)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _panel(
    panel: Axes, results: Sequence[Result], cells: Sequence[str], peers: Sequence[str]
) -> None:
    panel.axhspan(1e-3, 1, color="#000000", alpha=0.06, linewidth=0)
    panel.axhline(1, color="black", linewidth=1)
    panel.grid(axis="y", color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)
    width = 0.8 / len(peers)
    for result in results:
        place = cells.index(result.cell) + (peers.index(result.peer) - (len(peers) - 1) / 2) * width
        least, most = result.ratio_range
        color = COLORS[result.peer]
        panel.plot([place, place], [least, most], color=color, linewidth=1.5, alpha=0.5)
        fill = color if result.verified else "white"
        panel.plot(place, result.ratio, "o", markersize=5, color=color, markerfacecolor=fill)
    for boundary in range(len(cells) - 1):
        panel.axvline(boundary + 0.5, color="#dddddd", linewidth=0.6)
    panel.set_xticks(range(len(cells)), cells, fontsize=8.5)
    panel.tick_params(axis="x", length=0)
    panel.set_xlim(-0.5, len(cells) - 0.5)


def _scale(panel: Axes, results: Sequence[Result]) -> None:
    """Logarithmic: twice and half are as far from 1."""
    ratios = [result.ratio for result in results]
    least, most = min([*ratios, 0.8]) / 1.25, max([*ratios, 1.25]) * 1.25
    panel.set_yscale("log")
    panel.set_ylim(least, most)
    ticks = [tick for tick in TICKS if least <= tick <= most]
    panel.yaxis.set_major_locator(FixedLocator(ticks))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))


def _legend(figure: pyplot.Figure, peers: Sequence[str]) -> None:
    handles = [
        pyplot.Line2D([], [], marker="o", linestyle="-", color=COLORS[peer], label=peer)
        for peer in peers
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(peers),
        frameon=False,
        title="Above the line Cascade is faster. Bars: from the least to the most of the samples. "
        "Hollow: logits not verified.",
    )
