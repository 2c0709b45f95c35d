#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes 200 random prompts of 1 to 511 tokens, and the log-probability of each of their tokens after those before
it, by the bundled model in Hugging Face transformers.

    pip install -r ../requirements.txt
    python make_prompt_logprobs.py

Half of the prompts are random tokens, the others begin somewhere in what the model itself sampled.
"""

import datetime
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent.parent.parent / "deploy" / "models" / "tales-7m"
SEED = 20261129
PROMPTS = 200
LONGEST = 511


def main():
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    model = GPT2LMHeadModel.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    vocabulary = model.config.vocab_size
    tale = model.generate(torch.tensor([[vocabulary - 1]]), do_sample=True, max_length=LONGEST + 1, min_length=LONGEST + 1,
                          pad_token_id=0)[0, 1:].tolist()
    lengths, tokens, log_probs = [], [], []
    for i in range(PROMPTS):
        length = int(rng.integers(1, LONGEST + 1)) if i > 1 else (1, LONGEST)[i]
        begin = int(rng.integers(0, LONGEST + 1 - length))
        prompt = tale[begin:begin + length] if i % 2 else rng.integers(0, vocabulary, length).tolist()
        with torch.no_grad():
            rows = model(torch.tensor([prompt])).logits[0, :-1].log_softmax(-1)
        lengths.append(length)
        tokens += prompt
        log_probs += [0.0] + rows[torch.arange(length - 1), torch.tensor(prompt[1:], dtype=torch.long)].tolist()
    np.save(HERE / "lengths.npy", np.array(lengths, dtype=np.int32))
    np.save(HERE / "tokens.npy", np.array(tokens, dtype=np.int32))
    np.save(HERE / "log_probs.npy", np.array(log_probs, dtype=np.float32))
    (HERE / "provenance.json").write_text(json.dumps({
        "date": datetime.date.today().isoformat(), "seed": SEED, "prompts": PROMPTS,
        "python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__,
        "transformers": transformers.__version__,
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "weights_sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
    }, indent=2) + "\n")


if __name__ == "__main__":
    main()
