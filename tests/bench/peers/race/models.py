# SPDX-License-Identifier: Apache-2.0
"""Models of the true shapes with seeded random weights, as Hugging Face folders."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from race import paths

VOCABULARY = 50257
CONTEXT = 1024
SEED = 1


@dataclass(frozen=True)
class Shape:
    layers: int
    heads: int
    width: int


SHAPES = {
    "gpt2": Shape(12, 12, 768),
    "gpt2-medium": Shape(24, 16, 1024),
    "gpt2-large": Shape(36, 20, 1280),
    "gpt2-xl": Shape(48, 25, 1600),
}


@dataclass(frozen=True)
class Model:
    name: str
    shape: Shape

    @property
    def folder(self) -> Path:
        return paths.MODELS / self.name / "huggingface"

    def converted(self, name: str) -> Path:
        """Where a peer keeps its own form of the model."""
        return paths.MODELS / self.name / name


def make_model(name: str) -> Model:
    """The model of this name; its folder is written if it is not there yet."""
    model = Model(name, SHAPES[name])
    if not (model.folder / "config.json").exists():
        model.folder.mkdir(parents=True, exist_ok=True)
        weights = dict(random_weights(model.shape))
        save_file(weights, model.folder / "model.safetensors", metadata={"format": "pt"})
        _write_tokenizer(model.folder)
        # Last: it says that all is there.
        _write_json(model.folder / "config.json", _config(model.shape))
    return model


def random_weights(shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    """Tensors by their Hugging Face names.

    Spread as GPT-2's initialization; gains and biases are random too, so that a peer that loses one
    of them computes other logits.
    """
    generator = np.random.default_rng(SEED)

    def normal(*size: int, mean: float = 0.0, deviation: float = 0.02) -> np.ndarray:
        values = generator.standard_normal(size, np.float32)
        return values * np.float32(deviation) + np.float32(mean)

    def norm(name: str) -> Iterator[tuple[str, np.ndarray]]:
        yield f"{name}.weight", normal(shape.width, mean=1.0, deviation=0.1)
        yield f"{name}.bias", normal(shape.width)

    width = shape.width
    yield "wte.weight", normal(VOCABULARY, width)
    yield "wpe.weight", normal(CONTEXT, width)
    for layer in range(shape.layers):
        products = (
            ("attn.c_attn", width, 3 * width),
            ("attn.c_proj", width, width),
            ("mlp.c_fc", width, 4 * width),
            ("mlp.c_proj", 4 * width, width),
        )
        yield from norm(f"h.{layer}.ln_1")
        yield from norm(f"h.{layer}.ln_2")
        for name, rows, columns in products:
            yield f"h.{layer}.{name}.weight", normal(rows, columns)
            yield f"h.{layer}.{name}.bias", normal(columns)
    yield from norm("ln_f")


def _config(shape: Shape) -> dict[str, object]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_layer": shape.layers,
        "n_head": shape.heads,
        "n_embd": shape.width,
        "n_ctx": CONTEXT,
        "n_positions": CONTEXT,
        "vocab_size": VOCABULARY,
        "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True,
        "bos_token_id": VOCABULARY - 1,
        "eos_token_id": VOCABULARY - 1,
    }


def _write_tokenizer(folder: Path) -> None:
    """A made-up byte-pair vocabulary: converters want one, and nobody tokenizes here."""
    letters = [chr(0x100 + byte) for byte in range(256)]
    pairs = [(first, second) for first in letters for second in letters][: VOCABULARY - 257]
    tokens = [*letters, *(first + second for first, second in pairs), "<|endoftext|>"]
    _write_json(folder / "vocab.json", {token: index for index, token in enumerate(tokens)})
    merges = "\n".join(f"{first} {second}" for first, second in pairs)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")
    special = {name: "<|endoftext|>" for name in ("bos_token", "eos_token", "unk_token")}
    _write_json(folder / "tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", **special})


def _write_json(file: Path, value: object) -> None:
    file.write_text(json.dumps(value), encoding="utf-8")
