# SPDX-License-Identifier: Apache-2.0
"""Servers and clients as processes, each on its own CPUs."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from race.process import Failed

from duel import places
from duel.cpus import client_cpus, server_cpus

START_SECONDS = 120


def free_port() -> int:
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return int(any_socket.getsockname()[1])


class ServerProcess:
    """Runs until the `with` block is left; in it, the server is ready."""

    def __init__(self, command: Sequence[object], ready: Callable[[], bool]) -> None:
        self._words = [str(word) for word in command]
        self._ready = ready
        places.LOGS.mkdir(parents=True, exist_ok=True)
        self._log = places.LOGS / f"{Path(self._words[0]).name}.log"

    def __enter__(self) -> "ServerProcess":
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                self._words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=lambda: os.sched_setaffinity(0, server_cpus()),
            )
        end = time.monotonic() + START_SECONDS
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > end:
                self.__exit__(None, None, None)
                raise Failed(f"{self._words[0]} does not serve: see {self._log}")
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


@dataclass(frozen=True)
class ClientRun:
    output: str
    cpu_seconds: float


def run_client(
    command: Sequence[object], meanwhile: Callable[[], None] = lambda: None, fails: bool = False
) -> ClientRun:
    """Runs a client to its end and calls `meanwhile` over and over, which should take its time.

    Raises Failed if it exits with anything but 0, unless it may (`fails`).
    """
    words = [str(word) for word in command]
    errors = places.LOGS / f"client-{Path(words[0]).name}.log"
    before = os.times()
    with errors.open("w") as log:
        client = subprocess.Popen(
            words,
            cwd=places.LOAD,
            env={**os.environ, "PYTHONPATH": f"{places.LOAD}:{places.LOAD.parent / 'peers'}"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, client_cpus()),
        )
        while client.poll() is None:
            meanwhile()
            time.sleep(0.02)
    output = client.stdout.read() if client.stdout else ""
    after = os.times()
    if client.returncode != 0 and not fails:
        last = errors.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise Failed(f"{Path(words[0]).name}: exit {client.returncode}: {' '.join(last)}")
    children = after.children_user + after.children_system
    return ClientRun(output, children - before.children_user - before.children_system)
