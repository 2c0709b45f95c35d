# SPDX-License-Identifier: Apache-2.0
"""Builds llama.cpp for this CPU, from the source that its Python package carries."""

import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from race import paths
from race.process import available_cpus, run, run_logged, say

PACKAGE = "llama_cpp_python"
VERSION = "0.3.36"
FOLDER = paths.BUILD / "llama"
SOURCE = FOLDER / f"{PACKAGE}-{VERSION}"
BINARIES = FOLDER / f"build-{VERSION}" / "bin"
TOOLS = ("llama-bench", "llama-batched-bench")
SERVER = "llama-server"

# GGML_NATIVE: every instruction set of this CPU, AMX and AVX-512 included. Its other kernels, of
# llamafile and for repacked weights, and OpenMP are on by default.
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DBUILD_SHARED_LIBS=ON",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    f"-DCMAKE_CXX_FLAGS=-include {paths.PEERS / 'amx_loadconfig.h'}",
)


def build_llama(programs: Sequence[str] = TOOLS) -> None:
    """Leaves the programs and the shared library in BINARIES."""
    if all((BINARIES / program).exists() for program in programs):
        return
    if not SOURCE.exists():
        _unpack(_download())
    say("llama.cpp: building (some minutes, the first time)")
    build = BINARIES.parent
    source = SOURCE / "vendor" / "llama.cpp"
    run_logged(["cmake", "-S", source, "-B", build, "-G", "Ninja", *OPTIONS], "llama-build")
    jobs = str(len(available_cpus()))
    run_logged(
        ["cmake", "--build", build, "--parallel", jobs, "--target", *programs], "llama-build"
    )


def llama_version() -> str:
    return f"{VERSION} (llama.cpp's source in llama-cpp-python)"


def _download() -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    archive = FOLDER / f"{PACKAGE}-{VERSION}.tar.gz"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    run([*pip, "--no-binary", PACKAGE, "--dest", FOLDER, f"{PACKAGE}=={VERSION}"])
    return archive


def _unpack(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(FOLDER, filter="data")
