# SPDX-License-Identifier: Apache-2.0
"""The results as a picture."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from duel.cells import Outcome, Times  # noqa: E402
from duel.results import Entry  # noqa: E402

COLORS = {
    "cascade-server": "#d55e00",
    "llama-server": "#0072b2",
    "llama-server -b 256": "#56b4e9",
}
NUMBER: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8}


def plot(entries: Sequence[Entry], title: str, file: Path) -> None:
    """Throughput and latencies by the number of streams, and what long prompts do to streams."""
    measured = [entry for entry in entries if entry.rounds]
    streams = [entry for entry in measured if not entry.load.long_prompts]
    long_prompts = [entry for entry in measured if entry.load.long_prompts]
    figure, panels = pyplot.subplots(2, 2, figsize=(10.5, 8), layout="constrained")
    _throughput(panels[0][0], streams)
    _latency(panels[0][1], streams, "time to first token, ms", lambda each: each.first_token)
    _latency(panels[1][0], streams, "time between tokens, ms", lambda each: each.between_tokens)
    _long_prompts(panels[1][1], long_prompts)
    names = list(dict.fromkeys(entry.contender for entry in streams))
    handles = [pyplot.Line2D([], [], marker="o", color=COLORS[name], label=name) for name in names]
    handles.append(pyplot.Line2D([], [], marker="o", color="#555555", label="p50"))
    p99 = pyplot.Line2D([], [], linestyle="--", marker="o", color="#555555", label="p99")
    p99.set_markerfacecolor("white")
    handles.append(p99)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(title, fontsize=11)
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def _throughput(panel: Axes, entries: Sequence[Entry]) -> None:
    for name, own in _by_contender(entries).items():
        counts = [entry.load.streams for entry in own]
        rates = [entry.tokens_per_second for entry in own]
        color = COLORS[name]
        panel.plot(counts, rates, "o-", color=color, markersize=5)
        for count, rate in zip(counts, rates, strict=True):
            place = (count, rate)
            panel.annotate(f"{rate:.0f}", place, (0, 6), ha="center", color=color, **NUMBER)
    panel.set_ylabel("generated tokens per second")
    most = max((entry.tokens_per_second for entry in entries), default=1)
    panel.set_ylim(0, 1.12 * most)
    _streams_axis(panel, entries)


def _latency(
    panel: Axes, entries: Sequence[Entry], label: str, of: Callable[[Outcome], Times]
) -> None:
    for name, own in _by_contender(entries).items():
        counts = [entry.load.streams for entry in own]
        p50 = [1e3 * entry.median(lambda each: of(each).p50) for entry in own]
        p99 = [1e3 * entry.median(lambda each: of(each).p99) for entry in own]
        panel.plot(counts, p50, "o-", color=COLORS[name], markersize=5)
        panel.plot(counts, p99, "o--", color=COLORS[name], markersize=5, markerfacecolor="white")
    panel.set_yscale("log")
    panel.set_ylabel(label)
    _streams_axis(panel, entries)


def _streams_axis(panel: Axes, entries: Sequence[Entry]) -> None:
    counts = sorted({entry.load.streams for entry in entries})
    panel.set_xscale("log")
    panel.set_xticks(counts, [str(count) for count in counts])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("concurrent streams")
    _plain(panel)


def _long_prompts(panel: Axes, entries: Sequence[Entry]) -> None:
    labels = []
    for place, entry in enumerate(entries):
        p50 = 1e3 * entry.median(lambda each: each.between_tokens.p50)
        p99 = 1e3 * entry.median(lambda each: each.between_tokens.p99)
        color = COLORS[entry.contender]
        panel.plot([place, place], [p50, p99], color=color, linewidth=2)
        panel.plot(place, p50, "o", color=color, markersize=7)
        panel.plot(place, p99, "o", color=color, markersize=7, markerfacecolor="white")
        for value in (p50, p99):
            panel.annotate(f"{value:.0f}", (place, value), (8, -3), **NUMBER)
        labels.append(entry.contender.replace(" ", "\n", 1))
    panel.set_yscale("log")
    panel.margins(x=0.3, y=0.2)
    panel.set_xticks(range(len(labels)), labels)
    panel.set_ylabel("time between tokens, ms")
    panel.set_title(_long_prompts_title(entries), fontsize=10)
    _plain(panel)


def _long_prompts_title(entries: Sequence[Entry]) -> str:
    loads = [entry.load for entry in entries if entry.load.long_prompts]
    if not loads or not loads[0].long_prompts:
        return ""
    plan = loads[0].long_prompts
    often = f"every {plan.every_seconds:g} s"
    return f"{loads[0].streams} streams, a prompt of {plan.prompt_tokens} tokens {often}"


def _plain(panel: Axes) -> None:
    if panel.get_yscale() == "log":
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)


def _by_contender(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda each: each.load.streams):
        found.setdefault(entry.contender, []).append(entry)
    return found
