#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gives a GPT-2 model outlier channels, which change nothing in float32 and much where activations are rounded.

  outlier_model.py FOLDER OUT --times=300 --channels=3

In every block, the gain and bias of both layer norms are multiplied for a few channels, and the rows of the
matrices behind them are divided: what a large channel of a trained model looks like to its consumers. Needs
numpy and safetensors.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

CONSUMERS = {"ln_1": "attn.c_attn", "ln_2": "mlp.c_fc"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--times", type=float, default=300)
    parser.add_argument("--channels", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0, help="of which channels")
    args = parser.parse_args()
    shutil.copytree(args.folder, args.out)
    weights = args.out / "model.safetensors"
    tensors = {name: value.astype(np.float32) for name, value in load_file(weights).items()}
    config = json.loads((args.folder / "config.json").read_text())
    channels = random.Random(args.seed).sample(range(config["n_embd"]), args.channels)
    prefix = "transformer." if "transformer.h.0.ln_1.weight" in tensors else ""
    for layer in range(config["n_layer"]):
        for norm, consumer in CONSUMERS.items():
            block = f"{prefix}h.{layer}."
            for part in ("weight", "bias"):
                tensors[f"{block}{norm}.{part}"][channels] *= args.times
            tensors[f"{block}{consumer}.weight"][channels] /= args.times
    save_file(tensors, weights, metadata={"format": "pt"})


if __name__ == "__main__":
    main()
