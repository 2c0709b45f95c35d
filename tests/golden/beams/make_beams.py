#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the beams that Hugging Face transformers finds for 40 prompts of each golden model, at widths 2, 4 and 8.

    pip install -r ../requirements.txt
    python make_beams.py plain      # writes plain.json
    pip install --no-deps -r requirements_diverse.txt
    python make_beams.py diverse    # writes diverse.json

transformers 5 has no diverse beam search any more (num_beam_groups), so that needs an older release.

The bundled model seldom ends a tale, so its full stop ends a text too, and the random model has a second end.
A case whose beams differ between float32 and float64 hangs on rounding and is left out; another prompt takes its
place.
"""

import datetime
import hashlib
import json
import platform
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
MODELS = {"tales-7m": HERE.parent.parent.parent / "deploy" / "models" / "tales-7m", "random": HERE.parent / "random" / "model"}
ENDS = {"tales-7m": [13], "random": [77]}  # beside the model's own
SEED = 20261130
PROMPTS = 40
WIDTHS = (2, 4, 8)
LENGTH_PENALTIES = (0.0, 0.6, 1.0, 2.0, -1.0)
EARLY_STOPPING = (False, True, "never")
EXACT_PENALTIES = (0.5, 1.25)


def load(folder, dtype):
    model = GPT2LMHeadModel.from_pretrained(folder, torch_dtype=dtype, attn_implementation="eager").eval()

    def round_logits(_module, _inputs, output):  # as transformers' searches do, but not everywhere
        output.logits = output.logits.float()

    model.register_forward_hook(round_logits)
    return model


def search(model, prompt, case, ends):
    """The beams of one case, best first: their tokens up to the end, and their scores."""
    options = {"num_beam_groups": case["groups"], "diversity_penalty": case["diversity_penalty"]} if case["groups"] > 1 else {}
    with torch.no_grad():
        out = model.generate(
            torch.tensor([prompt]), do_sample=False, num_beams=case["width"], num_return_sequences=case["width"],
            max_new_tokens=case["max_new_tokens"], length_penalty=case["length_penalty"],
            early_stopping=case["early_stopping"], repetition_penalty=case["repetition"], eos_token_id=ends,
            pad_token_id=ends[0], output_scores=True, return_dict_in_generate=True, **options)
    beams = []
    for sequence, score in zip(out.sequences[:, len(prompt):].tolist(), out.sequences_scores.tolist()):
        tokens = []
        for token in sequence:
            tokens.append(token)
            if token in ends:
                break
        beams.append({"tokens": tokens, "score": score})
    return beams


def draw_case(rng, kind, width):
    diverse = kind == "diverse"
    groups = int(rng.choice([g for g in (2, 4) if g <= width])) if diverse else 1
    return {
        "width": width, "groups": groups,
        "diversity_penalty": float(rng.choice(EXACT_PENALTIES)) if diverse else 0.0,
        "length_penalty": float(rng.choice(LENGTH_PENALTIES)),
        "early_stopping": EARLY_STOPPING[int(rng.integers(len(EARLY_STOPPING)))],
        "max_new_tokens": int(rng.integers(1, 25)),
        "repetition": float(rng.choice([1.0, 1.0, 1.25])),
    }


def make(name, folder, kind, rng):
    model, exact = load(folder, torch.float32), load(folder, torch.float64)
    vocabulary = model.config.vocab_size
    ends = [model.config.eos_token_id if model.config.eos_token_id is not None else vocabulary - 1, *ENDS[name]]
    tale = model.generate(torch.tensor([[vocabulary - 1]]), do_sample=True, max_length=90, min_length=90, pad_token_id=0)[0, 1:].tolist()
    cases, dropped = [], 0
    for width in WIDTHS:
        found = 0
        while found < PROMPTS:
            length = int(rng.integers(1, 40))
            begin = int(rng.integers(0, len(tale) - length))
            prompt = tale[begin:begin + length] if found % 4 else rng.integers(0, vocabulary, length).tolist()
            options = [draw_case(rng, kind, width) for _ in range(2)]
            beams = [search(model, prompt, case, ends) for case in options]
            again = [search(exact, prompt, case, ends) for case in options]
            if any([b["tokens"] for b in x] != [b["tokens"] for b in y] for x, y in zip(beams, again)):
                dropped += 1
                continue
            found += 1
            for case, result in zip(options, beams):
                cases.append({"prompt": prompt, **case, "early_stopping": str(case["early_stopping"]).lower(), "beams": result})
    print(f"{name}: {len(cases)} cases; {dropped} prompts hung on rounding")
    return {"ends": ends, "cases": cases}


def main():
    kind = sys.argv[1]
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    rng = np.random.default_rng(SEED)
    found = {name: make(name, folder, kind, rng) for name, folder in MODELS.items()}
    provenance = {
        "date": datetime.date.today().isoformat(), "seed": SEED, "prompts": PROMPTS, "python": platform.python_version(),
        "numpy": np.__version__, "torch": torch.__version__, "transformers": transformers.__version__,
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "weights_sha256": {name: hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
                           for name, folder in MODELS.items()},
    }
    lines = [json.dumps({"provenance": provenance})[:-1]]
    for name, model in found.items():
        cases = ",\n".join(json.dumps(case) for case in model["cases"])
        lines.append(f', "{name}": {{"ends": {json.dumps(model["ends"])}, "cases": [\n{cases}]}}')
    (HERE / f"{kind}.json").write_text("\n".join(lines) + "}\n")


if __name__ == "__main__":
    main()
