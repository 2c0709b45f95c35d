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
    flags = cpu_flags()
    return {
        "cpu": info.get("model name", platform.machine()),
        "cpu_model": info.get("model", ""),
        "cpus": str(len(available_cpus())),
        "flags": " ".join(flag for flag in FLAGS if flag in flags),
        "system": platform.platform(),
    }


def cpu_flags() -> list[str]:
    info = _cpu_info()
    return info.get("flags", info.get("Features", "")).split()


def words(info: dict[str, str], without_amx: bool = False) -> str:
    """The CPU in a picture's title: "Intel Xeon (model 167: AVX-512, AMX), 4 CPUs"."""
    name = info["cpu"].replace("(R)", "").replace("(TM)", "").replace(" Processor", "")
    flags = info["flags"].split()
    units = {"amx_int8": "AMX", "avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
    found = [unit for flag, unit in units.items() if flag in flags]
    if "AMX" in found:
        found = ["AVX-512", "AMX refused" if without_amx else "AMX"]
    else:
        found = found[:1]
    model = f"model {info['cpu_model']}: " if info["cpu_model"] else ""
    return f"{name} ({model}{', '.join(found)}), {info['cpus']} CPUs"


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
