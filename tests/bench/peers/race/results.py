# SPDX-License-Identifier: Apache-2.0
"""Turns what was recorded into the cells of peers.json."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from race.cells import UNIT
from race.records import Record, Records


@dataclass(frozen=True)
class Value:
    """The samples of one contender in one cell."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def spread(self) -> float:
        """From the least to the most, as a part of the median."""
        return (max(self.samples) - min(self.samples)) / self.median

    def json(self) -> dict[str, float | int]:
        return {
            "median": _round(self.median),
            "min": _round(min(self.samples)),
            "max": _round(max(self.samples)),
            "samples": len(self.samples),
        }


@dataclass(frozen=True)
class Result:
    """Cascade beside one peer in one cell."""

    model: str
    weights: str
    threads: int
    cell: str
    peer: str
    peer_version: str
    peer_setting: str
    cascade: Value
    peer_value: Value
    verified: bool
    note: str

    @property
    def ratio(self) -> float:
        """Above 1 where Cascade is faster."""
        return self.cascade.median / self.peer_value.median

    @property
    def ratio_range(self) -> tuple[float, float]:
        """The least and the most that the samples allow."""
        own, other = self.cascade.samples, self.peer_value.samples
        return min(own) / max(other), max(own) / min(other)

    def json(self) -> Record:
        return {
            "model": self.model,
            "weights": self.weights,
            "threads": self.threads,
            "cell": self.cell,
            "peer": self.peer,
            "peer_version": self.peer_version,
            "cascade": _round(self.cascade.median),
            "peer_value": _round(self.peer_value.median),
            "unit": UNIT,
            "ratio": round(self.ratio, 3),
            "peer_setting": self.peer_setting,
            "verified": self.verified,
            "note": self.note,
            "cascade_spread": self.cascade.json(),
            "peer_spread": self.peer_value.json(),
        }


@dataclass(frozen=True)
class Pairing:
    """One line of the plan: a peer in its chosen setting against Cascade."""

    model: str
    weights: str
    threads: int
    cell: str
    peer: str
    peer_version: str
    peer_setting: str
    verified: bool
    note: str


def results(pairings: Iterator[Pairing], records: Records) -> list[Result]:
    """The pairings of which both sides have samples."""
    found = []
    for pairing in pairings:
        own = _samples(records, pairing, "cascade", pairing.weights)
        other = _samples(records, pairing, pairing.peer, pairing.peer_setting)
        if own and other:
            found.append(Result(**vars(pairing), cascade=Value(own), peer_value=Value(other)))
    return found


def _samples(records: Records, pairing: Pairing, contender: str, setting: str) -> tuple[float, ...]:
    found = records.find(
        kind="samples",
        contender=contender,
        setting=setting,
        model=pairing.model,
        threads=pairing.threads,
    )
    samples: list[float] = []
    for record in found:
        samples += record.get("samples", {}).get(pairing.cell, [])  # type: ignore[attr-defined]
    return tuple(samples)


def _round(value: float) -> float:
    return float(f"{value:.5g}")
