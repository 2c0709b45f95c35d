#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes 1,000 random cases of what logit processors and the sampler's cuts do to logits.

    pip install -r ../requirements.txt
    python make_processors.py

Hugging Face's own classes do it where there are such. Written down here, plainly, is what transformers lacks:
presence and frequency penalties (OpenAI's formula), DRY (each earlier place compared token by token) and
top-n-sigma. Redraws a case in which rounding would decide what is kept.
"""

import datetime
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers.generation import logits_process as hf

HERE = Path(__file__).resolve().parent
SEED = 20261129
CASES = 1000
VOCAB = 24
LENGTH = 24  # of the longest history
MARGIN = 1e-5  # of probability, between what is kept and what is not
EXCLUDED = float("-inf")


def draw(rng):
    """One case: logits, a history whose tokens repeat, and a value of every parameter."""
    alphabet = rng.choice(VOCAB, size=rng.integers(2, 9), replace=False)
    total = int(rng.integers(3, LENGTH + 1))
    sequences = [[int(t) for t in rng.choice(alphabet, size=rng.integers(1, 4))] for _ in range(3)]
    return {
        "logits": (rng.normal(size=VOCAB) * 4).astype(np.float32),
        "history": [int(t) for t in rng.choice(alphabet, size=total)],
        "prompt": int(rng.integers(1, total)),
        "bias": np.where(rng.random(VOCAB) < 0.2, rng.uniform(-8, 8, VOCAB), 0).astype(np.float32),
        "repetition": np.float32(rng.uniform(0.5, 2)),
        "presence": np.float32(rng.uniform(-2, 2)),
        "frequency": np.float32(rng.uniform(-2, 2)),
        "window": int(rng.choice([0, 0, 1, 2, 5, 9, 17])),
        "ngram": int(rng.integers(1, 5)),
        "dry_multiplier": np.float32(rng.uniform(0.1, 2)),
        "dry_base": np.float32(rng.uniform(1, 2.5)),
        "dry_allowed": int(rng.integers(1, 4)),
        "dry_breakers": set(int(t) for t in rng.choice(VOCAB, size=rng.integers(0, 3), replace=False)),
        "sequences": sequences,
        "eos": set(int(t) for t in rng.choice(VOCAB, size=2, replace=False)),
        "min_new": int(rng.integers(1, LENGTH)),
        "allowed": set(int(t) for t in rng.choice(VOCAB, size=rng.integers(8, VOCAB), replace=False)),
        "banned": set(int(t) for t in rng.choice(VOCAB, size=rng.integers(1, 5), replace=False)),
        "length_start": int(rng.integers(0, 6)),
        "length_factor": np.float32(rng.uniform(1.01, 1.5)),
        "temperature": np.float32(rng.uniform(0.3, 2)),
        "top_k": int(rng.integers(1, VOCAB)),
        "top_p": np.float32(rng.uniform(0.3, 0.99)),
        "min_p": np.float32(rng.uniform(0.0, 0.1)),
        "typical_p": np.float32(rng.uniform(0.2, 0.95)),
        "sigma": np.float32(rng.uniform(0.1, 2)),
    }


def presence_and_frequency(case, history, scores):
    scores = scores.clone()
    for token in set(history):
        scores[0, token] -= float(case["frequency"]) * history.count(token) + float(case["presence"])
    return scores


def dry(case, history, scores):
    window = history[-case["window"]:]
    breakers = case["dry_breakers"]
    longest = {}
    for place in range(len(window) - 1):
        match = 0
        while match <= place and window[place - match] == window[-1 - match] \
                and window[place - match] not in breakers:
            match += 1
        following = window[place + 1]
        longest[following] = max(longest.get(following, 0), match)
    scores = scores.clone()
    for token, match in longest.items():
        if match >= case["dry_allowed"] and token not in breakers:
            scores[0, token] -= float(case["dry_multiplier"]) * float(case["dry_base"]) ** (match - case["dry_allowed"])
    return scores


def sigma(case, scores):
    row = scores[0].double()
    floor = row.max() - float(case["sigma"]) * row.std(correction=0)
    if (row - floor).abs().min() < MARGIN:
        raise ArithmeticError
    return scores.masked_fill((row < floor)[None], EXCLUDED)


def hugging_face(processor):
    return lambda history, scores: processor(torch.tensor([history]), scores.clone())


def processors(case):
    """In Cascade's order, by name."""
    eos = sorted(case["eos"])
    window = case["window"]
    return {
        "bias": hugging_face(hf.SequenceBiasLogitsProcessor(
            {(t,): float(b) for t, b in enumerate(case["bias"]) if b != 0} or {(0,): 0.0})),
        "repetition": lambda history, scores: hugging_face(
            hf.RepetitionPenaltyLogitsProcessor(float(case["repetition"])))(history[-window:], scores),
        "presence_and_frequency": lambda history, scores: presence_and_frequency(
            case, history[max(case["prompt"], len(history) - (window or LENGTH)):], scores),
        "dry": lambda history, scores: dry(case, history, scores),
        "no_repeated_ngrams": hugging_face(hf.NoRepeatNGramLogitsProcessor(case["ngram"])),
        "banned_sequences": hugging_face(hf.NoBadWordsLogitsProcessor(case["sequences"])),
        "min_new_tokens": hugging_face(hf.MinNewTokensLengthLogitsProcessor(
            case["prompt"], case["min_new"], torch.tensor(eos))),
        "allowed": hugging_face(hf.PrefixConstrainedLogitsProcessor(
            lambda batch, ids: sorted(case["allowed"]), num_beams=1)),
        "length_penalty": hugging_face(hf.ExponentialDecayLengthPenalty(
            (case["length_start"], float(case["length_factor"])), torch.tensor(eos), case["prompt"])),
        "banned": hugging_face(hf.SuppressTokensLogitsProcessor(sorted(case["banned"]))),
    }


def check_margins(case, scores):
    """Raises where float arithmetic could keep another token than exact arithmetic would."""
    probabilities = scores[0].double().softmax(-1)
    ordered = probabilities.sort(descending=True).values
    if (ordered.cumsum(-1) - float(case["top_p"])).abs().min() < MARGIN:
        raise ArithmeticError
    if (probabilities / ordered[0] - float(case["min_p"])).abs().min() < MARGIN:
        raise ArithmeticError


def check_typical_margins(case, scores):
    log_p = scores[0].double().log_softmax(-1)
    p = log_p.exp()
    distance = (-log_p - -(p * log_p).nansum()).abs()
    distance, order = distance[p > 0].sort()
    if (p[p > 0][order].cumsum(-1) - float(case["typical_p"])).abs().min() < MARGIN:
        raise ArithmeticError
    if len(distance) > 1 and (distance[1:] - distance[:-1]).min() < MARGIN:
        raise ArithmeticError


def cuts(case, scores):
    """Hugging Face's order. Returns probabilities."""
    scores = hf.TemperatureLogitsWarper(float(case["temperature"]))(None, scores)
    scores = hf.TopKLogitsWarper(case["top_k"])(None, scores)
    check_margins(case, scores)
    scores = hf.TopPLogitsWarper(float(case["top_p"]))(None, scores)
    scores = hf.MinPLogitsWarper(float(case["min_p"]))(None, scores)
    check_typical_margins(case, scores)
    return hf.TypicalLogitsWarper(float(case["typical_p"]))(None, scores).softmax(-1)


def run(case):
    scores = torch.tensor(case["logits"])[None]
    outputs = {name: process(case["history"], scores) for name, process in processors(case).items()}
    check_typical_margins(case, scores)
    outputs["typical"] = hf.TypicalLogitsWarper(float(case["typical_p"]))(None, scores.clone())
    outputs["sigma"] = sigma(case, scores)
    chain = scores
    for process in processors(case).values():
        chain = process(case["history"], chain)
    if torch.isfinite(chain).sum() < 2:
        raise ArithmeticError
    outputs["chain"] = chain
    outputs["chain_probabilities"] = cuts(case, chain.clone())
    return {name: values[0].float().numpy() for name, values in outputs.items()}


def mask(tokens):
    return sum(1 << token for token in tokens)


def excluded(values):
    return mask(np.flatnonzero(np.isneginf(values)))


FLOATS = ["repetition", "presence", "frequency", "dry_multiplier", "dry_base", "length_factor", "temperature",
          "top_p", "min_p", "typical_p", "sigma"]
INTEGERS = ["prompt", "window", "ngram", "dry_allowed", "min_new", "length_start", "top_k"]
SETS = ["dry_breakers", "eos", "allowed", "banned"]
VALUES = ["bias", "repetition", "presence_and_frequency", "dry", "length_penalty", "chain", "chain_probabilities"]
MASKS = ["no_repeated_ngrams", "banned_sequences", "min_new_tokens", "allowed", "banned", "typical", "sigma"]


def padded(tokens, length):
    return tokens + [-1] * (length - len(tokens))


def save(name, values, kind):
    np.save(HERE / f"{name}.npy", np.ascontiguousarray(np.array(values).astype(kind)))


def main():
    rng = np.random.default_rng(SEED)
    cases, outputs = [], []
    while len(cases) < CASES:
        case = draw(rng)
        try:
            outputs.append(run(case))
        except ArithmeticError:
            continue
        cases.append(case)
    save("logits", [c["logits"] for c in cases], np.float32)
    save("bias", [c["bias"] for c in cases], np.float32)
    save("history", [padded(c["history"], LENGTH) for c in cases], np.int32)
    save("sequences", [[padded(s, 3) for s in c["sequences"]] for c in cases], np.int32)
    save("floats", [[c[name] for name in FLOATS] for c in cases], np.float32)
    save("integers", [[c[name] for name in INTEGERS] + [mask(c[name]) for name in SETS] for c in cases], np.int32)
    for name in VALUES:
        save(f"expected_{name}", [o[name] for o in outputs], np.float32)
    save("expected_excluded", [[excluded(o[name]) for name in MASKS] for o in outputs], np.int32)
    provenance = {
        "date": datetime.date.today().isoformat(), "seed": SEED, "cases": CASES,
        "python": platform.python_version(), "numpy": np.__version__, "torch": torch.__version__,
        "transformers": transformers.__version__,
        "script_sha256": hashlib.sha256(Path(__file__).read_bytes()).hexdigest(),
        "columns": {"floats": FLOATS, "integers": INTEGERS + SETS, "expected_excluded": MASKS},
    }
    (HERE / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
