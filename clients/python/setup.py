# SPDX-License-Identifier: Apache-2.0
"""Generates the code of the contract while the package is built; pyproject.toml says all else."""

import pathlib
import shutil
import sys

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generate_stubs import CONTRACT, generate, proto_folder  # noqa: E402


class BuildWithStubs(build_py):
    """Puts the generated modules beside the package; of an editable install, into src/."""

    def run(self) -> None:
        super().run()
        generate(HERE / "src" if self.editable_mode else pathlib.Path(self.build_lib))


class SourcesWithContract(sdist):
    """Takes the contract along, which lies outside this folder."""

    def make_release_tree(self, base_dir: str, files: list) -> None:
        super().make_release_tree(base_dir, files)
        copy = pathlib.Path(base_dir) / "proto" / CONTRACT
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(proto_folder() / CONTRACT, copy)
        shutil.copy(HERE / "generate_stubs.py", base_dir)


setup(cmdclass={"build_py": BuildWithStubs, "sdist": SourcesWithContract})
