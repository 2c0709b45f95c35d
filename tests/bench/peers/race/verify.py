# SPDX-License-Identifier: Apache-2.0
"""Whether a peer computes what Cascade computes: the logits after a random prompt."""

from pathlib import Path

import numpy as np

from race import paths
from race.contender import Contender, Setting
from race.models import VOCABULARY, Model
from race.process import Failed, say
from race.records import Record, Records

PROMPT_TOKENS = 48

# The most that logits may differ: the norm of the difference over that of Cascade's own logits,
# less their mean. A format that both sides round to differs by how activations, keys and values are
# rounded (llama.cpp keeps keys and values in 16 bits at f32 too); int8 is quantized by each side in
# its own groups, and activations too by most peers. README.md says what a wrong model comes to.
TOLERANCES = {"f32": 0.005, "f16": 0.03, "bf16": 0.03, "int8": 0.08, "int4": 0.4}


class Verification:
    def __init__(self, cascade: Contender, records: Records) -> None:
        self._cascade = cascade
        self._records = records
        self._logits: dict[tuple[str, str, str], np.ndarray] = {}

    def check(self, peer: Contender, model: Model, weights: str, setting: Setting) -> Record:
        """A record with "error", the relative difference, or "why", in words; and "verified"."""

        def compare() -> Record:
            say(f"verifying: {model.name}, {weights}: {peer.name}, {setting.name}")
            try:
                own = self._of(self._cascade, model, self._cascade.settings(weights)[0])
                error = relative_error(own, self._of(peer, model, setting))
            except Failed as failed:
                return {"verified": False, "why": str(failed)}
            verified = error <= TOLERANCES[weights]
            why = "" if verified else f"logits differ by {error:.2g}, over {TOLERANCES[weights]}"
            return {"verified": verified, "error": error, "why": why}

        return self._records.once(
            compare,
            kind="logits",
            model=model.name,
            weights=weights,
            peer=peer.name,
            version=peer.version(),
            setting=setting.name,
        )

    def _of(self, contender: Contender, model: Model, setting: Setting) -> np.ndarray:
        """Computed once: a peer's 16 bits are compared with both of Cascade's."""
        key = (contender.name, model.name, setting.name)
        if key not in self._logits:
            self._logits[key] = contender.logits(model, setting, prompt_file())
        return self._logits[key]


def relative_error(own: np.ndarray, other: np.ndarray) -> float:
    """Infinite if there is anything but numbers, or another count of them."""
    if own.shape != other.shape or not np.isfinite(other).all():
        return float("inf")
    spread = own.astype(np.float64) - own.mean(dtype=np.float64)
    return float(np.linalg.norm(other.astype(np.float64) - own) / np.linalg.norm(spread))


def prompt_file() -> Path:
    file = paths.LOGITS / "prompt.txt"
    if not file.exists():
        paths.LOGITS.mkdir(parents=True, exist_ok=True)
        tokens = np.random.default_rng(3).integers(0, VOCABULARY - 1, PROMPT_TOKENS)
        file.write_text(" ".join(map(str, tokens)), encoding="utf-8")
    return file
