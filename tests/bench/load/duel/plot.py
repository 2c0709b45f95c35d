# SPDX-License-Identifier: Apache-2.0
"""The results as a picture, from what load.json says of each load.

  PYTHONPATH=tests/bench/peers:tests/bench/load python3 -m duel.plot load.json load.png

draws it anew.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, NullLocator  # noqa: E402

from race import machine  # noqa: E402

Row = Mapping[str, Any]  # one of load.json's loads

COLORS = {  # as in peers.png
    "cascade-server": "#d55e00",
    "llama-server": "#0072b2",
    "llama-server -b 128": "#56b4e9",
    "llama-server -b 256": "#56b4e9",  # before Cascade's own steps were of 128
}
NUMBER: dict[str, Any] = {"textcoords": "offset points", "fontsize": 9}
DPI = 110  # with WIDTH: as wide as a page shows it, so that no letter shrinks
WIDTH = 9.0


def plot(report: Mapping[str, Any], file: Path) -> None:
    """Throughput and latencies by the number of streams, and what long prompts do to streams."""
    rows = report["loads"]
    streams = [row for row in rows if not row["load"]["long_prompts"]]
    long_prompts = [row for row in rows if row["load"]["long_prompts"]]
    figure, panels = pyplot.subplots(2, 2, figsize=(WIDTH, 8), layout="constrained")
    _throughput(panels[0][0], streams)
    _latency(panels[0][1], streams, "time to first token", "first_token")
    _latency(panels[1][0], streams, "time between tokens", "between_tokens")
    _long_prompts(panels[1][1], long_prompts)
    names = list(dict.fromkeys(row["contender"] for row in streams))
    handles = [pyplot.Line2D([], [], marker="o", color=COLORS[name], label=name) for name in names]
    handles.append(pyplot.Line2D([], [], marker="o", color="#555555", label="p50"))
    p99 = pyplot.Line2D([], [], linestyle="--", marker="o", color="#555555", label="p99")
    p99.set_markerfacecolor("white")
    handles.append(p99)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    figure.suptitle(_title(report), fontsize=11)
    figure.savefig(file, dpi=DPI)
    pyplot.close(figure)


def _title(report: Mapping[str, Any]) -> str:
    llama = str(report["llama.cpp"]).split(maxsplit=1)[0]  # its version, without its source
    return (
        f"Two servers under the same load: {report['model']}, {report['weights']}, "
        f"{report['threads']} threads\n"
        f"Cascade {report['cascade']}, llama.cpp {llama}, {report['state']['date']}, "
        f"{machine.words(report['machine'])}"
    )


def _throughput(panel: Axes, rows: Sequence[Row]) -> None:
    for name, own in _by_contender(rows).items():
        counts = [row["load"]["streams"] for row in own]
        rates = [row["tokens_per_second"] for row in own]
        color = COLORS[name]
        panel.plot(counts, rates, "o-", color=color, markersize=5)
        for count, rate in zip(counts, rates, strict=True):
            place = (count, rate)
            panel.annotate(f"{rate:.0f}", place, (0, 6), ha="center", color=color, **NUMBER)
    panel.set_ylabel("generated tokens per second")
    most = max((row["tokens_per_second"] for row in rows), default=1)
    panel.set_ylim(0, 1.12 * most)
    _streams_axis(panel, rows)


def _latency(panel: Axes, rows: Sequence[Row], label: str, name_of_times: str) -> None:
    for name, own in _by_contender(rows).items():
        counts = [row["load"]["streams"] for row in own]
        p50 = [row[f"{name_of_times}_p50"] for row in own]
        p99 = [row[f"{name_of_times}_p99"] for row in own]
        panel.plot(counts, p50, "o-", color=COLORS[name], markersize=5)
        panel.plot(counts, p99, "o--", color=COLORS[name], markersize=5, markerfacecolor="white")
    panel.set_yscale("log")
    panel.set_ylabel(label)
    _streams_axis(panel, rows)


def _streams_axis(panel: Axes, rows: Sequence[Row]) -> None:
    counts = sorted({row["load"]["streams"] for row in rows})
    panel.set_xscale("log")
    panel.set_xticks(counts, [str(count) for count in counts])
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("concurrent streams")
    _plain(panel)


def _long_prompts(panel: Axes, rows: Sequence[Row]) -> None:
    labels = []
    for place, row in enumerate(rows):
        p50, p99 = row["between_tokens_p50"], row["between_tokens_p99"]
        color = COLORS[row["contender"]]
        panel.plot([place, place], [p50, p99], color=color, linewidth=2)
        panel.plot(place, p50, "o", color=color, markersize=7)
        panel.plot(place, p99, "o", color=color, markersize=7, markerfacecolor="white")
        for value in (p50, p99):
            panel.annotate(in_words(value), (place, value), (8, -3), **NUMBER)
        labels.append(row["contender"].replace(" ", "\n", 1))
    panel.set_yscale("log")
    panel.margins(x=0.35, y=0.2)
    panel.set_xticks(range(len(labels)), labels, fontsize=9)
    panel.set_ylabel("time between tokens")
    panel.set_title(_long_prompts_title(rows), fontsize=10)
    _plain(panel)


def _long_prompts_title(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    load = rows[0]["load"]
    plan = load["long_prompts"]
    often = f"every {plan['every_seconds']:g} s"
    return f"{load['streams']} streams, a prompt of {plan['prompt_tokens']} tokens {often}"


def in_words(seconds: float) -> str:
    """A time with the unit that people use for it: 30 ms, 20 s."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def _plain(panel: Axes) -> None:
    if panel.get_yscale() == "log":
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_words(value)))
        panel.yaxis.set_minor_locator(NullLocator())
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)


def _by_contender(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda each: int(each["load"]["streams"])):
        found.setdefault(row["contender"], []).append(row)
    return found


if __name__ == "__main__":
    recorded, picture = sys.argv[1:]
    plot(json.loads(Path(recorded).read_text(encoding="utf-8")), Path(picture))
