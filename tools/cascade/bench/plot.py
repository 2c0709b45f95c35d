#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws a sweep of `cascade bench`: latencies and throughput against the offered load.

  cascade bench --rate=1,2,4,8,16 --duration=30s --json_file=runs.json
  plot.py runs.json sweep.png --machine="Intel Xeon with AVX-512, 4 CPUs"

Needs matplotlib (Debian: python3-matplotlib; or pip). The picture's format is by its name's ending.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # after the choice of what draws
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator  # noqa: E402

Run = dict[str, Any]  # one line of --json

LATENCIES = {
    "first_token": "time to first token",
    "between_messages": "time between messages",
    "whole_answer": "time of a whole answer",
}
PERCENTILES = {"p50": "-", "p99": "--"}
CASCADE_COLOUR = "#d55e00"  # as in the pictures of tests/bench
REFUSED_COLOUR = "#555555"
DPI = 110  # with a width of 9 inches: as wide as a page shows it, so that no letter shrinks
LOG_FROM = 8  # times the least load: a wider sweep gets a logarithmic axis


def read_runs(file: Path) -> list[Run]:
    """In order of load. Ends the program, saying why, if the file does not hold one sweep."""
    try:
        runs = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
        loops = {run["settings"]["loop"] for run in runs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{file}: not what cascade bench --json writes: {error!r}") from error
    if not runs:
        raise SystemExit(f"{file}: is empty")
    if len(loops) != 1:
        raise SystemExit(f"{file}: needs runs of one kind of loop, open or closed")
    return sorted(runs, key=load_of)


def load_of(run: Run) -> float:
    """Requests a second of an open loop, streams of a closed one."""
    settings = run["settings"]
    return float(settings["rate"] if settings["loop"] == "open" else settings["concurrency"])


def draw(runs: Sequence[Run], machine: str, file: Path) -> None:
    figure, panels = pyplot.subplots(2, 2, figsize=(9, 7.5), layout="constrained")
    places = (panels[0][0], panels[0][1], panels[1][0])
    for panel, (name, label) in zip(places, LATENCIES.items(), strict=True):
        draw_latency(panel, runs, name, label)
    draw_throughput(panels[1][1], runs)
    for panel in panels.flat:
        load_axis(panel, runs)
    model, settings = runs[0]["model"], runs[0]["settings"]
    figure.suptitle(
        f"{model['name']}, {model['weights']}: prompts of {settings['prompt_tokens']} tokens, "
        f"answers of {settings['output_tokens']}\n{about(runs[0], machine)}",
        fontsize=11,
    )
    figure.savefig(file, dpi=DPI)
    pyplot.close(figure)


def about(run: Run, machine: str) -> str:
    """What was measured, when and where. The client does not know the server's machine."""
    started = run.get("started", "").removesuffix("Z").replace("T", " ")
    words = (f"Cascade {run['model']['server_version']}", started and f"{started} UTC", machine)
    return ", ".join(word for word in words if word)


def in_words(seconds: float) -> str:
    """A time with the unit that people use for it: 30 ms, 20 s."""
    for factor, unit in ((1, "s"), (1e3, "ms")):
        if factor * seconds >= 1:
            return f"{factor * seconds:.3g} {unit}"
    return f"{1e6 * seconds:.3g} us"


def draw_latency(panel: Axes, runs: Sequence[Run], name: str, label: str) -> None:
    """Loads under which there was nothing to measure are left out."""
    found = [run for run in runs if run["latency"][name]["count"] > 0]
    loads = [load_of(run) for run in found]
    for percentile, style in PERCENTILES.items():
        values = [run["latency"][name][percentile] for run in found]
        fill = CASCADE_COLOUR if percentile == "p50" else "white"
        panel.plot(
            *(loads, values, f"o{style}"),
            color=CASCADE_COLOUR,
            markersize=5,
            markerfacecolor=fill,
            label=percentile,
        )
    panel.set_yscale("log")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_words(value)))
    panel.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: in_words(value)))
    panel.yaxis.set_minor_locator(LogLocator(subs=(2, 5)))
    panel.set_ylabel(label)
    panel.legend(frameon=False)


def draw_throughput(panel: Axes, runs: Sequence[Run]) -> None:
    """Tokens of whole answers; what was refused on an axis of its own."""
    loads = [load_of(run) for run in runs]
    tokens = [run["per_second"]["tokens_in_answers"] for run in runs]
    panel.plot(loads, tokens, "o-", color=CASCADE_COLOUR, markersize=5)
    panel.set_ylabel("tokens per second, in whole answers", color=CASCADE_COLOUR)
    panel.set_ylim(bottom=0)
    shares = [100 * refused_share(run) for run in runs]
    refused = panel.twinx()
    refused.plot(loads, shares, "s:", color=REFUSED_COLOUR, markersize=4)
    refused.set_ylabel("requests refused, %", color=REFUSED_COLOUR)
    refused.set_ylim(0, 100)


def refused_share(run: Run) -> float:
    requests = run["requests"]
    refused = requests["by_code"].get("RESOURCE_EXHAUSTED", 0)
    return float(refused / max(1, requests["started"]))


def load_axis(panel: Axes, runs: Sequence[Run]) -> None:
    loads = [load_of(run) for run in runs]
    if loads[-1] >= LOG_FROM * loads[0]:
        panel.set_xscale("log")
        panel.set_xticks(loads, [f"{load:g}" for load in loads])
        panel.xaxis.set_minor_locator(NullLocator())
    is_open = runs[0]["settings"]["loop"] == "open"
    panel.set_xlabel("offered load, requests per second" if is_open else "concurrent streams")
    panel.grid(color="#dddddd", linewidth=0.6)
    panel.set_axisbelow(True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, help="what --json printed or --json_file holds")
    parser.add_argument("picture", type=Path, help="to write, such as sweep.png or sweep.svg")
    parser.add_argument("--machine", default="", help="the server's, for the title")
    given = parser.parse_args()
    draw(read_runs(given.runs), given.machine, given.picture)


if __name__ == "__main__":
    main()
