#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Races Cascade's tokenizer against tiktoken on one thread, with GPT-2's vocabulary.

    python3 -m venv build/tokenizer-peers && build/tokenizer-peers/bin/pip install tiktoken
    build/tokenizer-peers/bin/python tests/bench/tokenizer_peers.py

Texts: English (the project's documents and Python's own), code (the project's sources) and Unicode (words in many
scripts, digits, punctuation and emoji, from a fixed seed), and every file that --text names. The two take turns, so
that whatever else the machine does hits both; each has the median over all turns, in its thread's processor time. tiktoken is called in both of its
ways, as a list and as a NumPy array where NumPy is installed, and the faster one counts. A text on which the tokens
differ fails the run.

Prints a Markdown table; exits with 1 if tokens differ or a ratio is below --least.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks
from tiktoken_ext.openai_public import r50k_pat_str

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENDINGS = {"code": (".cc", ".h", ".py", ".sh", ".cmake"), "english": (".md",)}
FOLDERS = ("cmake", "deploy", "model", "proto", "scripts", "server", "tests", "tools")

# First and last letter of alphabets, and what a language wants between its words.
SCRIPTS = [
    ("a", "z", " "), ("A", "Z", " "), ("\u00e0", "\u00ff", " "), ("\u0391", "\u03a1", " "), ("\u03b1", "\u03c9", " "),
    ("\u0430", "\u044f", " "), ("\u05d0", "\u05ea", " "), ("\u0627", "\u063a", " "), ("\u0905", "\u0939", " "),
    ("\u0e01", "\u0e2e", ""), ("\u3041", "\u3093", ""), ("\u4e00", "\u9fa5", ""), ("\uac00", "\ud7a3", " "),
]
SYMBOLS = "\u2014\u2026\u201c\u201d\u00bf\u20ac\u2192\u221e\u2713\U0001f600\U0001f680\U0001f1eb\U0001f1f7"


def project_text(kind):
    files = [path for path in ROOT.iterdir() if path.is_file()]
    for folder in FOLDERS:
        files += sorted((ROOT / folder).rglob("*"))
    return "".join(path.read_text(encoding="utf-8") for path in sorted(files) if path.name.endswith(ENDINGS[kind]))


def english():
    from pydoc_data import topics

    return project_text("english") + "\n".join(topics.topics.values())


def mixed_unicode(size=1_000_000):
    """About `size` characters: runs of a few words of one script, then a number, a mark or a line's end."""
    generator = random.Random(1)
    pieces, length = [], 0
    while length < size:
        first, last, gap = generator.choice(SCRIPTS)
        for _ in range(generator.randint(1, 8)):
            count = generator.randint(1, 9)
            pieces.append("".join(chr(generator.randint(ord(first), ord(last))) for _ in range(count)) + gap)
            length += count + len(gap)
        pieces.append(generator.choice([", ", ". ", "\n", f"{generator.randint(0, 9999)} ", generator.choice(SYMBOLS)]))
    return "".join(pieces)


def gpt2_of_tiktoken(folder):
    ranks = data_gym_to_mergeable_bpe_ranks(
        vocab_bpe_file=str(folder / "merges.txt"), encoder_json_file=str(folder / "vocab.json"))
    return tiktoken.Encoding(
        name="gpt2", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={"<|endoftext|>": 50256})


def ways_of_tiktoken(encoding):
    ways = [encoding.encode_ordinary]
    try:
        import numpy  # noqa: F401  tiktoken's other way needs it
    except ImportError:
        return ways
    return ways + [lambda text: encoding.encode_to_numpy(text, disallowed_special=())]


def bytes_per_second(way, text, size):
    begin = time.thread_time()
    way(text)
    return size / (time.thread_time() - begin)


def run_cascade(arguments, text_file, tokens_file):
    command = [arguments.program, f"--tokenizer={arguments.tokenizer}", f"--text={text_file}", "--repetitions=3",
               f"--tokens={tokens_file}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["samples"]


def race(arguments, encoding, text, folder):
    """Medians of both, in bytes per second; raises ValueError if the tokens differ."""
    data = text.encode("utf-8")
    text_file, tokens_file = folder / "text", folder / "tokens"
    text_file.write_bytes(data)
    ours, theirs = [], {way: [] for way in ways_of_tiktoken(encoding)}
    expected = encoding.encode_ordinary(text)
    for _ in range(arguments.rounds):
        ours += run_cascade(arguments, text_file, tokens_file)
        for way, samples in theirs.items():
            samples += [bytes_per_second(way, text, len(data)) for _ in range(3)]
    tokens = [int(line) for line in tokens_file.read_text().split()]
    if tokens != expected:
        first = next((i for i, pair in enumerate(zip(tokens, expected)) if pair[0] != pair[1]), "the end")
        raise ValueError(f"tokens differ at {first}: {len(tokens)} against {len(expected)}")
    return statistics.median(ours), max(statistics.median(samples) for samples in theirs.values())


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build/bench/bench/tokenizer_bench", help="tokenizer_bench")
    parser.add_argument("--tokenizer", default=ROOT / "tests/golden/tokenizer/gpt2", type=pathlib.Path,
                        help="a folder with GPT-2's vocab.json and merges.txt")
    parser.add_argument("--text", action="append", default=[], type=pathlib.Path, help="one more text, UTF-8")
    parser.add_argument("--rounds", default=5, type=int, help="turns that each of the two gets")
    parser.add_argument("--least", default=0.0, type=float, help="the ratio below which the run fails")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    encoding = gpt2_of_tiktoken(arguments.tokenizer)
    texts = {"English": english(), "code": project_text("code"), "mixed Unicode": mixed_unicode()}
    texts.update({path.name: path.read_text(encoding="utf-8") for path in arguments.text})
    passed = True
    print(f"| text | MB | Cascade, MB/s | tiktoken {tiktoken.__version__}, MB/s | ratio |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            try:
                ours, theirs = race(arguments, encoding, text, pathlib.Path(folder))
            except ValueError as error:
                print(f"{name}: {error}", file=sys.stderr)
                passed = False
                continue
            megabytes = len(text.encode("utf-8")) / 1e6
            print(f"| {name} | {megabytes:.1f} | {ours / 1e6:.1f} | {theirs / 1e6:.1f} | {ours / theirs:.2f} |",
                  flush=True)
            passed &= ours / theirs >= arguments.least
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
