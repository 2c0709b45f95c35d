#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times the encoding of half a megabyte with ever more added tokens, here and by Hugging Face's tokenizers.

    python3 -m venv build/tokenizer-peers && build/tokenizer-peers/bin/pip install tokenizers
    build/tokenizer-peers/bin/python tests/bench/added_tokens_peers.py

One thread each, by turns; the median of --turns. The vocabulary is the bundled model's, the text the project's own
documents with an added token every few hundred characters. Different tokens fail the run. Prints a Markdown table.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import tokenizers  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "deploy/models/tales-7m"
SIZE = 500_000


def text_with(tokens):
    plain = "".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("**/*.md")) if "build" not in path.parts)
    pieces = [plain[i : i + 300] for i in range(0, len(plain), 300)]
    joined = "".join(piece + (tokens[i % len(tokens)] if tokens else "") for i, piece in enumerate(pieces))
    while len(joined) < SIZE:
        joined += joined
    return joined[:SIZE]


def tokenizer_json(tokens):
    vocab = json.loads((MODEL / "vocab.json").read_text(encoding="utf-8"))
    merges = [line.split(" ") for line in (MODEL / "merges.txt").read_text(encoding="utf-8").splitlines()[1:] if line]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    first = max(vocab.values()) + 1
    return {
        "version": "1.0", "truncation": None, "padding": None, "normalizer": None, "post_processor": None,
        "added_tokens": [{"id": first + i, "content": token, **flags} for i, token in enumerate(tokens)],
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": merges},
    }


def ours(bench, folder, text_file, ids_file):
    command = [bench, f"--tokenizer={folder}", f"--text={text_file}", "--repetitions=1", f"--tokens={ids_file}"]
    result = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return result["bytes"] / result["median"]


def theirs(library, text):
    started = time.process_time()
    ids = library.encode(text).ids
    return time.process_time() - started, ids


def measure(bench, count, turns):
    tokens = [f"<|token {i}|>" for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        files = pathlib.Path(folder)
        (files / "tokenizer.json").write_text(json.dumps(tokenizer_json(tokens)), encoding="utf-8")
        text = text_with(tokens)
        (files / "text").write_text(text, encoding="utf-8")
        library = tokenizers.Tokenizer.from_file(str(files / "tokenizer.json"))
        here, there = [], []
        for _ in range(turns):
            here.append(ours(bench, folder, files / "text", files / "ids"))
            seconds, ids = theirs(library, text)
            there.append(seconds)
        mine = [int(line) for line in (files / "ids").read_text().split()]
        if mine != ids:
            sys.exit(f"with {count} added tokens the ids differ")
    return statistics.median(here), statistics.median(there)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default=str(ROOT / "build/bench/tokenizer_bench"))
    parser.add_argument("--turns", type=int, default=5)
    arguments = parser.parse_args()
    print(f"| added tokens | Cascade, s | tokenizers {tokenizers.__version__}, s | ratio |\n|---|---|---|---|")
    for count in (0, 100, 2_000, 20_000):
        here, there = measure(arguments.bench, count, arguments.turns)
        print(f"| {count} | {here:.4f} | {there:.4f} | {there / here:.1f} |", flush=True)


if __name__ == "__main__":
    main()
