# SPDX-License-Identifier: Apache-2.0
"""llama.cpp's llama-server, asked by llama_client, an asyncio program of this folder."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from race import llama_build

from duel.cells import Load, Outcome, Times
from duel.contender import warm_up
from duel.cpus import client_cpus, server_cpus
from duel.process import ServerProcess, free_port, run_client
from duel.served_model import ServedModel

MAX_SLOTS = 128  # as many as Cascade runs; llama.cpp itself has no more than 256
CELLS_OF_A_SLOT = 256  # a slot's context is padded to a multiple of this


@dataclass(frozen=True)
class LlamaSetting:
    format: str
    flash: bool = True
    unified: bool = False  # one buffer of keys and values for all slots
    repack: bool = True
    keys: str = "f16"  # type of keys and values
    batch: int | None = None  # tokens of a step; its own default is 2048

    def flags(self) -> list[str]:
        flags = ["-fa", "on" if self.flash else "off"]
        flags += ["--kv-unified" if self.unified else "--no-kv-unified"]
        flags += [] if self.repack else ["--no-repack"]
        flags += [] if self.keys == "f16" else ["-ctk", self.keys, "-ctv", self.keys]
        return flags + (["-b", str(self.batch), "-ub", str(self.batch)] if self.batch else [])

    def __str__(self) -> str:
        return " ".join([self.format, *self.flags()])


def _of_integers(format_: str) -> list[LlamaSetting]:
    """Keys and values can be integers with flash attention only."""
    return [
        LlamaSetting(format_, flash, unified, repack, keys)
        for repack in (True, False)
        for flash, unified, keys in (
            (True, False, "f16"),
            (True, True, "f16"),
            (True, False, "q8_0"),
            (False, False, "f16"),
        )
    ]


# Settings to choose from, by Cascade's weights. Not f16 repacked, for AMX: in the race of engines
# that was slower, prompts included.
SETTINGS = {
    "bf16": [
        LlamaSetting(format_, flash, unified, repack)
        for format_, repack in (("bf16", True), ("f16", False))
        for flash, unified in ((True, False), (True, True), (False, False))
    ],
    "f32": [
        LlamaSetting("f32", flash, unified)
        for flash, unified in ((True, False), (True, True), (False, False))
    ],
    "int8": _of_integers("q8_0"),
    "int4": _of_integers("q4_0"),
}


class LlamaServer:
    def __init__(self, served: ServedModel, setting: LlamaSetting, name: str = "llama-server"):
        self._served = served
        self.chosen = setting
        self.name = name

    def version(self) -> str:
        return llama_build.llama_version()

    def setting(self, load: Load) -> str:
        return " ".join([str(self.chosen), *_flags(load)])

    def measure(self, load: Load) -> Outcome:
        with self._running(load) as url:
            _ask(url, warm_up(load))
            return _ask(url, load)

    @contextmanager
    def _running(self, load: Load) -> Iterator[str]:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        threads = str(len(server_cpus()))
        command = [llama_build.BINARIES / llama_build.SERVER]
        command += ["-m", self._served.gguf(self.chosen.format)]
        command += ["--host", "127.0.0.1", "--port", str(port), "-t", threads, "-tb", threads]
        command += ["--no-webui", "--cache-ram", "0", "-lv", "1"]
        command += [*self.chosen.flags(), *_flags(load)]

        def ready() -> bool:
            try:
                with urllib.request.urlopen(f"{url}/health", timeout=1) as answer:
                    return answer.status == 200
            except (urllib.error.URLError, OSError):
                return False

        with ServerProcess(command, ready):
            yield url


def _flags(load: Load) -> Sequence[str]:
    longest = load.prompt_tokens + load.output_tokens
    if load.long_prompts:
        longest = max(longest, load.long_prompts.prompt_tokens + load.long_prompts.output_tokens)
    slots = min(load.streams, MAX_SLOTS) + (1 if load.long_prompts else 0)
    of_a_slot = -(-(longest + 1) // CELLS_OF_A_SLOT) * CELLS_OF_A_SLOT
    return ("-np", str(slots), "-c", str(slots * of_a_slot))


def _ask(url: str, load: Load) -> Outcome:
    job = json.dumps({"url": url, "load": load.json()})
    client = run_client([sys.executable, "-m", "duel.llama_client", job])
    found = json.loads(client.output)
    return Outcome(
        seconds=found["seconds"],
        tokens=found["tokens"],
        answered=found["answered"],
        failed=found["failed"],
        first_token=Times(**found["first_token"]),
        between_tokens=Times(**found["between_tokens"]),
        client_cpu=client.cpu_seconds / found["seconds"] / len(client_cpus()),
        long_first_token=found["long_first_token"],
    )
