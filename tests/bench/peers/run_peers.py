#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Races Cascade against other engines on this machine: see README.md.

Makes its own virtual environment under build/peers the first time, and goes on inside it.
"""

import sys
from pathlib import Path

from environment import go_on_inside

FOLDER = Path(__file__).resolve().parent


def main() -> None:
    go_on_inside(
        FOLDER.parents[2] / "build" / "peers" / "venv", FOLDER / "requirements.txt", "6 GB"
    )
    from race.main import main as run
    from race.process import Failed

    try:
        run(__doc__ or "")
    except Failed as error:
        sys.exit(f"run_peers: {error}")


if __name__ == "__main__":
    main()
