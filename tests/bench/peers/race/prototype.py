# SPDX-License-Identifier: Apache-2.0
"""A kernel prototype: one C++ file whose program measures made-up weights of the true shapes.

Its command line: model TYPE MEDIUM THREADS DECODE_TOKENS REPETITIONS BATCHES DEPTH, with MEDIUM 0
or 1 and BATCHES a list with commas.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from race import paths
from race.cells import Cell
from race.contender import Samples, Setting
from race.models import Model
from race.process import Failed, run

FLAGS = ("-O3", "-mavx2", "-mfma", "-mf16c", "-pthread", "-std=c++20")
FORMATS = {"f32": ("f32",), "f16": ("f16", "bf16"), "bf16": ("f16", "bf16"), "int8": ("int8",)}
MODELS = {"gpt2": "0", "gpt2-medium": "1"}
RESULT = re.compile(r"RES proto .* (prefill512|decode\d+@512|batched B=\d+) .*?median ([\d.]+)")


class Prototype:
    name = "prototype"
    turn_every = 1

    def __init__(self, source: Path) -> None:
        self._source = source
        self._digest = hashlib.sha256(source.read_bytes()).hexdigest()[:10]
        self._program = paths.BUILD / f"prototype-{self._digest}"

    def version(self) -> str:
        return f"sha256 {self._digest}"

    def install(self) -> None:
        if not self._program.exists():
            run(["g++", *FLAGS, self._source, "-o", self._program])

    def settings(self, weights: str) -> Sequence[Setting]:
        return [Setting(format_, format_) for format_ in FORMATS.get(weights, ())]

    def why_not(self, weights: str) -> str:
        return f"it has no {weights}"

    def prepare(self, model: Model, setting: Setting) -> None:
        if model.name not in MODELS:
            raise Failed(f"it has no {model.name}")

    def measure(
        self, model: Model, setting: Setting, threads: int, cells: Sequence[Cell], samples: int
    ) -> Samples:
        """It says only the median of its repetitions: one sample a process."""
        streams = [str(cell.streams) for cell in cells if cell.streams > 1]
        decode = next((cell.steps for cell in cells if cell.name == "decode512"), 1)
        arguments: list[object] = [setting.format, MODELS[model.name], threads, decode, samples]
        arguments += [",".join(streams) or "0", 64]
        out = run([self._program, "model", *arguments], threads=threads)
        rates = {_cell_name(what): [float(rate)] for what, rate in RESULT.findall(out)}
        return {cell.name: rates[cell.name] for cell in cells}

    def logits(self, model: Model, setting: Setting, prompt: Path) -> np.ndarray:
        raise Failed("it makes up its weights: there are no logits to compare")


def _cell_name(what: str) -> str:
    if what.startswith("batched"):
        return f"streams{what.partition('=')[2]}"
    return what if what == "prefill512" else "decode512"
