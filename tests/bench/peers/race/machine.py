# SPDX-License-Identifier: Apache-2.0
"""The machine, in words and as a fingerprint."""

import hashlib
import platform
from datetime import datetime, timezone
from pathlib import Path

from race import llama_build, paths
from race.process import available_cpus

FLAGS = ("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "amx_int8", "amx_bf16", "asimd")


def describe() -> dict[str, str]:
    info = _cpu_info()
    flags = info.get("flags", info.get("Features", "")).split()
    return {
        "cpu": info.get("model name", platform.machine()),
        "cpu_model": info.get("model", ""),
        "cpus": str(len(available_cpus())),
        "flags": " ".join(flag for flag in FLAGS if flag in flags),
        "system": platform.platform(),
    }


def state() -> dict[str, str]:
    """What may change from run to run."""
    load = Path("/proc/loadavg").read_text(encoding="utf-8").split()[:3]
    date = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return {"date": date, "load": " ".join(load)}


def peers_fingerprint() -> str:
    """Of what the peers' best settings depend on."""
    requirements = (paths.PEERS / "requirements.txt").read_bytes()
    return _digest(repr(describe()).encode(), requirements, llama_build.VERSION.encode())


def run_fingerprint() -> str:
    """Of what figures depend on: Cascade's program too."""
    program = paths.MODEL_BENCH.read_bytes() if paths.MODEL_BENCH.exists() else b""
    return _digest(peers_fingerprint().encode(), program)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _cpu_info() -> dict[str, str]:
    first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
