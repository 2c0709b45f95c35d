# SPDX-License-Identifier: Apache-2.0
"""What is asked of a server."""

from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class LongPrompts:
    """One long prompt every so often, beside the streams of a load, for as long as they run."""

    every_seconds: float
    prompt_tokens: int
    output_tokens: int


@dataclass(frozen=True)
class Load:
    """A closed loop: `streams` clients that each ask again when they are answered.

    Prompts are random token ids, answers greedy and of exactly `output_tokens`; no two requests
    have anything in common, and caches of prompts are off.
    """

    streams: int
    requests: int
    prompt_tokens: int = 64
    output_tokens: int = 64
    long_prompts: LongPrompts | None = None

    @property
    def name(self) -> str:
        if self.long_prompts:
            return "long prompts"
        return "1 stream" if self.streams == 1 else f"{self.streams} streams"

    def json(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Times:
    """Seconds."""

    p50: float
    p99: float
    count: int


@dataclass(frozen=True)
class Outcome:
    """What one run of a load has shown."""

    seconds: float  # from the first request to the last answer's end
    tokens: int  # generated, less those for long prompts
    answered: int
    failed: int
    first_token: Times
    between_tokens: Times
    client_cpu: float  # the part of its CPU that the client used
    long_first_token: list[float] = field(default_factory=list)

    @property
    def tokens_per_second(self) -> float:
        return self.tokens / self.seconds


# Enough requests for a second of the slowest server, and for a p99 where there are many streams.
STREAMS = {1: 12, 8: 64, 32: 160, 128: 384, 512: 768}
LONG_PROMPTS = Load(16, 48, 32, 200, LongPrompts(2.0, 900, 1))

QUICK_STREAMS = {1: 4, 8: 24, 32: 64}
QUICK_LONG_PROMPTS = Load(16, 16, 32, 100, LongPrompts(1.5, 900, 1))
