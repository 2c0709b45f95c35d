# SPDX-License-Identifier: Apache-2.0
"""A vocabulary of GPT-2's size and kind, for servers that turn each token into text.

256 bytes, then pairs and triples of 40 characters, and the end of text: what a random model says is
nearly all ASCII, so that neither server holds back half a character.
"""

import json
import string
from itertools import product
from pathlib import Path

import gguf
from race.models import VOCABULARY

CHARACTERS = (string.ascii_letters + string.digits)[:40]
END_OF_TEXT = "<|endoftext|>"


def _byte_alphabet() -> list[str]:
    """The characters that GPT-2's vocabulary writes the bytes with, by byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable}
    letters |= {byte: chr(256 + index) for index, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def _merges() -> list[tuple[str, str]]:
    pairs = list(product(CHARACTERS, CHARACTERS))
    triples = ((first + second, third) for (first, second) in pairs for third in CHARACTERS)
    room = VOCABULARY - 256 - 1
    return [*pairs, *triples][:room]


def _tokens() -> list[str]:
    return [*_byte_alphabet(), *(left + right for left, right in _merges()), END_OF_TEXT]


def write_files(folder: Path) -> None:
    """As Hugging Face has them: vocab.json and merges.txt."""
    ids = {token: index for index, token in enumerate(_tokens())}
    (folder / "vocab.json").write_text(json.dumps(ids), encoding="utf-8")
    merges = "\n".join(" ".join(merge) for merge in _merges())
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}\n", encoding="utf-8")


def add_to_gguf(writer: gguf.GGUFWriter) -> None:
    tokens = _tokens()
    kinds = [gguf.TokenType.NORMAL] * (len(tokens) - 1) + [gguf.TokenType.CONTROL]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in _merges()])
    writer.add_bos_token_id(len(tokens) - 1)
    writer.add_eos_token_id(len(tokens) - 1)
