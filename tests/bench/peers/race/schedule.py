# SPDX-License-Identifier: Apache-2.0
"""Interleaves the contenders, process by process, for as many rounds as the time allows."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from race.cells import Cell
from race.contender import Contender, Setting
from race.entrants import NotRun
from race.models import Model
from race.process import Failed, say
from race.records import Record, Records


@dataclass(frozen=True)
class Leg:
    """What one process (or one a cell, with some peers) measures: some cells of one contender."""

    contender: Contender
    setting: Setting
    model: Model
    threads: int
    cells: tuple[Cell, ...]

    def key(self) -> Record:
        return {
            "kind": "samples",
            "contender": self.contender.name,
            "version": self.contender.version(),
            "setting": self.setting.name,
            "model": self.model.name,
            "threads": self.threads,
        }

    def __str__(self) -> str:
        return (
            f"{self.model.name}, threads: {self.threads}, "
            f"{self.contender.name} ({self.setting.name})"
        )


def legs_of(
    contender: Contender, model: Model, threads: int, cells: Sequence[tuple[Cell, Setting]]
) -> Iterator[Leg]:
    """One for each setting, with the cells for which it was chosen."""
    settings = {setting.name: setting for _, setting in cells}
    for name, setting in settings.items():
        own = tuple(cell for cell, chosen in cells if chosen.name == name)
        yield Leg(contender, setting, model, threads, own)


@dataclass(frozen=True)
class Limits:
    end: float  # of time.monotonic()
    rounds: int
    samples: int


def race(groups: Sequence[Sequence[Leg]], records: Records, limits: Limits, out: NotRun) -> None:
    """Runs the legs of each group in turn, group by group, and all of that again and again.

    The first round is always run to its end, so that every cell has a figure. A leg that fails is
    out of the race.
    """
    for number in range(limits.rounds):
        for leg in (leg for group in groups for leg in group):
            if number > 0 and time.monotonic() > limits.end:
                say(f"time is up in round {number + 1}")
                return
            _run(leg, number, records, limits.samples, out)
    say(f"all {limits.rounds} rounds run")


def _run(leg: Leg, number: int, records: Records, samples: int, out: NotRun) -> None:
    turns = leg.contender.turn_every
    if number % turns:
        return
    done: set[str] = set()
    for record in records.find(**leg.key()):
        if "why" in record:
            out.add(str(leg), str(record["why"]))
            return
        if record["round"] == number:
            done |= set(record["samples"])  # type: ignore[call-overload]
    cells = [cell for cell in leg.cells if cell.name not in done]
    if not cells:
        return
    say(f"round {number + 1}: {leg}")
    record = {**leg.key(), "round": number}
    try:
        found = leg.contender.measure(leg.model, leg.setting, leg.threads, cells, samples * turns)
        records.add(record | {"samples": found})
    except (Failed, KeyError) as error:
        records.add(record | {"why": str(error)})
        out.add(str(leg), str(error))
