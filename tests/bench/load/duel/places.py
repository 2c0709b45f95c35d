# SPDX-License-Identifier: Apache-2.0
"""Where things lie, beside what race.paths says."""

from pathlib import Path

LOAD = Path(__file__).resolve().parents[1]
ROOT = LOAD.parents[2]
BUILD = ROOT / "build" / "load"
MODELS = BUILD / "models"
LOGS = BUILD / "logs"
BIN = ROOT / "build" / "bin"
