#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads cascade-server and llama.cpp's llama-server on this machine, by turns: see README.md.

Makes its own virtual environment under build/load the first time, and goes on inside it.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "peers"))

from environment import go_on_inside  # noqa: E402  # of peers


def main() -> None:
    go_on_inside(
        FOLDER.parents[2] / "build" / "load" / "venv", FOLDER / "requirements.txt", "200 MB"
    )
    from race.process import Failed

    from duel.main import main as run

    try:
        run(__doc__ or "")
    except Failed as error:
        sys.exit(f"run_load: {error}")


if __name__ == "__main__":
    main()
