# SPDX-License-Identifier: Apache-2.0
"""Writes cases.json: tokenizer folders of many kinds, and the token ids of texts by transformers.

    pip install -r ../requirements.txt
    python generate.py

Every folder has one small byte-level vocabulary, and says something else about it. "by" tells whose
ids they are: "transformers" is AutoTokenizer.from_pretrained(folder); "tokenizers" is the library
beneath it, where transformers 5 ignores parts of tokenizer.json that transformers 4 follows.
"""
import json
import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers  # noqa: E402
import transformers  # noqa: E402

transformers.logging.set_verbosity_error()

TEXTS = ["ab ab12", "Once e\u0301 ab", "ab <x> ab", "a<x>b", "<|endoftext|>ab<pad>", "<s>ab</s>", "\u00e9 abZ", ""]


def byte_alphabet():
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (b for b in range(256) if b not in printable)
    letters = {b: chr(b) for b in printable}
    letters.update({b: chr(256 + i) for i, b in enumerate(others)})
    return letters


LETTERS = byte_alphabet()


def written(text):
    return "".join(LETTERS[b] for b in text.encode())


MERGES = [("a", "b"), (" ", "ab"), ("O", "n"), ("1", "2"), (" ", " "), ("c", "e"), ("On", "ce")]
MERGES = [(written(left), written(right)) for left, right in MERGES]
VOCAB = {LETTERS[b]: b for b in range(256)}
for left, right in MERGES:
    VOCAB.setdefault(left + right, len(VOCAB))
N = len(VOCAB)


def without(*texts):
    return {token: i for token, i in VOCAB.items() if token not in [written(t) for t in texts]}


def token(content, id, **flags):
    usual = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {"id": id, "content": content, **usual, **flags}


END = token("<|endoftext|>", N, special=True)
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
SPACED = {**BYTES, "add_prefix_space": True}
UNCUT = {**BYTES, "use_regex": False}
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SPLIT = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}


def model(**changes):
    return {
        "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
        "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
        "vocab": VOCAB, "merges": [list(pair) for pair in MERGES], **changes,
    }


def fast(**changes):
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [END], "normalizer": None,
        "pre_tokenizer": BYTES, "post_processor": {**BYTES, "trim_offsets": False}, "decoder": BYTES,
        "model": model(), **changes,
    }


def slow(**more):
    lines = ["#version: 0.2"] + [f"{left} {right}" for left, right in MERGES]
    return {"vocab.json": {**VOCAB, "<|endoftext|>": N}, "merges.txt": "\n".join(lines) + "\n", **more}


def sequence(kind, key, *parts):
    return {"type": "Sequence", key: list(parts)}


def template(before=(), after=()):
    names = {"<|endoftext|>": N, "<s>": N + 1, "</s>": N + 2}
    special = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [*map(special, before), {"Sequence": {"id": "A", "type_id": 0}}, *map(special, after)],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {n: {"id": n, "ids": [names[n]], "tokens": [n]} for n in (*before, *after)},
    }


BOTH = [END, token("<s>", N + 1, special=True), token("</s>", N + 2, special=True)]
FAST_CLASS = {"tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"}}
GPT2_CLASS = {"tokenizer_class": "GPT2Tokenizer"}


def x(**flags):
    return [END, token("<x>", N + 1, **flags)]


