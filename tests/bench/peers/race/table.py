# SPDX-License-Identifier: Apache-2.0
"""The results as a table for the terminal."""

from collections.abc import Sequence

from race.results import Result

COLUMN = 19


def table(results: Sequence[Result], peers: Sequence[str]) -> str:
    """A block for each model and count of threads, a line for each kind of weights and cell."""
    cells: dict[tuple[str, int, str, str], dict[str, Result]] = {}
    for result in results:
        key = (result.model, result.threads, result.weights, result.cell)
        cells.setdefault(key, {})[result.peer] = result
    shown = [peer for peer in peers if any(peer in line for line in cells.values())]
    lines: list[str] = []
    block: tuple[str, int] | None = None
    for (model, threads, weights, cell), line in cells.items():
        if block != (model, threads):
            block = (model, threads)
            lines += ["", *_head(model, threads, shown)]
        any_result = next(iter(line.values()))
        values = "".join(_peer(line.get(peer)) for peer in shown)
        worst = max(max(each.cascade.spread, each.peer_value.spread) for each in line.values())
        own = f"{any_result.cascade.median:10.1f}"
        lines.append(f"{weights:<5} {cell:<10} {own}{values}{100 * worst:7.0f} %")
    return "\n".join(lines).lstrip("\n")


def _head(model: str, threads: int, peers: Sequence[str]) -> list[str]:
    names = "".join(f"{peer:>{COLUMN}}" for peer in peers)
    head = f"{'':<5} {'':<10} {'Cascade':>10}{names}{'spread':>9}"
    return [f"{model}, threads: {threads}, tokens/s", head, "-" * len(head)]


def _peer(result: Result | None) -> str:
    if result is None:
        return f"{'-':>{COLUMN}}"
    mark = " " if result.verified else "?"
    return f"{result.peer_value.median:10.1f} {result.ratio:6.2f}x{mark}"


LEGEND = """\
Of each peer: its median, and Cascade's over it (above 1x Cascade is faster). Cascade's f16 and bf16
both race the peer's faster 16-bit format. ?: its logits were not verified (see the notes). spread:
from the least to the most sample of a line, the worst of it."""
