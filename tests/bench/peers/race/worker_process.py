# SPDX-License-Identifier: Apache-2.0
"""What the peers that are Python packages have in common: each measurement is a new process."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import numpy as np

from race import paths
from race.cells import Cell
from race.contender import Samples, Setting
from race.models import Model
from race.process import available_cpus, run


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


class PackagedPeer:
    """A contender of one Python package, less `settings`, `why_not` and `prepare`.

    Its module has load(EngineSpec) -> Engine.
    """

    name: str
    package: str
    module: str
    turn_every = 1

    def version(self) -> str:
        return metadata.version(self.package)

    def install(self) -> None:
        """Nothing: requirements.txt brought it."""

    def folder(self, model: Model, setting: Setting) -> Path:
        """What the engine loads."""
        return model.converted(self.name) / setting.format

    def measure(
        self, model: Model, setting: Setting, threads: int, cells: Sequence[Cell], samples: int
    ) -> Samples:
        job = self._job(model, setting, threads)
        job |= {"cells": [asdict(cell) for cell in cells], "samples": samples}
        lines = self._run(job).splitlines()
        results = [json.loads(line) for line in lines if line.startswith('{"cell"')]
        return {result["cell"]: result["samples"] for result in results}

    def logits(self, model: Model, setting: Setting, prompt: Path) -> np.ndarray:
        name = f"{self.name}.{model.name}.{setting.name}.f32"
        file = paths.LOGITS / name.replace(" ", "_")
        job = self._job(model, setting, len(available_cpus()))
        self._run(job | {"prompt": str(prompt), "logits": str(file)})
        return np.fromfile(file, "<f4")

    def _job(self, model: Model, setting: Setting, threads: int) -> dict[str, object]:
        return {
            "module": self.module,
            "folder": str(self.folder(model, setting)),
            "shape": model.name,
            "format": setting.format,
            "options": dict(setting.options),
            "threads": threads,
        }

    def _run(self, job: dict[str, object]) -> str:
        threads = int(str(job["threads"]))
        return run(python("race.worker", json.dumps(job)), threads=threads, timeout=1800)
