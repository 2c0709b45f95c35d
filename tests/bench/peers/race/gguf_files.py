# SPDX-License-Identifier: Apache-2.0
"""Writes a model as GGUF, llama.cpp's format, in any of its types."""

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

from race.models import CONTEXT, VOCABULARY, Model

TYPES = {
    "f32": gguf.GGMLQuantizationType.F32,
    "f16": gguf.GGMLQuantizationType.F16,
    "bf16": gguf.GGMLQuantizationType.BF16,
    "q8_0": gguf.GGMLQuantizationType.Q8_0,
    "q4_0": gguf.GGMLQuantizationType.Q4_0,
}

# llama.cpp's names of a block's tensors.
BLOCK_NAMES = {
    "ln_1": "attn_norm",
    "ln_2": "ffn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}
OTHER_NAMES = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm"}


def no_vocabulary(writer: gguf.GGUFWriter) -> None:
    """For programs that see token ids alone."""
    writer.add_tokenizer_model("no_vocab")
    writer.add_vocab_size(VOCABULARY)


def write_gguf(
    model: Model,
    file: Path,
    type_name: str,
    add_vocabulary: Callable[[gguf.GGUFWriter], None] = no_vocabulary,
) -> None:
    """Matrices get the type; the rest stays float32, as llama.cpp's own converter has it."""
    partial = file.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "gpt2")
    writer.add_block_count(model.shape.layers)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(model.shape.width)
    writer.add_feed_forward_length(4 * model.shape.width)
    writer.add_head_count(model.shape.heads)
    writer.add_layer_norm_eps(1e-5)
    add_vocabulary(writer)
    for name, tensor in load_file(model.folder / "model.safetensors").items():
        _add(writer, name, tensor, TYPES[type_name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(file)


def _add(
    writer: gguf.GGUFWriter, name: str, tensor: np.ndarray, matrix: gguf.GGMLQuantizationType
) -> None:
    if tensor.ndim == 1 or name == "wpe.weight":
        writer.add_tensor(_gguf_name(name), tensor)
        return
    rows = tensor if name == "wte.weight" else np.ascontiguousarray(tensor.T)
    writer.add_tensor(_gguf_name(name), gguf.quants.quantize(rows, matrix), raw_dtype=matrix)


def _gguf_name(name: str) -> str:
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("h."):
        return f"{OTHER_NAMES[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"blk.{layer}.{BLOCK_NAMES[part]}.{kind}"
