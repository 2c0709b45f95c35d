# SPDX-License-Identifier: Apache-2.0
"""Cascade: model_bench of this checkout's build."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from race import paths
from race.cells import Cell
from race.contender import Samples, Setting
from race.models import Model
from race.process import Failed, available_cpus, run


@functools.cache
def _commit() -> str:
    describe = ["git", "describe", "--always", "--dirty", "--abbrev=10"]
    return run(describe, cwd=paths.ROOT).strip()


def types_beside(weights: str) -> dict[str, str]:
    """Of keys and values, and of activations. Where weights are approximate, so may be keys and
    values, and activations: the peers' are."""
    if weights in ("int8", "int4"):
        return {"kv": "int8", "activations": "int8"}
    if weights == "bf16":
        return {"kv": "f16", "activations": "int16"}
    return {"kv": "f32" if weights == "f32" else "f16", "activations": "f32"}


class Cascade:
    name = "cascade"
    turn_every = 1

    def version(self) -> str:
        return _commit()

    def install(self) -> None:
        if not paths.MODEL_BENCH.exists():
            raise Failed(f"{paths.MODEL_BENCH} is missing: make bench-peers builds it")

    def settings(self, weights: str) -> Sequence[Setting]:
        return [Setting(weights, weights, types_beside(weights))]

    def why_not(self, weights: str) -> str:
        return f"it has no {weights}"

    def prepare(self, model: Model, setting: Setting) -> None:
        pass

    def measure(
        self, model: Model, setting: Setting, threads: int, cells: Sequence[Cell], samples: int
    ) -> Samples:
        lines = run(
            [
                *self._command(model, setting, threads),
                "--json",
                f"--repetitions={samples}",
                f"--cells={','.join(cell.name for cell in cells)}",
            ],
            threads=threads,
        )
        return {cell["cell"]: cell["samples"] for cell in map(json.loads, lines.splitlines())}

    def logits(self, model: Model, setting: Setting, prompt: Path) -> np.ndarray:
        file = paths.LOGITS / f"{self.name}.{model.name}.{setting.name}.f32"
        command = self._command(model, setting, len(available_cpus()))
        run([*command, f"--logits={file}", f"--prompt={prompt}"])
        return np.fromfile(file, "<f4")

    def _command(self, model: Model, setting: Setting, threads: int) -> list[str]:
        return [
            str(paths.MODEL_BENCH),
            f"--model={model.folder}",
            f"--weights={setting.format}",
            f"--activations={setting.options['activations']}",
            f"--kv_type={setting.options['kv']}",
            f"--threads={threads}",
        ]
