# SPDX-License-Identifier: Apache-2.0
"""Runs commands, each pinned to as many CPUs as it may use."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from race import paths


class Failed(Exception):
    """A command that did not do what it was asked, in one line."""


def available_cpus() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def run(
    command: Sequence[object],
    threads: int = 0,
    env: Mapping[str, str] | None = None,
    cwd: Path = paths.PEERS,
    timeout: float | None = None,
) -> str:
    """Standard output of `command`, which may use only `threads` CPUs (0: all).

    Raises Failed with the last words of its standard error.
    """
    words = [str(word) for word in command]
    cpus = set(available_cpus()[: threads or None])
    counts = ("OMP_NUM_THREADS", "MKL_NUM_THREADS") if threads else ()
    threading = {name: str(threads) for name in counts}
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **threading, **(env or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{Path(words[0]).name} took longer than {timeout:.0f} s") from error
    except OSError as error:
        raise Failed(f"{words[0]}: {error.strerror}") from error
    if done.returncode != 0:
        raise Failed(_why(words, done))
    return done.stdout


def run_logged(command: Sequence[object], log: str, cwd: Path = paths.PEERS) -> None:
    """Runs a long command of the setup; what it prints goes to a file of its own."""
    words = [str(word) for word in command]
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    file = paths.LOGS / f"{log}.log"
    with file.open("a") as out:
        done = subprocess.run(words, cwd=cwd, stdout=out, stderr=subprocess.STDOUT, check=False)
    if done.returncode != 0:
        raise Failed(f"{words[0]} failed ({done.returncode}): see {file}")


def say(text: str) -> None:
    """Progress goes to standard error; standard output is for the table."""
    print(text, file=sys.stderr, flush=True)


def _why(words: Sequence[str], done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    ending = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
    return f"{Path(words[0]).name}: {ending}" + (f": {lines[-1][:300]}" if lines else "")
