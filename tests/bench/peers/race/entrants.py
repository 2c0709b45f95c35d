# SPDX-License-Identifier: Apache-2.0
"""Who takes part in what: contenders that installed, and what is not run, with the reason."""

from collections.abc import Callable, Sequence

from race.contender import Contender
from race.ctranslate2 import CTranslate2
from race.llama_cpp import LlamaCpp
from race.onnxruntime import OnnxRuntime
from race.openvino import OpenVino
from race.options import Options
from race.process import Failed, say
from race.prototype import Prototype
from race.pytorch import PyTorch

PEERS: dict[str, Callable[[], Contender]] = {
    "llama.cpp": LlamaCpp,
    "CTranslate2": CTranslate2,
    "ONNX Runtime": OnnxRuntime,
    "OpenVINO": OpenVino,
    "PyTorch": PyTorch,
}


class NotRun:
    """Reasons why cells have no figure, each once."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def add(self, what: str, why: str) -> None:
        if what not in self._reasons:
            say(f"not run: {what}: {why}")
        self._reasons[what] = why

    def lines(self) -> Sequence[str]:
        return [f"{what}: {why}" for what, why in self._reasons.items()]


def enter(options: Options, not_run: NotRun) -> list[Contender]:
    """The peers that were asked for and could be installed."""
    makers = [PEERS[name] for name in options.peers]
    if options.prototype:
        source = options.prototype
        makers.append(lambda: Prototype(source))
    entered = []
    for make in makers:
        peer = make()
        try:
            peer.install()
            entered.append(peer)
        except Failed as error:
            not_run.add(peer.name, str(error))
    return entered
