#!/usr/bin/env python3
"""Makes small model folders as people publish them, and what transformers makes of each.

    pip install -r ../requirements.txt
    python make_folders.py

Every folder has a GPT-2 of two layers with seeded random weights, in one shape that a folder may
have. expected.json says of each what a reader has to do: generate these greedy tokens, warn of
these things, or refuse with these words. The tokens are those of transformers' generate(); where
transformers cannot read a folder that Cascade reads (names of wrappers, a byte order mark), they
are those of the same model in a shape that it reads. A model is taken only if no greedy choice is
close enough for rounding to decide it.
"""

import json
import shutil
import tempfile
from pathlib import Path

import safetensors.torch
import torch
import transformers
from transformers import AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).resolve().parent
CONFIG = {
    "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_layer": 2, "n_head": 2,
    "n_embd": 8, "n_positions": 24, "vocab_size": 64, "bos_token_id": 63, "eos_token_id": 63,
}
PROMPT = [5, 40, 17, 2]
NEW_TOKENS = 12
SMALLEST_MARGIN = 5e-3
FEWEST_DIFFERENT = 5
LFS_POINTER = ("version https://git-lfs.github.com/spec/v1\n"
               "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
               "size 548118077\n")
expected = {}


def spread(name):
    """(mean, deviation) of a parameter: wide enough that no layer is close to the identity."""
    if ".ln_" in name:
        return (1.0, 0.3) if name.endswith("weight") else (0.0, 0.3)
    if name.endswith("bias"):
        return 0.0, 0.3
    return 0.0, 0.5 if "wte" in name or "wpe" in name or "lm_head" in name else 0.6


def random_state(config, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, parameter in GPT2LMHeadModel(GPT2Config(**config)).state_dict().items():
        mean, deviation = spread(name)
        values = mean + deviation * torch.randn(parameter.shape, generator=generator)
        state[name] = values.to(dtype)
    if config.get("tie_word_embeddings", True):
        state["lm_head.weight"] = state["transformer.wte.weight"]
    return state


def save_reference(folder, config, state):
    (folder / "config.json").write_text(json.dumps(config))
    safetensors.torch.save_file({k: v.contiguous().clone() for k, v in state.items()},
                                folder / "model.safetensors", {"format": "pt"})


def greedy(config, state):
    """The tokens, the smallest distance between the best two logits, and some of the first logits,
    which tell functions apart that choose the same tokens."""
    with tempfile.TemporaryDirectory() as folder:
        save_reference(Path(folder), config, state)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval()
    out = model.generate(torch.tensor([PROMPT]), do_sample=False, max_new_tokens=NEW_TOKENS,
                         eos_token_id=None, pad_token_id=0, use_cache=True)
    with torch.no_grad():
        logits = model(out).logits[0, len(PROMPT) - 1:-1]
    best = logits.topk(2).values
    return (out[0, len(PROMPT):].tolist(), (best[:, 0] - best[:, 1]).min().item(),
            [round(logit, 6) for logit in logits[0, :8].tolist()])


def reference(config, dtype=torch.bfloat16, change=lambda state: state):
    """A state whose greedy tokens are varied and clear, and what is to come out of it."""
    names = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer",
             "num_attention_heads": "n_head", "max_position_embeddings": "n_positions"}
    plain = {names.get(k, k): v for k, v in config.items()}
    for seed in range(20260101, 20263101):
        state = change(random_state(plain, seed, dtype))
        tokens, margin, logits = greedy(config, state)
        if margin >= SMALLEST_MARGIN and len(set(tokens)) >= FEWEST_DIFFERENT:
            return state, {"prompt": PROMPT, "tokens": tokens, "logits": logits}
    raise RuntimeError("no seed gives clear tokens")


