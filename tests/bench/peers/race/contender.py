# SPDX-License-Identifier: Apache-2.0
"""What takes part: a program that runs a model in one of its settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from race.cells import Cell
from race.models import Model

Samples = dict[str, list[float]]  # tokens per second by the cell's name


@dataclass(frozen=True)
class Setting:
    """One way to run a peer: the format of its weights, and options of its own."""

    name: str
    format: str
    options: Mapping[str, str | int | bool] = field(default_factory=dict)


class Contender(Protocol):
    """A peer, or Cascade itself. Every method but `settings` may raise process.Failed."""

    name: str
    turn_every: int  # takes part in every so-manieth round, with as many times the samples

    def version(self) -> str: ...

    def install(self) -> None:
        """Whatever must be there before anything else is asked; nothing if it is there already."""

    def settings(self, weights: str) -> Sequence[Setting]:
        """Settings to choose from for this class of weights; none if it cannot run it."""

    def why_not(self, weights: str) -> str:
        """The reason, where `settings` has none."""

    def prepare(self, model: Model, setting: Setting) -> None:
        """Converts the model, if that was not done before."""

    def measure(
        self, model: Model, setting: Setting, threads: int, cells: Sequence[Cell], samples: int
    ) -> Samples:
        """Measures in new processes, after a warm-up that does not count."""

    def logits(self, model: Model, setting: Setting, prompt: Path) -> np.ndarray:
        """The logits after the last token of a prompt, a text file of token ids."""
