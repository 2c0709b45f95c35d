#!/usr/bin/env python3
"""Makes every golden tensor of the checkpoint tests with Hugging Face transformers on PyTorch.

    pip install -r requirements.txt
    python generate.py                 both golden models, into this folder
    python generate.py --model DIR     a full-size Hugging Face folder, into DIR/golden

Everything is float32 on one CPU thread, with eager attention and no dropout. What is recorded comes
from hooks on the real modules; nothing of GPT-2 is written again here but the attention scores
(q k^T, scaled), which no module returns: their softmax is compared with Hugging Face's own.
"""

import argparse
import datetime
import hashlib
import json
import platform
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import tokenizers
import torch
import transformers
from transformers import AutoTokenizer, GPT2LMHeadModel
from transformers.generation.logits_process import (
    MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper)

HERE = Path(__file__).resolve().parent
BUNDLED = HERE.parent.parent / "deploy" / "models" / "tales-7m"
PROMPTS = json.loads((HERE / "prompts.json").read_text())

NEW_TOKENS = 64
# Greedy choices closer than this could be decided by rounding, so no golden prompt may have one.
SMALLEST_MARGIN = 2e-3
RANDOM_SEED = 20260101
RANDOM_CONFIG = {
    "activation_function": "gelu", "architectures": ["GPT2LMHeadModel"], "bos_token_id": 409,
    "eos_token_id": 409, "layer_norm_epsilon": 1e-5, "model_type": "gpt2", "n_embd": 192,
    "n_head": 3, "n_inner": 251, "n_layer": 3, "n_positions": 97,
    "scale_attn_by_inverse_layer_idx": True, "scale_attn_weights": True,
    "tie_word_embeddings": False, "torch_dtype": "bfloat16", "vocab_size": 509,
}


def save(folder, name, values):
    values = np.ascontiguousarray(values)
    assert np.isfinite(values).all() or name == "logits", name
    folder.mkdir(parents=True, exist_ok=True)
    kind = np.int32 if np.issubdtype(values.dtype, np.integer) else np.float32
    np.save(folder / f"{name}.npy", values.astype(kind))


# --- The random model ---------------------------------------------------------------------------

def spread(name):
    """(mean, deviation) of a parameter: wide enough that no layer is close to the identity."""
    if ".ln_" in name:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.3)
    if name.endswith("bias"):
        return 0.0, 0.1
    for part, deviation in (("wte", 0.5), ("wpe", 0.3), ("lm_head", 0.15), ("c_attn", 0.12)):
        if part in name:
            return 0.0, deviation
    return 0.0, 0.1


def make_random_model(folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(RANDOM_CONFIG, indent=2) + "\n")
    rng = np.random.default_rng(RANDOM_SEED)
    state = {}
    for name, parameter in GPT2LMHeadModel(transformers.GPT2Config(**RANDOM_CONFIG)).state_dict().items():
        mean, deviation = spread(name)
        values = mean + deviation * rng.standard_normal(tuple(parameter.shape))
        state[name] = torch.from_numpy(values.astype(np.float32)).to(torch.bfloat16)
    safetensors.torch.save_file(state, folder / "model.safetensors", {"format": "pt"})


# --- One golden model ---------------------------------------------------------------------------

