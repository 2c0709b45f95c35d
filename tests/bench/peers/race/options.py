# SPDX-License-Identifier: Apache-2.0
"""What is asked for on the command line."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from race.cells import CELLS, WEIGHT_CLASSES
from race.models import SHAPES
from race.process import available_cpus

PEERS = ("llama.cpp", "CTranslate2", "ONNX Runtime", "OpenVINO", "PyTorch")


@dataclass(frozen=True)
class Options:
    models: tuple[str, ...]
    weights: tuple[str, ...]
    threads: tuple[int, ...]
    cells: tuple[str, ...]
    peers: tuple[str, ...]
    minutes: float
    rounds: int
    samples: int
    prototype: Path | None
    prepare: bool
    retune: bool
    fresh: bool
    without_amx: bool
    output: Path

    @property
    def variant(self) -> str:
        """For the names of files."""
        return "-without-amx" if self.without_amx else ""


def parse(description: str) -> Options:
    parser = argparse.ArgumentParser(description=description)
    everything = len(available_cpus())

    def words(known: tuple[str, ...]):
        def split(text: str) -> tuple[str, ...]:
            chosen = tuple(word for word in text.split(",") if word)
            for word in chosen:
                if word not in known:
                    raise argparse.ArgumentTypeError(f"{word}: must be of {', '.join(known)}")
            return chosen

        return split

    def counts(text: str) -> tuple[int, ...]:
        return tuple(everything if word == "all" else int(word) for word in text.split(","))

    def choice(flag: str, known: tuple[str, ...], default: str) -> None:
        shown = default or ",".join(known)
        parser.add_argument(
            f"--{flag}", type=words(known), default=shown, help=f"some of {','.join(known)}"
        )

    choice("models", tuple(SHAPES), "gpt2,gpt2-medium")
    choice("weights", tuple(WEIGHT_CLASSES), "f32,f16,bf16,int8")
    choice("cells", tuple(CELLS), "")
    choice("peers", PEERS, "")
    add = parser.add_argument
    add("--threads", type=counts, default=None, help="counts, and 'all'; default: 1,all")
    add("--minutes", type=float, default=28, help="no round begins later; default: 28")
    add("--rounds", type=int, default=5, help="most processes of a contender and cell; default: 5")
    add("--samples", type=int, default=1, help="of each process; default: 1")
    add("--quick", action="store_true", help="gpt2, all threads, one round of one sample")
    add("--prototype", type=Path, metavar="SOURCE.cc", help="race a kernel prototype too")
    add("--prepare", action="store_true", help="install, convert, choose settings; do not race")
    add("--retune", action="store_true", help="choose the peers' settings anew")
    add("--fresh", action="store_true", help="do not go on with a run that was broken off")
    add("--without-amx", action="store_true", help="as on a CPU that has no AMX")
    add("--output", type=Path, default=Path("tests/bench"), help="folder of peers.json and .png")
    given = parser.parse_args()
    threads = given.threads or tuple(sorted({1, everything}))
    options = Options(
        models=given.models,
        weights=given.weights,
        threads=threads,
        cells=given.cells,
        peers=given.peers,
        minutes=given.minutes,
        rounds=given.rounds,
        samples=given.samples,
        prototype=given.prototype,
        prepare=given.prepare,
        retune=given.retune,
        fresh=given.fresh,
        without_amx=given.without_amx,
        output=given.output.resolve(),
    )
    if not given.quick:
        return options
    quick = {"models": ("gpt2",), "threads": (max(threads),), "rounds": 1, "samples": 1}
    return Options(**(vars(options) | quick))
