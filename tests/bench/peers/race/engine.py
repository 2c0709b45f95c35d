# SPDX-License-Identifier: Apache-2.0
"""An engine that lives in a Python process, and how its cells are timed."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from race.cells import Cell
from race.models import VOCABULARY, Shape

WARM_UP_STEPS = 4


@dataclass(frozen=True)
class EngineSpec:
    """What an engine is made from: one setting of one peer, ready to load."""

    folder: Path
    shape: Shape
    format: str
    options: Mapping[str, str | int | bool]
    threads: int


class Engine(ABC):
    """A loaded model that can say how long a cell takes it."""

    @abstractmethod
    def logits(self, tokens: np.ndarray) -> np.ndarray:
        """The last token's, of one sequence [tokens]."""

    @abstractmethod
    def seconds(self, cell: Cell) -> float:
        """One sample: the cell's steps, with whatever must stand before them not counted."""

    @abstractmethod
    def warm_up(self, cell: Cell) -> None: ...


class StepEngine(Engine):
    """An engine whose steps are called one by one."""

    @abstractmethod
    def begin(self, streams: int, depth: int, positions: int) -> None:
        """New sequences of `depth` positions, with room for `positions`."""

    @abstractmethod
    def step(self, tokens: np.ndarray) -> np.ndarray:
        """Appends [streams, n] tokens and returns the last ones' logits [streams, vocabulary]."""

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        self.begin(1, 0, len(tokens))
        return self.step(tokens[None])[0]

    def seconds(self, cell: Cell) -> float:
        tokens = random_tokens(cell.streams, cell.tokens)
        self.begin(cell.streams, cell.depth, cell.positions)
        start = time.perf_counter()
        for _ in range(cell.steps):
            self.step(tokens)
        return time.perf_counter() - start

    def warm_up(self, cell: Cell) -> None:
        steps = min(cell.steps, WARM_UP_STEPS)
        tokens = random_tokens(cell.streams, cell.tokens)
        self.begin(cell.streams, cell.depth, cell.positions)
        for _ in range(steps):
            self.step(tokens)


def rate(engine: Engine, cell: Cell) -> float:
    """Tokens per second of one sample."""
    return cell.streams * cell.tokens * cell.steps / engine.seconds(cell)


def random_tokens(*size: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, VOCABULARY - 1, size, np.int64)
