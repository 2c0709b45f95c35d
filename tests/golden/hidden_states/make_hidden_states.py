#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The final hidden states (last_hidden_state) of the prompts of ../prompt_logprobs, by the bundled model in Hugging Face
transformers: of the last token and in the mean of the first 100 prompts, and of every token of the two shortest of them.

    pip install -r ../requirements.txt
    python make_hidden_states.py
"""

import datetime
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPT2Model

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent.parent.parent / "deploy" / "models" / "tales-7m"
PROMPTS = HERE.parent / "prompt_logprobs"
COUNT = 100
SHORTEST = 2


def main():
    torch.set_num_threads(1)
    model = GPT2Model.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    lengths = np.load(PROMPTS / "lengths.npy")[:COUNT]
    ends = np.cumsum(lengths)
    tokens = np.load(PROMPTS / "tokens.npy")
    last, mean, states = [], [], []
    for length, end in zip(lengths, ends):
        with torch.no_grad():
            rows = model(torch.tensor([tokens[end - length:end].tolist()])).last_hidden_state[0]
        states.append(rows.numpy())
        last.append(rows[-1].numpy())
        mean.append(rows.double().mean(0).float().numpy())
    shortest = sorted(range(COUNT), key=lambda i: (lengths[i], i))[:SHORTEST]
    np.save(HERE / "last.npy", np.array(last, dtype=np.float32))
    np.save(HERE / "mean.npy", np.array(mean, dtype=np.float32))
    np.save(HERE / "shortest.npy", np.array(shortest, dtype=np.int32))
    np.save(HERE / "tokens.npy", np.concatenate([states[i] for i in shortest]).astype(np.float32))
    (HERE / "provenance.json").write_text(json.dumps({
        "date": datetime.date.today().isoformat(), "prompts": COUNT,
        "python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__,
        "transformers": transformers.__version__,
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "weights_sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