# name: (files, whose ids)
FOLDERS = {
    "vocab.json and merges.txt": (slow(), "transformers"),
    "no <|endoftext|> but other roles": (
        slow(**{"vocab.json": {**VOCAB, "<s>": N, "<pad>": N + 1},
                "special_tokens_map.json": {"bos_token": "<s>", "eos_token": "<s>", "unk_token": "<s>",
                                            "pad_token": "<pad>"}}), "transformers"),
    "add_prefix_space": (slow(**{"tokenizer_config.json": {**GPT2_CLASS, "add_prefix_space": True}}), "transformers"),
    "add_bos_token": (slow(**{"tokenizer_config.json": {**GPT2_CLASS, "add_bos_token": True}}), "transformers"),
    "add_bos_token and add_eos_token": (
        slow(**{"tokenizer_config.json": {**GPT2_CLASS, "add_bos_token": True, "add_eos_token": True}}),
        "transformers"),
    "add_bos_token of another bos_token": (
        slow(**{"tokenizer_config.json": {**GPT2_CLASS, "add_bos_token": True, "bos_token": "<s>"}}), "transformers"),
    "add_bos_token beside tokenizer.json": (
        {"tokenizer.json": fast(), "tokenizer_config.json": {**GPT2_CLASS, "add_bos_token": True}}, "transformers"),
    "added_tokens.json": (slow(**{"added_tokens.json": {"<x>": N + 1, "<pad>": N + 2}}), "transformers"),
    "added_tokens.json and special_tokens_map.json": (
        slow(**{"added_tokens.json": {"<x>": N + 1, "<pad>": N + 2},
                "special_tokens_map.json": {"pad_token": "<pad>", "bos_token": "<s>"}}), "transformers"),
    "special_tokens_map.json with flags": (
        slow(**{"special_tokens_map.json": {"mask_token": {"content": "<x>", "lstrip": True, "normalized": False,
                                                           "rstrip": False, "single_word": False}}}),
        "transformers"),
    "added_tokens_decoder": (
        slow(**{"tokenizer_config.json": {"added_tokens_decoder": {
            str(N): {k: v for k, v in END.items() if k != "id"},
            str(N + 1): {k: v for k, v in token("<x>", 0, lstrip=True).items() if k != "id"}}}}), "transformers"),
    "additional_special_tokens": (
        slow(**{"tokenizer_config.json": {"additional_special_tokens": ["<x>", "<s>"], "pad_token": "<pad>"}}),
        "transformers"),
    "tokenizer.json": ({"tokenizer.json": fast()}, "transformers"),
    "tokenizer.json before vocab.json": ({**slow(), "tokenizer.json": fast(added_tokens=x())}, "transformers"),
    "tokenizer.json with its own prefix space": ({"tokenizer.json": fast(pre_tokenizer=SPACED), **FAST_CLASS}, "transformers"),
    "tokenizer.json whose prefix space GPT2Tokenizer ignores": ({"tokenizer.json": fast(pre_tokenizer=SPACED)}, "transformers"),
    "tokenizer.json and add_prefix_space": (
        {"tokenizer.json": fast(), "tokenizer_config.json": {**GPT2_CLASS, "add_prefix_space": True}}, "transformers"),
    "lstrip": ({"tokenizer.json": fast(added_tokens=x(lstrip=True))}, "transformers"),
    "rstrip": ({"tokenizer.json": fast(added_tokens=x(rstrip=True))}, "transformers"),
    "single_word": ({"tokenizer.json": fast(added_tokens=x(single_word=True))}, "transformers"),
    "normalized": ({"tokenizer.json": fast(added_tokens=x(normalized=True))}, "transformers"),
    "a token within a token": (
        {"tokenizer.json": fast(added_tokens=[*x(), token("<x> a", N + 2), token("x", ord("x"), normalized=True)])},
        "transformers"),
    "merges as lines": (
        {"tokenizer.json": fast(model=model(merges=[" ".join(pair) for pair in MERGES]))}, "transformers"),
    "NFC": ({"tokenizer.json": fast(normalizer={"type": "NFC"}), **FAST_CLASS}, "transformers"),
    "NFC that transformers 5 ignores": ({"tokenizer.json": fast(normalizer={"type": "NFC"})}, "tokenizers"),
    "NFKD": ({"tokenizer.json": fast(normalizer={"type": "NFKD"}), **FAST_CLASS}, "transformers"),
    "NFC and a normalized token": (
        {"tokenizer.json": fast(normalizer={"type": "NFC"},
                                added_tokens=[END, token("e\u0301", N + 1, normalized=True)]), **FAST_CLASS},
        "transformers"),
    "an empty Sequence of normalizers": (
        {"tokenizer.json": fast(normalizer=sequence("", "normalizers")), **FAST_CLASS}, "transformers"),
    "Sequence of ByteLevel": (
        {"tokenizer.json": fast(pre_tokenizer=sequence("", "pretokenizers", BYTES)), **FAST_CLASS}, "transformers"),
    "Split and ByteLevel": (
        {"tokenizer.json": fast(pre_tokenizer=sequence("", "pretokenizers", SPLIT, UNCUT)), **FAST_CLASS}, "transformers"),
    "ByteLevel that cuts no words": ({"tokenizer.json": fast(pre_tokenizer=UNCUT), **FAST_CLASS}, "transformers"),
    "each digit": (
        {"tokenizer.json": fast(pre_tokenizer=sequence(
            "", "pretokenizers", {"type": "Digits", "individual_digits": True}, BYTES)), **FAST_CLASS}, "transformers"),
    "digits and a prefix space": (
        {"tokenizer.json": fast(pre_tokenizer=sequence(
            "", "pretokenizers", {"type": "Digits", "individual_digits": False}, SPACED)), **FAST_CLASS}, "transformers"),
    "template": ({"tokenizer.json": fast(added_tokens=BOTH, post_processor=template(["<s>"], ["</s>"]))}, "transformers"),
    "template of two in front": (
        {"tokenizer.json": fast(added_tokens=BOTH, post_processor=sequence(
            "", "processors", {**BYTES, "trim_offsets": False}, template(["<|endoftext|>", "<s>"]))), **FAST_CLASS},
        "transformers"),
    "RobertaProcessing": (
        {"tokenizer.json": fast(added_tokens=BOTH, post_processor={
            "type": "RobertaProcessing", "sep": ["</s>", N + 2], "cls": ["<s>", N + 1], "trim_offsets": True,
            "add_prefix_space": False}), **FAST_CLASS}, "transformers"),
    "ignore_merges": (
        {"tokenizer.json": fast(model=model(ignore_merges=True, vocab={**VOCAB, written(" e\u0301"): N}),
                                added_tokens=[token("<|endoftext|>", N + 1, special=True)]), **FAST_CLASS}, "transformers"),
    "unk_token for a byte": (
        {"tokenizer.json": fast(model=model(unk_token="<unk>", vocab={**without("Z"), "<unk>": ord("Z")})
                                ), **FAST_CLASS}, "transformers"),
}


def write(folder, files):
    config = {"model_type": "gpt2", "vocab_size": 300, "architectures": ["GPT2LMHeadModel"]}
    for name, content in {"config.json": config, **files}.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
            out.write(content if isinstance(content, str) else json.dumps(content))


def main():
    cases = []
    for name, (files, by) in FOLDERS.items():
        with tempfile.TemporaryDirectory() as folder:
            write(folder, files)
            if by == "transformers":
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
                encode = lambda text: tokenizer(text)["input_ids"]
            else:
                library = tokenizers.Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
                encode = lambda text: library.encode(text).ids
            texts = [{"text": text, "ids": encode(text)} for text in TEXTS]
        cases.append({"name": name, "by": by, "files": files, "texts": texts})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json")
    made_by = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    with open(path, "w", encoding="utf-8") as out:
        lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
        out.write('{"made_by": %s, "folders": [\n%s\n]}\n' % (json.dumps(made_by), lines))
    print(f"{path}: {len(cases)} folders, {os.path.getsize(path)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
