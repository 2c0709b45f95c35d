# SPDX-License-Identifier: Apache-2.0
"""Generates Python code from the contract: `python generate_stubs.py FOLDER`, with grpcio-tools.

FOLDER then has cascade/v1/text_generation_pb2.py, its .pyi and text_generation_pb2_grpc.py. The
package's build runs this; so do the tests, which use the package without installing it.
"""

import importlib.resources
import pathlib
import sys

CONTRACT = "cascade/v1/text_generation.proto"


def proto_folder() -> pathlib.Path:
    """The folder of the contract: beside this file in a source distribution, else the repository's."""
    here = pathlib.Path(__file__).resolve().parent
    for folder in (here / "proto", here.parents[1] / "proto"):
        if (folder / CONTRACT).is_file():
            return folder
    raise FileNotFoundError(f"{CONTRACT} is neither in this package nor in the repository around it")


def generate(out: pathlib.Path) -> None:
    """Writes the modules below `out`, which is created."""
    from grpc_tools import protoc

    out.mkdir(parents=True, exist_ok=True)
    status = protoc.main([
        "protoc", f"-I{proto_folder()}", f"-I{importlib.resources.files('grpc_tools') / '_proto'}",
        f"--python_out={out}", f"--pyi_out={out}", f"--grpc_python_out={out}", CONTRACT])
    if status != 0:
        raise RuntimeError(f"protoc ended with {status}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    generate(pathlib.Path(sys.argv[1]))
