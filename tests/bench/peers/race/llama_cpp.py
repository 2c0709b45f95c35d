# SPDX-License-Identifier: Apache-2.0
"""llama.cpp: its own llama-bench and llama-batched-bench, built for this CPU."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from race import llama_build, paths, worker_process
from race.cells import Cell
from race.contender import Samples, Setting
from race.models import Model
from race.process import run

# llama.cpp's types for each of Cascade's.
FORMATS = {
    "f32": ("f32",),
    "f16": ("f16", "bf16"),
    "bf16": ("f16", "bf16"),
    "int8": ("q8_0",),
    "int4": ("q4_0",),
}
# These may be repacked at loading, for AMX too: which is not always faster.
REPACKABLE = ("f16", "q8_0", "q4_0")
INTEGERS = ("q8_0", "q4_0")


class LlamaCpp:
    name = "llama.cpp"
    turn_every = 1

    def version(self) -> str:
        return llama_build.llama_version()

    def install(self) -> None:
        llama_build.build_llama()

    def settings(self, weights: str) -> Sequence[Setting]:
        return [setting for format_ in FORMATS[weights] for setting in _settings(format_)]

    def why_not(self, weights: str) -> str:
        return f"it has no {weights}"

    def prepare(self, model: Model, setting: Setting) -> None:
        file = _file(model, setting)
        if not file.exists():
            from race.gguf_files import write_gguf

            file.parent.mkdir(parents=True, exist_ok=True)
            write_gguf(model, file, setting.format)

    def measure(
        self, model: Model, setting: Setting, threads: int, cells: Sequence[Cell], samples: int
    ) -> Samples:
        return {
            cell.name: (_streams if cell.streams > 1 else _single)(
                model, setting, threads, cell, samples
            )
            for cell in cells
        }

    def logits(self, model: Model, setting: Setting, prompt: Path) -> np.ndarray:
        """Through the Python binding of the very library that the tools use."""
        env = {
            "PYTHONPATH": str(llama_build.SOURCE),
            "LLAMA_CPP_LIB_PATH": str(llama_build.BINARIES),
        }
        file = paths.LOGITS / f"{self.name}.{model.name}.{setting.name.replace(' ', '_')}.f32"
        options = [f"--file={_file(model, setting)}", f"--prompt={prompt}", f"--logits={file}"]
        flags = [f"--{key}={value}" for key, value in setting.options.items()]
        run([*worker_process.python("race.llama_logits"), *options, *flags], env=env)
        return np.fromfile(file, "<f4")


def _settings(format_: str) -> Iterator[Setting]:
    caches = [("on", "f16"), ("off", "f16"), ("off", "bf16")]
    if format_ in INTEGERS:
        caches.append(("on", "q8_0"))  # its values can be integers with flash attention only
    for flash, keys in caches:
        for repack in (1, 0) if format_ in REPACKABLE and keys != "bf16" else (1,):
            plain = "" if repack else " no-repack"
            yield Setting(
                f"{format_} fa={flash} kv={keys}{plain}",
                format_,
                {"flash": flash, "keys": keys, "repack": repack},
            )


def _file(model: Model, setting: Setting) -> Path:
    return model.converted("llama.cpp") / f"{setting.format}.gguf"


def _single(model: Model, setting: Setting, threads: int, cell: Cell, samples: int) -> list[float]:
    generated = 0 if cell.tokens > 1 else cell.steps
    prompt = cell.tokens if cell.tokens > 1 else 0
    options = setting.options
    out = run(
        [
            llama_build.BINARIES / "llama-bench",
            *("-m", _file(model, setting), "-t", threads, "-r", samples, "-o", "jsonl"),
            *("-p", prompt, "-n", generated, "-d", cell.depth),
            *("-fa", options["flash"], "-ctk", options["keys"], "-ctv", options["keys"]),
            *("--repack", options["repack"]),
        ],
        threads=threads,
    )
    return [rate for line in out.splitlines() for rate in json.loads(line)["samples_ts"]]


def _streams(model: Model, setting: Setting, threads: int, cell: Cell, samples: int) -> list[float]:
    """The prompt is shared (-pps): one prefill fills the depth of all streams. The first of the
    repeated runs is the warm-up."""
    options = setting.options
    repeated = ",".join([str(cell.streams)] * (samples + 1))
    out = run(
        [
            llama_build.BINARIES / "llama-batched-bench",
            *("-m", _file(model, setting), "-t", threads, "-tb", threads),
            *("-npp", cell.depth, "-ntg", cell.steps, "-npl", repeated, "-pps", "-kvu"),
            *("-c", cell.streams * (cell.depth + cell.steps + 1)),
            *("-fa", options["flash"], "-ctk", options["keys"], "-ctv", options["keys"]),
            *(() if options["repack"] else ("--no-repack",)),
            *("--output-format", "jsonl"),
        ],
        threads=threads,
    )
    lines = [line for line in out.splitlines() if line.startswith("{")]
    return [json.loads(line)["speed_tg"] for line in lines[1:]]
