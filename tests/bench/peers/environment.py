# SPDX-License-Identifier: Apache-2.0
"""A Python environment of a benchmark's own, made the first time."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def go_on_inside(environment: Path, requirements: Path, size: str) -> None:
    """Returns inside the environment: starts this program again in it, if it is not there yet.

    The environment holds what the requirements say, or is made to; `size` is for the message.
    """
    if Path(sys.prefix).resolve() == environment.resolve():
        return
    python = environment / "bin" / "python"
    _ensure(environment, python, requirements, size)
    os.execv(python, [str(python), *sys.argv])


def _ensure(environment: Path, python: Path, requirements: Path, size: str) -> None:
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = environment / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"installing what is needed (about {size}, the first time)", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip: list[str | Path] = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, "--quiet", "--requirement", requirements], check=True)
    stamp.write_text(digest)
