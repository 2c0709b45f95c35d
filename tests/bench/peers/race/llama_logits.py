# SPDX-License-Identifier: Apache-2.0
"""Writes the logits that llama.cpp computes; runs with its Python binding on the path."""

import argparse
import ctypes
from pathlib import Path

import numpy as np
from llama_cpp import llama_cpp as llama

CACHE_TYPES = {"f16": 1, "q8_0": 8, "bf16": 30}  # ggml_type
FLASH = {"on": 1, "off": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, required=True)
    parser.add_argument("--logits", type=Path, required=True)
    parser.add_argument("--flash", choices=FLASH, required=True)
    parser.add_argument("--keys", choices=CACHE_TYPES, required=True)
    parser.add_argument("--repack", type=int, required=True)
    arguments = parser.parse_args()

    llama.llama_backend_init()
    parameters = llama.llama_model_default_params()
    parameters.use_extra_bufts = bool(arguments.repack)
    model = llama.llama_model_load_from_file(str(arguments.file).encode(), parameters)
    logits(model, arguments).tofile(arguments.logits)


def logits(model: llama.llama_model_p, arguments: argparse.Namespace) -> np.ndarray:
    tokens = [int(word) for word in arguments.prompt.read_text().split()]
    settings = llama.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = 512
    settings.flash_attn_type = FLASH[arguments.flash]
    settings.type_k = settings.type_v = CACHE_TYPES[arguments.keys]
    context = llama.llama_init_from_model(model, settings)
    array = (ctypes.c_int32 * len(tokens))(*tokens)  # the batch only points to it
    batch = llama.llama_batch_get_one(array, len(tokens))
    if llama.llama_decode(context, batch) != 0:
        raise SystemExit("llama_decode failed")
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    row = np.ctypeslib.as_array(llama.llama_get_logits_ith(context, -1), (vocabulary,))
    return row.astype("<f4")


if __name__ == "__main__":
    main()