def write(name, config, state, files=(), weights="model.safetensors"):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = config if isinstance(config, (str, bytes)) else json.dumps(config, indent=1) + "\n"
    (folder / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    if state is not None:
        path = folder / weights
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file({k: v.contiguous().clone() for k, v in state.items()}, path,
                                    {"format": "pt"})
    for file, contents in dict(files).items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(contents if isinstance(contents, str)
                                   else json.dumps(contents, indent=1) + "\n")


def untied(state):
    return {k: v for k, v in state.items() if k != "lm_head.weight"}


def bare(state):
    return {k.removeprefix("transformer."): v for k, v in untied(state).items()}


def serves(name, result, warnings=(), **others):
    expected[name] = result | ({"warnings": list(warnings)} if warnings else {}) | others


def refuses(name, *words):
    expected[name] = {"refused": list(words)}


# --- Folders that are served ----------------------------------------------------------------------

def served_configs():
    """config.json in other words."""
    other_names = {k: v for k, v in CONFIG.items() if not k.startswith("n_")}
    other_names |= {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 8,
                    "max_position_embeddings": 24}
    cases = {
        "other_names": other_names,
        "defaults": {"model_type": "gpt2", "n_embd": 12, "n_layer": 1, "vocab_size": 64,
                     "eos_token_id": 63},
        "inverse_layer_scale": CONFIG | {"scale_attn_by_inverse_layer_idx": True, "n_inner": 27,
                                         "reorder_and_upcast_attn": True},
        "unscaled": CONFIG | {"scale_attn_weights": False, "layer_norm_epsilon": 1e-3, "n_ctx": 7,
                              "torch_dtype": "bfloat16", "use_cache": False},
        "untied": CONFIG | {"tie_word_embeddings": False},
    }
    for activation in ("gelu_fast", "gelu_accurate", "gelu_python_tanh", "gelu_python", "silu",
                       "swish", "quick_gelu", "mish", "relu", "linear"):
        cases[f"activation_{activation}"] = CONFIG | {"activation_function": activation}
    for name, config in cases.items():
        state, result = reference(config)
        write(name, config, state if name == "untied" else untied(state))
        serves(name, result)

    state, result = reference(CONFIG)
    text = json.dumps(CONFIG)
    write("not_a_number", text[:-1] + ', "x": NaN, "y": [-Infinity, Infinity]}\n', untied(state))
    serves("not_a_number", result)
    write("byte_order_mark", b"\xef\xbb\xbf" + text.encode(), untied(state))
    serves("byte_order_mark", result)
    write("classifier", CONFIG | {"architectures": ["GPT2ForSequenceClassification"]},
          untied(state) | {"score.weight": torch.zeros(2, 8)})
    serves("classifier", result, ["GPT2ForSequenceClassification", "score.weight"])


def served_weights():
    """Weight files in other shapes."""
    state, result = reference(CONFIG)
    mask = torch.ones(1, 1, 24, 24).tril()
    write("bare_names", CONFIG, bare(state) | {"h.0.attn.bias": mask.to(torch.uint8),
                                               "h.1.attn.bias": mask.bool(),
                                               "h.1.attn.masked_bias": torch.tensor(-1e4)})
    serves("bare_names", result)
    write("equal_head", CONFIG, state)
    serves("equal_head", result)
    write("head_alone", CONFIG, {k: v for k, v in state.items() if "wte" not in k})
    serves("head_alone", result)
    for name, wrapper, beside in (
            ("compiled", "_orig_mod.", {}), ("data_parallel", "module.", {}),
            ("compiled_data_parallel", "module._orig_mod.", {}),
            ("value_head", "pretrained_model.", {"v_head.summary.weight": torch.zeros(1, 8)})):
        write(name, CONFIG, {wrapper + k: v for k, v in untied(state).items()} | beside)
        serves(name, result, list(beside))

    names = sorted(untied(state))
    halves = {"parts/a.safetensors": names[::2], "parts/more/b.safetensors": names[1::2]}
    listed = {n: file for file, part in halves.items() for n in part if "ln_" not in n}
    listed["transformer.h.0.attn.masked_bias"] = "parts/a.safetensors"
    write("shards_in_folders", CONFIG, None,
          {"model.safetensors.index.json": {"metadata": {}, "weight_map": listed}})
    for file, part in halves.items():
        path = HERE / "shards_in_folders" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        safetensors.torch.save_file({n: state[n] for n in part}, path, {"format": "pt"})
    serves("shards_in_folders", result)

    def differing_head(state):
        other = random_state(CONFIG, 7, torch.bfloat16)["transformer.h.0.mlp.c_fc.weight"]
        return state | {"lm_head.weight": state["transformer.wte.weight"].roll(1, 0) + other.mean()}
    for name, dtype, change, warning in (
            ("differing_head", torch.bfloat16, differing_head, "lm_head.weight is not wte.weight"),
            ("float64", torch.float64, lambda s: s, None),
            ("float16", torch.float16, lambda s: s, None),
            ("no_biases", torch.bfloat16,
             lambda s: {k: v for k, v in s.items() if not k.endswith(".bias")}, "are zeros"),
            ("no_linear_biases", torch.bfloat16,
             lambda s: {k: v for k, v in s.items() if not k.endswith(".bias") or ".ln_" in k},
             "are zeros"),
            ("mixed_types", torch.bfloat16,
             lambda s: {k: v.float() if "ln_" in k or "mlp" in k else v for k, v in s.items()},
             None)):
        state, result = reference(CONFIG, dtype, change)
        write(name, CONFIG, state if name == "differing_head" else untied(state))
        serves(name, result, [warning] if warning else [])


def served_generation():
    """Defaults for generation, in either file."""
    state, result = reference(CONFIG)
    fifth = result["tokens"][4]
    files = {
        "sampling": ({"do_sample": True, "temperature": 0.8}, CONFIG, {}, []),
        "unfollowed_keys": ({"eos_token_id": 63, "repetition_penalty": 1.2, "num_beams": 4,
                             "no_repeat_ngram_size": 0, "max_length": 50}, CONFIG, {},
                            ["num_beams", "max_length"]),
        "eos_beyond_vocabulary": ({"eos_token_id": 50256}, CONFIG, {}, ["eos_token_id 50256"]),
        "eos_list": ({"eos_token_id": [fifth, 63]}, CONFIG, {"eos": [fifth, 63]}, []),
        "old_config": (None, CONFIG | {"do_sample": True, "temperature": 0.7, "top_k": 7,
                                       "top_p": 0.9, "num_beams": 1, "max_length": 20}, {}, []),
        "task_specific": (None, CONFIG | {"task_specific_params": {
            "text-generation": {"do_sample": True, "max_length": 50}}}, {},
                          ["task_specific_params"]),
        "old_config_overruled": ({"eos_token_id": 63}, CONFIG | {"do_sample": True}, {},
                                 ["do_sample"]),
    }
    for name, (generation, config, others, warnings) in files.items():
        write(name, config, untied(state),
              {"generation_config.json": generation} if generation is not None else {})
        model = AutoModelForCausalLM.from_pretrained(HERE / name)
        resolved, _ = model._prepare_generation_config(None)
        defaults = {"do_sample": bool(resolved.do_sample)}
        if resolved.do_sample:
            defaults |= {"temperature": resolved.temperature, "top_k": resolved.top_k,
                         "top_p": resolved.top_p}
        serves(name, result, warnings, defaults=defaults,
               eos=others.get("eos", [63]))


# --- Folders that are refused ---------------------------------------------------------------------

def refused():
    state = untied(random_state(CONFIG, 1, torch.bfloat16))
    attention = "transformer.h.1.attn.c_attn"

    def with_tensor(name, tensor):
        return state | {name: tensor}

    cases = [
        ("two_sizes", CONFIG | {"hidden_size": 16}, state, {}, ["hidden_size is 16"]),
        ("quantized", CONFIG | {"quantization_config": {"quant_method": "bitsandbytes"}}, state, {},
         ["quantization_config", "bitsandbytes"]),
        ("cross_attention", CONFIG | {"add_cross_attention": True}, state, {},
         ["add_cross_attention"]),
        ("activation_gelu_10", CONFIG | {"activation_function": "gelu_10"}, state, {}, ["gelu_10"]),
        ("other_model", CONFIG | {"model_type": "gpt_neo"}, state, {}, ["model_type", "gpt_neo"]),
        ("int8_tensors", CONFIG,
         with_tensor(attention + ".weight", torch.zeros(8, 24, dtype=torch.int8)), {},
         ["h.1.attn.c_attn.weight", "found I8"]),
        ("transposed", CONFIG, with_tensor(attention + ".weight", torch.zeros(24, 8)), {},
         ["h.1.attn.c_attn.weight", "transposed"]),
        ("a_bias_is_missing", CONFIG, {k: v for k, v in state.items() if k != attention + ".bias"},
         {}, ["h.1.attn.c_attn.bias"]),
        ("further_block", CONFIG, with_tensor("transformer.h.2.ln_1.bias", torch.zeros(8)), {},
         ["h.2.ln_1.bias", "expected 2 blocks"]),
        ("padded_vocabulary", CONFIG,
         with_tensor("transformer.wte.weight", torch.zeros(128, 8)), {}, ["wte.weight", "[128, 8]"]),
        ("git_lfs_pointer", CONFIG, None, {"model.safetensors": LFS_POINTER}, ["Git LFS pointer"]),
        ("html_page", CONFIG, None, {"model.safetensors": "<!DOCTYPE html>\n<html></html>\n"},
         ["HTML page"]),
        ("pickle", CONFIG, None, {"pytorch_model.bin": "not read"}, ["pytorch_model.bin"]),
        ("variant", CONFIG, None, {"model.fp16.safetensors": "not read"},
         ["model.fp16.safetensors", "model.safetensors"]),
        ("adapter", CONFIG, None,
         {"adapter_config.json": {"peft_type": "LORA"}, "adapter_model.safetensors": "not read"},
         ["adapter"]),
    ]
    for name, config, tensors, files, words in cases:
        write(name, config, tensors, files)
        refuses(name, *words)


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    served_configs()
    served_weights()
    served_generation()
    refused()
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in expected.items())
    (HERE / "expected.json").write_text(
        f'{{"transformers": "{transformers.__version__}", "torch": "{torch.__version__}",\n'
        f'"folders": {{\n{lines}\n}}}}\n')


if __name__ == "__main__":
    main()
