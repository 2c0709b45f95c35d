# SPDX-License-Identifier: Apache-2.0
"""OpenVINO on the stateful model that Optimum Intel exports, keys and values kept by the plugin."""

from collections.abc import Sequence

import numpy as np

from race.contender import Setting
from race.engine import EngineSpec, StepEngine
from race.models import Model
from race.process import run_logged
from race.worker_process import PackagedPeer, python

# Of each format: as what the weights are stored, and in what the CPU plugin computes.
FORMATS = {
    "f32": (("f32", "f32"),),
    "f16": (("f16", "bf16"), ("f16", "f16"), ("f16", "f32")),
    "bf16": (("f16", "bf16"), ("f16", "f16"), ("f16", "f32")),
    "int8": (("int8", "bf16"), ("int8", "f32")),
    "int4": (("int4", "bf16"), ("int4", "f32")),
}
EXPORT_NAMES = {"f32": "fp32", "f16": "fp16", "int8": "int8", "int4": "int4"}


class OpenVino(PackagedPeer):
    name = "OpenVINO"
    package = "openvino"
    module = "race.openvino"

    def settings(self, weights: str) -> Sequence[Setting]:
        return [
            Setting(f"{stored} in {computed}", stored, {"precision": computed})
            for stored, computed in FORMATS.get(weights, ())
        ]

    def why_not(self, weights: str) -> str:
        return f"it has no {weights}"

    def prepare(self, model: Model, setting: Setting) -> None:
        folder = self.folder(model, setting)
        if (folder / "openvino_model.bin").exists():
            return
        command = python("optimum.commands.optimum_cli", "export", "openvino")
        arguments: list[object] = ["--model", model.folder, "--task", "text-generation-with-past"]
        arguments += ["--weight-format", EXPORT_NAMES[setting.format]]
        run_logged([*command, *arguments, folder], f"openvino-{model.name}")


class _Engine(StepEngine):
    def __init__(self, spec: EngineSpec) -> None:
        import openvino

        core = openvino.Core()
        model = core.read_model(spec.folder / "openvino_model.xml")
        _keep_last_row(model)
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": spec.threads,
            "INFERENCE_PRECISION_HINT": spec.options["precision"],
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()
        self._inputs = {port.get_any_name() for port in model.inputs}

    def begin(self, streams: int, depth: int, positions: int) -> None:
        self._request.reset_state()
        self._depth = 0
        if depth:
            self.step(np.zeros((streams, depth), np.int64))

    def step(self, tokens: np.ndarray) -> np.ndarray:
        streams, count = tokens.shape
        total = self._depth + count
        positions = np.broadcast_to(np.arange(self._depth, total), tokens.shape)
        values = {
            "input_ids": tokens.astype(np.int64),
            "attention_mask": np.ones((streams, total), np.int64),
            "position_ids": np.ascontiguousarray(positions, np.int64),
            "beam_idx": np.arange(streams, dtype=np.int32),
        }
        result = self._request.infer({name: values[name] for name in self._inputs})
        self._depth = total
        return result[0][:, -1]


def _keep_last_row(model) -> None:
    """Computes the head for the last token only, as OpenVINO's own generation library does."""
    from openvino import opset13 as ops

    head = model.output("logits").get_node().input_value(0).get_node()
    while head.get_type_name() != "MatMul":  # a conversion may stand between
        head = head.input_value(0).get_node()
    last = ops.constant(np.array([-1], np.int64))
    axis = ops.constant(np.array(1, np.int64))
    head.input(0).replace_source_output(ops.gather(head.input_value(0), last, axis).output(0))
    model.validate_nodes_and_infer_types()


def load(spec: EngineSpec) -> StepEngine:
    return _Engine(spec)
