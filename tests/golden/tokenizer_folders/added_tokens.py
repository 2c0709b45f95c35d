# SPDX-License-Identifier: Apache-2.0
"""Writes added_tokens.json: random added tokens, random texts of their pieces, and the ids of `tokenizers`.

    pip install -r ../requirements.txt
    python added_tokens.py [SEED]

The vocabulary is the 256 bytes, each with its own number as its id. Texts for which `tokenizers` itself
breaks down ("AddedVocabulary bad split") are left out.
"""
import json
import os
import random
import sys

import tokenizers

from generate import LETTERS

PIECES = ["<s>", "</s>", "<", "s", ">", "a", "b", "ab", " ", "  ", "\n", "\t", "\u00e9", "e\u0301", "[P]", "x",
          "\u00a0", "1", "12", " ", "\t"]
NORMALIZERS = [None, None, {"type": "NFC"}, {"type": "NFD"}]


def added_tokens(rng):
    contents = set()
    while len(contents) < rng.randint(1, 6):
        content = "".join(rng.choices(PIECES, k=rng.randint(1, 3)))
        if content not in LETTERS.values():
            contents.add(content)
    flag = lambda share: rng.random() < share
    return [{"id": 256 + i, "content": content, "single_word": flag(0.25), "lstrip": flag(0.4), "rstrip": flag(0.4),
             "normalized": flag(0.4), "special": flag(0.5)} for i, content in enumerate(sorted(contents))]


def document(rng):
    return {"version": "1.0", "added_tokens": added_tokens(rng), "normalizer": rng.choice(NORMALIZERS),
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": rng.random() < 0.2, "use_regex": True,
                              "trim_offsets": True}, "model": {"type": "BPE", "vocab": {}, "merges": []}}


def main():
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    cases = []
    for _ in range(60):
        case = document(rng)
        vocab = {"type": "BPE", "vocab": {letter: byte for byte, letter in LETTERS.items()}, "merges": []}
        tokenizer = tokenizers.Tokenizer.from_str(json.dumps({**case, "model": vocab}))
        texts = []
        for _ in range(20):
            pieces = PIECES + [token["content"] for token in case["added_tokens"]] * 2
            text = "".join(rng.choices(pieces, k=rng.randint(1, 12)))
            try:
                texts.append({"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids})
            except BaseException as error:  # a panic of Rust is no Exception
                if "bad split" not in str(error):
                    raise
        cases.append({"tokenizer": case, "texts": texts})
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "added_tokens.json")
    with open(path, "w", encoding="utf-8") as out:
        lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
        out.write('{"made_by": {"tokenizers": "%s"}, "cases": [\n%s\n]}\n' % (tokenizers.__version__, lines))


if __name__ == "__main__":
    main()
