# SPDX-License-Identifier: Apache-2.0
"""Where things lie."""

from pathlib import Path

PEERS = Path(__file__).resolve().parents[1]
ROOT = PEERS.parents[2]
BUILD = ROOT / "build" / "peers"
MODELS = BUILD / "models"
LOGITS = BUILD / "logits"
LOGS = BUILD / "logs"
MODEL_BENCH = ROOT / "build" / "bench" / "bench" / "model_bench"
