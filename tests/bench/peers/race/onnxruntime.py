# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime on a graph of its fused operators, keys and values updated in place."""

from collections.abc import Sequence

import numpy as np

from race.contender import Setting
from race.engine import EngineSpec, StepEngine
from race.models import Model
from race.process import run_logged
from race.worker_process import PackagedPeer, python

# int8: blocks of 32 along the depth with int8 arithmetic, or dynamically quantized products.
FORMATS = {"f32": ("f32",), "int8": ("blocks8", "dynamic"), "int4": ("blocks4",)}


class OnnxRuntime(PackagedPeer):
    name = "ONNX Runtime"
    package = "onnxruntime"
    module = "race.onnxruntime"

    def settings(self, weights: str) -> Sequence[Setting]:
        return [Setting(format_, format_) for format_ in FORMATS.get(weights, ())]

    def why_not(self, weights: str) -> str:
        return "its matrix products have no 16-bit float kernels for x86 CPUs"

    def prepare(self, model: Model, setting: Setting) -> None:
        target = self.folder(model, setting) / "model.onnx"
        if target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        quantization: list[object] = []
        if setting.format != "f32":
            plain = Setting("f32", "f32")
            self.prepare(model, plain)
            quantization = [self.folder(model, plain) / "model.onnx", setting.format]
        command = [*python("race.onnx_convert"), model.name, target, *quantization]
        run_logged(command, f"onnx-{model.name}")


class _Engine(StepEngine):
    def __init__(self, spec: EngineSpec) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = spec.threads
        options.inter_op_num_threads = 1
        self._shape = spec.shape
        self._values = onnxruntime.OrtValue
        self._session = onnxruntime.InferenceSession(
            spec.folder / "model.onnx", options, providers=["CPUExecutionProvider"]
        )

    def begin(self, streams: int, depth: int, positions: int) -> None:
        shape = self._shape
        size = (streams, shape.heads, positions, shape.width // shape.heads)
        generator = np.random.default_rng(4)
        self._depth = depth
        self._binding = self._session.io_binding()
        self._caches = []  # the binding only points to them
        for layer in range(shape.layers):
            for kind in ("key", "value"):
                cache = self._values.ortvalue_from_numpy(
                    generator.standard_normal(size, np.float32)
                )
                self._binding.bind_ortvalue_input(f"past_{kind}_{layer}", cache)
                self._binding.bind_ortvalue_output(f"present_{kind}_{layer}", cache)
                self._caches.append(cache)
        self._binding.bind_output("logits")

    def step(self, tokens: np.ndarray) -> np.ndarray:
        streams, count = tokens.shape
        total = self._depth + count
        positions = np.broadcast_to(np.arange(self._depth, total), tokens.shape)
        inputs = {
            "input_ids": tokens.astype(np.int64),
            "position_ids": np.ascontiguousarray(positions, np.int64),
            "seqlens_k": np.full(streams, total - 1, np.int32),
            "total_sequence_length": np.array(total, np.int32),
        }
        for name, value in inputs.items():
            self._binding.bind_cpu_input(name, value)
        self._session.run_with_iobinding(self._binding)
        self._depth = total
        return self._binding.get_outputs()[-1].numpy()[:, 0]


def load(spec: EngineSpec) -> StepEngine:
    return _Engine(spec)
