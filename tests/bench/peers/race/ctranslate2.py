# SPDX-License-Identifier: Apache-2.0
"""CTranslate2: its generator, timed by its own callback at each token."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from race.cells import Cell
from race.contender import Setting
from race.engine import WARM_UP_STEPS, Engine, EngineSpec, random_tokens
from race.models import Model
from race.process import run_logged
from race.worker_process import PackagedPeer, python

FORMATS = {"f32": "float32", "int8": "int8"}


class CTranslate2(PackagedPeer):
    name = "CTranslate2"
    package = "ctranslate2"
    module = "race.ctranslate2"

    def settings(self, weights: str) -> Sequence[Setting]:
        return [Setting(FORMATS[weights], FORMATS[weights])] if weights in FORMATS else []

    def why_not(self, weights: str) -> str:
        if weights == "int4":
            return "its 4-bit weights (AWQ) run on GPUs only"
        return "it computes in float32, int16 or int8 on a CPU: no 16-bit floats"

    def prepare(self, model: Model, setting: Setting) -> None:
        folder = self.folder(model, setting)
        if folder.exists():
            return
        arguments: list[object] = ["--model", model.folder, "--output_dir", folder]
        arguments += ["--quantization", setting.format]
        command = python("ctranslate2.converters.transformers")
        run_logged([*command, *arguments], f"ctranslate2-{model.name}")


class _Engine(Engine):
    def __init__(self, spec: EngineSpec) -> None:
        import ctranslate2

        self._generator = ctranslate2.Generator(
            str(spec.folder),
            device="cpu",
            compute_type=spec.format,
            inter_threads=1,
            intra_threads=spec.threads,
        )
        self._storage = ctranslate2.StorageView
        self._vocabulary = _vocabulary(spec.folder)

    def logits(self, tokens: np.ndarray) -> np.ndarray:
        words = [self._words(tokens)]
        return np.array(self._generator.forward_batch(words))[0, -1]

    def seconds(self, cell: Cell) -> float:
        if cell.tokens > 1:
            start = time.perf_counter()
            self._generate(self._prompt(cell.tokens), streams=1, length=1)
            return time.perf_counter() - start
        stamps = self._decode(cell, cell.steps)
        return stamps[-1] - stamps[0]

    def warm_up(self, cell: Cell) -> None:
        if cell.tokens > 1:
            self.seconds(cell)
        else:
            self._decode(cell, WARM_UP_STEPS)

    def _decode(self, cell: Cell, steps: int) -> list[float]:
        """When each step ended: that after the prompt, and `steps` more."""
        ends: dict[int, float] = {}

        def at_token(result) -> bool:
            ends[result.step] = time.perf_counter()  # of a step's tokens, the last one stays
            return False

        self._generate(self._prompt(cell.depth), cell.streams, steps + 1, at_token)
        return [ends[step] for step in sorted(ends)]

    def _generate(self, prompt: list[str], streams: int, length: int, at_token=None) -> None:
        # A static prompt is run once for all streams, which then differ in nothing: so do not the
        # streams' costs. It is not kept between calls: prefill would cost nothing.
        self._generator.generate_batch(
            [prompt[-1:]] * streams,
            static_prompt=prompt[:-1],
            cache_static_prompt=False,
            min_length=length,
            max_length=length,
            include_prompt_in_result=False,
            sampling_topk=1,
            beam_size=1,
            callback=at_token,
        )

    def _prompt(self, length: int) -> list[str]:
        return self._words(random_tokens(length))

    def _words(self, tokens: np.ndarray) -> list[str]:
        return [self._vocabulary[token] for token in tokens]


def load(spec: EngineSpec) -> Engine:
    return _Engine(spec)


def _vocabulary(folder: Path) -> list[str]:
    import json

    return json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