class Golden:
    """A model and the folder that its tensors go to. `ours`: one of the two golden models, whose
    prompts were chosen so that every greedy choice is clear; another model's are left out."""

    def __init__(self, name, model_folder, out, ours):
        self.name, self.model_folder, self.out, self.ours = name, model_folder, out, ours
        self.model = GPT2LMHeadModel.from_pretrained(
            model_folder, dtype=torch.float32, attn_implementation="eager").eval()
        self.config = self.model.config
        has_text = any((model_folder / f).exists() for f in ("vocab.json", "tokenizer.json"))
        self.tokenizer = AutoTokenizer.from_pretrained(model_folder) if has_text else None
        self.rng = np.random.default_rng(RANDOM_SEED)
        out.mkdir(parents=True, exist_ok=True)

    def random_ids(self, count):
        return self.rng.integers(0, self.config.vocab_size, count).tolist()

    def encode(self, text):
        return self.tokenizer(text).input_ids

    def paragraph(self, count):
        """`count` tokens of prose, or of noise where there is no tokenizer or no prose left."""
        ids = self.encode(PROMPTS["paragraph"])[:count] if self.tokenizer else []
        return ids + self.random_ids(count - len(ids))

    def logits(self, ids):
        with torch.no_grad():
            return self.model(torch.tensor([ids])).logits[0].numpy()

    # Checkpoints 1 to 7: what every module gets and gives for one prompt.

    def trace(self, ids):
        captured = {}

        def record(name):
            def hook(_module, args, output):
                output = output[0] if isinstance(output, tuple) else output
                captured[name] = (args[0][0] if args else None, output[0].detach())
            return hook

        handles = [m.register_forward_hook(record(n))
                   for n, m in self.model.transformer.named_modules() if n]
        with torch.no_grad():
            attentions = self.model(torch.tensor([ids]), output_attentions=True).attentions
        for handle in handles:
            handle.remove()

        folder, layers = self.out / "trace", self.config.n_layer
        save(folder, "tokens", np.array(ids))
        hidden = [captured["drop"][1]] + [captured[f"h.{i}"][1] for i in range(layers)]
        assert torch.equal(captured["ln_f"][0], hidden[-1])
        save(folder, "hidden", torch.stack(hidden))
        save(folder, "ln_f", captured["ln_f"][1])
        for layer in (0, layers // 2):
            for module in ("ln_1", "attn.c_attn", "attn", "ln_2", "mlp"):
                save(folder, f"h.{layer}.{module}", captured[f"h.{layer}.{module}"][1])
            scores = self.scores(layer, captured[f"h.{layer}.attn.c_attn"][1], attentions[layer][0])
            save(folder, f"h.{layer}.attn.scores", scores)

    def scores(self, layer, qkv, attention):
        """[n_head, T, T], zero beyond the diagonal."""
        length, heads = qkv.shape[0], self.config.n_head
        q, k, _ = (part.view(length, heads, -1).transpose(0, 1) for part in qkv.chunk(3, dim=-1))
        scores = q @ k.transpose(1, 2) * self.model.transformer.h[layer].attn.scaling
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        probabilities = scores.masked_fill(~causal, -torch.inf).softmax(-1)
        assert torch.allclose(probabilities, attention, rtol=0, atol=1e-6)
        return scores.masked_fill(~causal, 0.0)

    def layer_norm_rows(self):
        """Rows that a careless layer norm gets wrong: E[x^2] - mean^2, no eps, unbiased variance."""
        rng, n = np.random.default_rng(RANDOM_SEED), self.config.n_embd
        noise = rng.standard_normal((6, n)).astype(np.float32)
        rows = np.stack([
            32 + noise[0],             # a mean far from zero
            -20 + noise[1] / 2,
            noise[2] * 1e-3,           # eps is as large as the variance
            np.full(n, 3.0),           # no variance at all
            noise[3] * 50,
            np.where(np.arange(n) == 5, 100.0, noise[4]),  # one outlier
        ]).astype(np.float32)
        with torch.no_grad():
            expected = self.model.transformer.h[0].ln_1(torch.from_numpy(rows))
        save(self.out / "layer_norm", "rows", rows)
        save(self.out / "layer_norm", "expected", expected)

    # Checkpoints 8 and 9.

    def whole_model(self, prompts):
        folder, vocab, context = self.out / "logits", self.config.vocab_size, self.config.n_positions
        short = self.paragraph(30)[22:]
        save(folder, "short.tokens", np.array(short))
        save(folder, "short", self.logits(short))

        ids = self.paragraph(context)
        positions = np.array([0, 15, 16, context // 2, context - 2, context - 1])
        save(folder, "full_context.tokens", np.array(ids))
        save(folder, "full_context.positions", positions)
        save(folder, "full_context", self.logits(ids)[positions])

        columns = np.unique(np.append(np.arange(0, vocab, max(1, vocab // 256)), vocab - 1))
        save(folder, "prompts.columns", columns)
        save(folder, "prompts", np.stack([self.logits(ids)[-1][columns] for ids in prompts]))

    # Checkpoints 10 and 11.

    def sampling(self, prompts, extremes):
        folder = self.out / "sampling"
        real = [self.logits(ids)[-1] for ids in prompts[:3]]
        rows = np.stack(real + (awkward_rows(real[0]) if extremes else []))
        save(folder, "logits", rows)
        save(folder, "argmax", rows.argmax(axis=-1))  # numpy's: the first of equals

        temperatures, exact = [0.1, 0.5, 1.0, 2.0], torch.from_numpy(rows).double()
        softmax = torch.stack([torch.softmax(exact / t, -1) for t in temperatures])
        single = torch.softmax(torch.from_numpy(rows), -1)
        assert torch.allclose(softmax[temperatures.index(1.0)].float(), single, rtol=0, atol=1e-5)
        save(folder, "temperatures", np.array(temperatures))
        save(folder, "softmax", softmax)

        cases = warper_cases(len(rows))
        distributions = [warp(exact[case["row"]], case) for case in cases]
        clear = [i for i, distribution in enumerate(distributions) if distribution is not None]
        assert len(clear) == len(cases) or not self.ours
        save(folder, "distributions", torch.stack([distributions[i] for i in clear]))
        write_json(folder / "cases.json", [cases[i] for i in clear])

    # Checkpoint 12.

    def greedy(self, ids, eos):
        budget = min(NEW_TOKENS, self.config.n_positions - len(ids))
        tokens = torch.tensor([ids])
        result = self.model.generate(
            tokens, attention_mask=torch.ones_like(tokens), do_sample=False, temperature=None,
            top_k=None, top_p=None, max_new_tokens=budget, eos_token_id=eos, pad_token_id=0,
            output_logits=True, return_dict_in_generate=True)
        best = [step[0].topk(2).values for step in result.logits]
        return result.sequences[0, len(ids):].tolist(), [float(b[0] - b[1]) for b in best]

    def generation(self, prompts, texts):
        """Per prompt: NEW_TOKENS tokens as if eos were a token like any other, and where it stops."""
        cases = []
        for ids, text in zip(prompts, texts):
            tokens, margins = self.greedy(ids, None)
            if min(margins) <= SMALLEST_MARGIN:
                assert not self.ours, (text or ids, min(margins))
                continue
            until_eos, _ = self.greedy(ids, self.config.eos_token_id)
            assert tokens[:len(until_eos)] == until_eos
            assert len(until_eos) == len(tokens) or until_eos[-1] == self.config.eos_token_id
            case = {"prompt": text, "prompt_ids": ids, "tokens": tokens,
                    "tokens_until_eos": len(until_eos), "text": None,
                    "margins": [float(f"{m:.4g}") for m in margins]}
            if self.tokenizer:
                decoded = self.tokenizer.decode(tokens, clean_up_tokenization_spaces=False)
                # Decoders differ in how many U+FFFD an incomplete character is worth.
                case["text"] = None if "\ufffd" in decoded else decoded
                assert case["text"] or not self.ours
            cases.append(case)
        write_json(self.out / "generation.json", cases)
        return cases

    def prompts(self):
        """([ids], [text or None])"""
        if self.tokenizer:
            texts = PROMPTS["texts"]
            ids = [self.encode(text) for text in texts]
            room = self.config.n_positions - NEW_TOKENS
            fresh = [self.config.eos_token_id] + self.encode("The old woman")
            long = self.encode(PROMPTS["paragraph"])[:room]
            return ids + [fresh, long], texts + [None, None]
        room = self.config.n_positions - NEW_TOKENS
        # The last but one fills the context exactly, the last runs out of it.
        lengths = [1, 2, 3, 5, 8, 15, 16, 17, 20, 25, 31, 32, room, room + NEW_TOKENS - 7]
        ids = [self.prompt_with_clear_choices(n) for n in lengths]
        return ids, [None] * len(ids)

    def prompt_with_clear_choices(self, length):
        while True:
            ids = self.random_ids(length)
            if min(self.greedy(ids, None)[1]) > SMALLEST_MARGIN:
                return ids

    def generate(self, extremes):
        cases = self.generation(*self.prompts())
        prompts = [case["prompt_ids"] for case in cases]
        margin = min(min(case["margins"]) for case in cases)
        # Not a multiple of the cache block's 16 positions, nor of the attention tile's 8 rows.
        self.trace(self.paragraph(21 if self.tokenizer else 37))
        self.layer_norm_rows()
        self.whole_model(prompts)
        self.sampling(prompts, extremes)
        self.provenance(margin)
        print(f"{self.name}: {len(cases)} prompts, smallest greedy margin {margin:.4g}")

    def provenance(self, margin):
        write_json(self.out / "provenance.json", {
            "date": datetime.date.today().isoformat(),
            "script_sha256": sha256(Path(__file__)),
            "prompts_sha256": sha256(HERE / "prompts.json"),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "torch_cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
            "safetensors": safetensors.__version__,
            "numpy": np.__version__,
            "dtype": "float32, widened from the weights' own type; one thread; eager attention",
            "model": self.name,
            "config_sha256": sha256(self.model_folder / "config.json"),
            "weights_sha256": {f.name: sha256(f)
                               for f in sorted(self.model_folder.glob("*.safetensors"))},
            "seed": RANDOM_SEED,
            "new_tokens": NEW_TOKENS,
            "smallest_greedy_margin": margin,
        })


# --- Sampling -----------------------------------------------------------------------------------

def awkward_rows(logits):
    vocab, best = len(logits), logits.max()
    ties = logits.copy()
    ties[[400, 300, 350, 123]] = best + 1
    close = logits.copy()
    close[200], close[100] = best + 1, np.nextafter(np.float32(best + 1), np.float32(0))
    equal = np.zeros(vocab)
    signed_zeros = np.full(vocab, -5.0)
    signed_zeros[[40, 50]] = -0.0, 0.0
    huge = np.full(vocab, -1e4)
    huge[[17, 18, 19]] = 1e4, 9999.5, 9990.0
    excluded = np.full(vocab, -np.inf)
    excluded[[3, 5, 500]] = 1.0, 2.0, 1.5
    return [row.astype(np.float32) for row in (ties, close, equal, signed_zeros, huge, excluded)]


def warper_cases(rows):
    settings = [  # temperature, top_k, top_p, min_p
        (1.0, 0, 1.0, 0.0), (0.8, 40, 1.0, 0.0), (1.0, 0, 0.9, 0.0), (1.0, 0, 1.0, 0.05),
        (0.7, 50, 0.93, 0.02), (1.5, 5, 0.5, 0.1)]
    cases = [(i % 3, *s) for i, s in enumerate(settings)]
    if rows > 3:  # the awkward ones: a cut through ties, among equals, through what was excluded
        cases += [(3, 1.0, 2, 1.0, 0.0), (5, 1.0, 10, 1.0, 0.0), (8, 1.0, 2, 1.0, 0.0),
                  (8, 0.5, 0, 0.8, 0.0), (8, 2.0, 0, 1.0, 0.7), (7, 1.0, 0, 0.5, 0.0)]
    return [dict(zip(("row", "temperature", "top_k", "top_p", "min_p"), c)) for c in cases]


def warp(scores, case):
    """The distribution that is drawn from; Hugging Face's own order, in double precision. None if a
    token is so close to a cut that float32 might decide otherwise."""
    warpers = [TemperatureLogitsWarper(case["temperature"])]
    if case["top_k"]:
        warpers.append(TopKLogitsWarper(case["top_k"]))
    if case["top_p"] < 1:
        warpers.append(TopPLogitsWarper(case["top_p"]))
    if case["min_p"]:
        warpers.append(MinPLogitsWarper(case["min_p"]))
    scores = scores[None]
    for warper in warpers:
        probabilities = scores.softmax(-1)[0].sort(descending=True).values
        if isinstance(warper, TopPLogitsWarper):
            if (probabilities.cumsum(0) - case["top_p"]).abs().min() < 2e-5:
                return None
        if isinstance(warper, MinPLogitsWarper):
            ratio = probabilities / probabilities[0]
            if (ratio - case["min_p"]).abs().min() < 1e-5:
                return None
        scores = warper(None, scores)
    return scores.softmax(-1)[0]


# --- Files --------------------------------------------------------------------------------------

def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_json(path, value):
    """One line an element of a list, one a key of an object."""
    lines = ([json.dumps(v, ensure_ascii=False) for v in value] if isinstance(value, list) else
             [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()])
    brackets = "[]" if isinstance(value, list) else "{}"
    path.write_text(f"{brackets[0]}\n" + ",\n".join(lines) + f"\n{brackets[1]}\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, help="a Hugging Face folder; writes DIR/golden")
    model = parser.parse_args().model
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    transformers.utils.logging.set_verbosity_error()
    if model:
        Golden(model.name, model, model / "golden", ours=False).generate(extremes=False)
        return
    make_random_model(HERE / "random" / "model")
    Golden("tales-7m", BUNDLED, HERE / "tales-7m", ours=True).generate(extremes=False)
    Golden("random", HERE / "random" / "model", HERE / "random", ours=True).generate(extremes=True)


if __name__ == "__main__":
    main()
