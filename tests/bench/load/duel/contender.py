# SPDX-License-Identifier: Apache-2.0
"""What both servers are to the load."""

from typing import Protocol

from duel.cells import Load, Outcome


class Contender(Protocol):
    """A server in one setting. Its methods may raise Failed."""

    name: str

    def version(self) -> str: ...

    def setting(self, load: Load) -> str:
        """Its flags for this load, as they would be typed."""

    def measure(self, load: Load) -> Outcome:
        """Starts the server, warms it up, loads it, and stops it."""


def warm_up(load: Load) -> Load:
    """A short load that is not measured: pages are touched, threads have run."""
    return Load(load.streams, min(load.streams, 16), load.prompt_tokens, 8)
