# SPDX-License-Identifier: Apache-2.0
"""The race's random weights with a vocabulary, in each server's own format."""

from dataclasses import dataclass
from pathlib import Path

from race.gguf_files import write_gguf
from race.models import Model, make_model
from race.process import say

from duel import places, vocabulary


@dataclass(frozen=True)
class ServedModel:
    model: Model

    @property
    def huggingface(self) -> Path:
        return places.MODELS / self.model.name / "huggingface"

    @property
    def parameters(self) -> int:
        return (self.model.folder / "model.safetensors").stat().st_size // 4  # float32

    def gguf(self, format_: str) -> Path:
        """Written if it is not there yet."""
        file = places.MODELS / self.model.name / f"{format_}.gguf"
        if not file.exists():
            say(f"writing {file.name}")
            write_gguf(self.model, file, format_, vocabulary.add_to_gguf)
        return file


def make_served_model(name: str) -> ServedModel:
    """Its Hugging Face folder is written if it is not there yet; the weights are a link."""
    served = ServedModel(make_model(name))
    folder = served.huggingface
    if not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        vocabulary.write_files(folder)
        for file in ("model.safetensors", "config.json"):  # the last one says that all is there
            (folder / file).unlink(missing_ok=True)
            (folder / file).symlink_to(served.model.folder / file)
    return served
