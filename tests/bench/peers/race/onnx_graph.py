# SPDX-License-Identifier: Apache-2.0
"""GPT-2 as an ONNX graph of the fused operators that ONNX Runtime's own model builder uses."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

from race.models import Model, Shape

CONTRIB = "com.microsoft"
EPSILON = 1e-5


def write_onnx(model: Model, file: Path) -> None:
    graph = _Graph(model.shape, load_file(model.folder / "model.safetensors")).build()
    onnx.save_model(graph, file, save_as_external_data=True, location=f"{file.name}.data")


class _Graph:
    def __init__(self, shape: Shape, weights: dict[str, np.ndarray]) -> None:
        self._shape = shape
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> onnx.ModelProto:
        tokens = self._node("Gather", [self._weight("wte.weight"), "input_ids"])
        places = self._node("Gather", [self._weight("wpe.weight"), "position_ids"])
        stream = self._node("Add", [tokens, places])
        norm = self._node(
            "LayerNormalization", [stream, *self._pair("h.0.ln_1")], epsilon=EPSILON, axis=-1
        )
        for layer in range(self._shape.layers):
            last = layer + 1 == self._shape.layers
            after = "ln_f" if last else f"h.{layer + 1}.ln_1"
            norm, stream = self._block(layer, norm, stream, after)
        row = self._node("Gather", [norm, self._constant("last", np.array([-1]))], axis=1)
        head = self._constant("head", np.ascontiguousarray(self._weights["wte.weight"].T))
        self._node("MatMul", [row, head], outputs=["logits"])
        return self._model()

    def _block(self, layer: int, norm: str, stream: str, after: str) -> tuple[str, str]:
        """One block, and the norm that stands after it."""
        name = f"h.{layer}"
        qkv = self._product(norm, f"{name}.attn.c_attn")
        qkv = self._node("Add", [qkv, self._weight(f"{name}.attn.c_attn.bias")])
        attended = self._attention(layer, qkv)
        projected = self._product(attended, f"{name}.attn.c_proj")
        norm, stream = self._skip_norm(projected, stream, f"{name}.ln_2", f"{name}.attn.c_proj")
        wide = self._product(norm, f"{name}.mlp.c_fc")
        wide = self._node("FastGelu", [wide, self._weight(f"{name}.mlp.c_fc.bias")], domain=CONTRIB)
        narrow = self._product(wide, f"{name}.mlp.c_proj")
        return self._skip_norm(narrow, stream, after, f"{name}.mlp.c_proj")

    def _attention(self, layer: int, qkv: str) -> str:
        past = [f"past_key_{layer}", f"past_value_{layer}"]
        present = [f"present_key_{layer}", f"present_value_{layer}"]
        output = f"attended_{layer}"
        self._node(
            "GroupQueryAttention",
            [qkv, "", "", *past, "seqlens_k", "total_sequence_length"],
            outputs=[output, *present],
            domain=CONTRIB,
            num_heads=self._shape.heads,
            kv_num_heads=self._shape.heads,
        )
        return output

    def _skip_norm(self, value: str, skip: str, norm: str, bias: str) -> tuple[str, str]:
        """The norm of value + bias + skip, and that sum."""
        name = f"{norm}.{bias}"
        self._node(
            "SkipLayerNormalization",
            [value, skip, *self._pair(norm), self._weight(f"{bias}.bias")],
            outputs=[f"{name}.norm", "", "", f"{name}.sum"],
            domain=CONTRIB,
            epsilon=EPSILON,
        )
        return f"{name}.norm", f"{name}.sum"

    def _product(self, value: str, name: str) -> str:
        return self._node("MatMul", [value, self._weight(f"{name}.weight")])

    def _pair(self, norm: str) -> list[str]:
        return [self._weight(f"{norm}.weight"), self._weight(f"{norm}.bias")]

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _constant(self, name: str, value: np.ndarray) -> str:
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def _node(self, kind: str, inputs: list[str], outputs: list[str] | None = None, **more) -> str:
        names = outputs or [f"{kind}_{len(self._nodes)}"]
        self._nodes.append(
            helper.make_node(kind, inputs, names, name=f"{kind}_{len(self._nodes)}", **more)
        )
        return names[0]

    def _model(self) -> onnx.ModelProto:
        width = self._shape.width // self._shape.heads
        cache: list[str | int] = ["streams", self._shape.heads, "room", width]

        def value(name: str, kind: int, shape: list[str | int]) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, kind, shape)

        inputs = [
            value("input_ids", TensorProto.INT64, ["streams", "tokens"]),
            value("position_ids", TensorProto.INT64, ["streams", "tokens"]),
            value("seqlens_k", TensorProto.INT32, ["streams"]),
            value("total_sequence_length", TensorProto.INT32, []),
        ]
        outputs = [value("logits", TensorProto.FLOAT, ["streams", 1, "vocabulary"])]
        for layer in range(self._shape.layers):
            for kind in ("key", "value"):
                inputs.append(value(f"past_{kind}_{layer}", TensorProto.FLOAT, cache))
                outputs.append(value(f"present_{kind}_{layer}", TensorProto.FLOAT, cache))
        graph = helper.make_graph(
            self._nodes, "gpt2", inputs, outputs, list(self._constants.values())
        )
        versions = [helper.make_opsetid("", 21), helper.make_opsetid(CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=10)
