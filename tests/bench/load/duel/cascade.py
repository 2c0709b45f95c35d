# SPDX-License-Identifier: Apache-2.0
"""cascade-server, asked by `cascade bench`, both of this checkout's build."""

import functools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from race.cascade import types_beside
from race.process import Failed, run

from duel import places
from duel.cells import Load, LongPrompts, Outcome, Times
from duel.contender import warm_up
from duel.cpus import client_cpus, server_cpus
from duel.process import ClientRun, ServerProcess, free_port, run_client
from duel.served_model import ServedModel

MAX_RUNNING = 128  # beyond that, batches grow slower than steps
WEIGHTS = ("f32", "f16", "bf16", "int8", "int4")
# Greedy answers of random weights repeat themselves: drafting ahead would look better than it is.
FAIR = ("--temperature=0", "--ignore_eos", "--bypass_cache", "--speculation=false")


@functools.cache
def commit() -> str:
    return run(["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=places.ROOT).strip()


@dataclass(frozen=True)
class RunningServer:
    address: str
    process: ServerProcess

    def bench(
        self, *flags: str, meanwhile: Callable[[], None] = lambda: None, fails: bool = False
    ) -> tuple[list[dict[str, Any]], ClientRun]:
        """The JSON objects of one `cascade bench`, one for each run."""
        client = run_client(
            [places.BIN / "cascade", "bench", f"--server={self.address}", "--json", *flags],
            meanwhile,
            fails,
        )
        return [json.loads(line) for line in client.output.splitlines()], client


class CascadeServer:
    name = "cascade-server"

    def __init__(self, served: ServedModel, weights: str) -> None:
        self._served = served
        self._weights = weights
        for program in ("cascade-server", "cascade"):
            if not (places.BIN / program).exists():
                raise Failed(f"{places.BIN / program} is missing: make bench-load builds it")

    def version(self) -> str:
        return commit()

    def setting(self, load: Load) -> str:
        return " ".join([*self._common(), *_flags(load)])

    @contextmanager
    def running(self, *flags: str) -> Iterator[RunningServer]:
        address = f"127.0.0.1:{free_port()}"
        command = [places.BIN / "cascade-server", f"--model={self._served.huggingface}"]
        command += [f"--listen={address}", "--log_level=warning", *self._common(), *flags]

        def ready() -> bool:
            try:
                run([places.BIN / "cascade", "health", f"--server={address}", "--timeout=1s"])
            except Failed:
                return False
            return True

        with ServerProcess(command, ready) as process:
            yield RunningServer(address, process)

    def measure(self, load: Load) -> Outcome:
        with self.running(*_flags(load)) as server:
            server.bench(*FAIR, *_bench_flags(warm_up(load)))
            long_prompts = _LongPrompts(server, load.long_prompts)
            runs, client = server.bench(*FAIR, *_bench_flags(load), meanwhile=long_prompts.send)
        return _outcome(runs[0], client, long_prompts.first_token)

    def _common(self) -> Sequence[str]:
        types = types_beside(self._weights)
        return (
            f"--threads={len(server_cpus())}",
            f"--weights={self._weights}",
            f"--kv_cache_type={types['kv']}",
            f"--activations={types['activations']}",
        )


class _LongPrompts:
    """Sends the long prompts of a load, if it has any, when they are due."""

    def __init__(self, server: RunningServer, plan: LongPrompts | None) -> None:
        self._server = server
        self._plan = plan
        self._next = time.monotonic() + (plan.every_seconds if plan else 0)
        self.first_token: list[float] = []

    def send(self) -> None:
        if not self._plan or time.monotonic() < self._next:
            return
        self._next += self._plan.every_seconds
        runs, _ = self._server.bench(
            *FAIR,
            *("--concurrency=1", "--requests=1", "--connections=1"),
            f"--prompt_tokens={self._plan.prompt_tokens}",
            f"--output_tokens={self._plan.output_tokens}",
            f"--seed={1 + len(self.first_token)}",
        )
        self.first_token.append(runs[0]["latency"]["first_token"]["p50"])


def times(found: dict[str, Any]) -> Times:
    return Times(found["p50"], found["p99"], found["count"])


def _flags(load: Load) -> Sequence[str]:
    running = min(load.streams, MAX_RUNNING) + (1 if load.long_prompts else 0)
    return (
        f"--max_running={running}",
        f"--max_queued={max(256, load.streams)}",
        "--kv_cache_bytes=2GiB",
    )


def _bench_flags(load: Load) -> Sequence[str]:
    return (
        f"--concurrency={load.streams}",
        f"--requests={load.requests}",
        f"--prompt_tokens={load.prompt_tokens}",
        f"--output_tokens={load.output_tokens}",
    )


def _outcome(found: dict[str, Any], client: ClientRun, long_first_token: list[float]) -> Outcome:
    by_code = found["requests"]["by_code"]
    answered = by_code.get("OK", 0)
    latency = found["latency"]
    return Outcome(
        seconds=found["elapsed"],
        tokens=found["tokens"]["in_answers"],
        answered=answered,
        failed=sum(by_code.values()) - answered,
        first_token=times(latency["first_token"]),
        between_tokens=times(latency["between_messages"]),
        client_cpu=client.cpu_seconds / found["elapsed"] / len(client_cpus()),
        long_first_token=long_first_token,
    )
