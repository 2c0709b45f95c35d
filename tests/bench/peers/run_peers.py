#!/usr/bin/env python3
"""Races Cascade against other engines on this machine: see README.md.

Makes its own virtual environment under build/peers the first time, and goes on inside it.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ENVIRONMENT = FOLDER.parents[2] / "build" / "peers" / "venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def ensure_environment() -> None:
    """The environment holds what requirements.txt says, or is made to."""
    requirements = FOLDER / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print("installing the peers (about 6 GB, the first time)", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check"]
    subprocess.run([*pip, "--quiet", "--requirement", requirements], check=True)
    stamp.write_text(digest)


def main() -> None:
    if Path(sys.prefix).resolve() != ENVIRONMENT.resolve():
        ensure_environment()
        os.execv(PYTHON, [str(PYTHON), __file__, *sys.argv[1:]])
    from race.main import main as run
    from race.process import Failed

    try:
        run(__doc__ or "")
    except Failed as error:
        sys.exit(f"run_peers: {error}")


if __name__ == "__main__":
    main()
