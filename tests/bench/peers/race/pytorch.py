# SPDX-License-Identifier: Apache-2.0
"""PyTorch with transformers' GPT-2, eager or compiled."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from race import machine, paths
from race.contender import Setting
from race.engine import EngineSpec, StepEngine
from race.models import Model
from race.worker_process import PackagedPeer

FORMATS = {"f32": ("float32",), "f16": ("bfloat16", "float16"), "bf16": ("bfloat16", "float16")}
# What multiplies float16. Without it a prompt takes PyTorch minutes.
FLOAT16_FLAGS = ("avx512_fp16", "amx_fp16", "asimdhp")


class PyTorch(PackagedPeer):
    name = "PyTorch"
    package = "torch"
    module = "race.pytorch"
    turn_every = 2  # compiling takes a minute, and what freezing compiles is not kept

    def settings(self, weights: str) -> Sequence[Setting]:
        return [
            Setting(f"{format_} {mode}", format_, {"compile": mode == "compiled"})
            for format_ in FORMATS.get(weights, ())
            for mode in ("eager", "compiled")
            if (format_, mode) != ("float16", "compiled")
            if format_ != "float16" or set(FLOAT16_FLAGS) & set(machine.cpu_flags())
        ]

    def why_not(self, weights: str) -> str:
        return "its dynamic quantization knows Linear, and transformers' GPT-2 has Conv1D"

    def folder(self, model: Model, setting: Setting) -> Path:
        return model.folder

    def prepare(self, model: Model, setting: Setting) -> None:
        """Nothing: transformers reads the folder as it is."""


class _Engine(StepEngine):
    """Keys and values lie in a cache that grows (eager), or one of a fixed size (compiled)."""

    def __init__(self, spec: EngineSpec) -> None:
        import os

        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(paths.BUILD / "inductor")
        # Weights in the layout that suits the products: half as fast again.
        os.environ["TORCHINDUCTOR_FREEZING"] = "1"
        import torch
        from transformers import AutoModelForCausalLM

        torch.set_num_threads(spec.threads)
        torch.set_num_interop_threads(1)
        torch.set_grad_enabled(False)
        self._torch = torch
        self._type = getattr(torch, spec.format)
        self._model = AutoModelForCausalLM.from_pretrained(
            spec.folder, dtype=self._type, attn_implementation="sdpa"
        ).eval()
        self._compiled = bool(spec.options["compile"])
        self._forward = (
            torch.compile(self._model.forward, dynamic=False) if self._compiled else self._model
        )

    def begin(self, streams: int, depth: int, positions: int) -> None:
        from transformers import DynamicCache, StaticCache

        config = self._model.config
        # A static cache no wider than it must be: the compiled model attends to all of it.
        self._cache = (
            StaticCache(config=config, max_cache_len=positions)
            if self._compiled
            else DynamicCache()
        )
        self._depth = depth
        if not depth:
            return
        size = (streams, config.n_head, depth, config.n_embd // config.n_head)
        where = {"cache_position": self._torch.arange(depth)}
        for layer in range(config.n_layer):
            keys, values = (self._torch.randn(size).to(self._type) for _ in range(2))
            self._cache.update(keys, values, layer, where)

    def step(self, tokens: np.ndarray) -> np.ndarray:
        position = self._torch.arange(self._depth, self._depth + tokens.shape[1])
        with self._torch.inference_mode():
            out = self._forward(
                input_ids=self._torch.from_numpy(tokens),
                past_key_values=self._cache,
                cache_position=position,
                use_cache=True,
                logits_to_keep=1,
            )
        self._depth += tokens.shape[1]
        return out.logits[:, -1].float().numpy()


def load(spec: EngineSpec) -> StepEngine:
    return _Engine(spec)
