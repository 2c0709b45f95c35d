# SPDX-License-Identifier: Apache-2.0
"""What is asked for on the command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from race.models import SHAPES

from duel import places
from duel.cascade import WEIGHTS
from duel.cells import LONG_PROMPTS, QUICK_LONG_PROMPTS, QUICK_STREAMS, STREAMS, Load

PARTS = ("streams", "long", "prefix", "overload")


@dataclass(frozen=True)
class Options:
    model: str
    weights: str
    parts: tuple[str, ...]
    loads: tuple[Load, ...]
    long_prompts: Load
    rounds: int
    overload_seconds: int
    prepare: bool
    output: Path


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("--model", choices=SHAPES, default="gpt2", help="its shape; weights are random")
    add("--weights", choices=WEIGHTS, default="bf16", help="Cascade's; llama.cpp's of the class")
    add("--parts", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)}")
    add("--streams", type=_counts, default=None, help="counts, of 1,8,32,128,512")
    add("--rounds", type=int, default=2, help="of every load of both servers; default: 2")
    add("--overload_seconds", type=int, default=60, help="default: 60")
    add("--quick", action="store_true", help="1, 8 and 32 streams, one round: some three minutes")
    add("--prepare", action="store_true", help="install, build and convert; do not measure")
    add("--output", type=Path, default=places.ROOT / "tests" / "bench", help="folder of the files")
    given = parser.parse_args()
    requests = QUICK_STREAMS if given.quick else STREAMS
    streams = given.streams or tuple(requests)
    return Options(
        model=given.model,
        weights=given.weights,
        parts=given.parts,
        loads=tuple(Load(count, requests.get(count, STREAMS[count])) for count in streams),
        long_prompts=QUICK_LONG_PROMPTS if given.quick else LONG_PROMPTS,
        rounds=1 if given.quick else given.rounds,
        overload_seconds=min(given.overload_seconds, 10 if given.quick else 86400),
        prepare=given.prepare,
        output=given.output.resolve(),
    )


def _parts(text: str) -> tuple[str, ...]:
    return tuple(_known(word, PARTS) for word in text.split(","))


def _counts(text: str) -> tuple[int, ...]:
    known = tuple(str(count) for count in STREAMS)
    return tuple(int(_known(word, known)) for word in text.split(","))


def _known(word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise argparse.ArgumentTypeError(f"{word}: must be of {', '.join(known)}")
    return word
