# SPDX-License-Identifier: Apache-2.0
"""What is measured of cascade-server alone: a prefix that is cached, and overload."""

import time
from dataclasses import asdict, dataclass

from race.process import say

from duel.cascade import FAIR, CascadeServer, RunningServer
from duel.cells import STREAMS

PREFIX_TOKENS = 800
OWN_TOKENS = 8
REPETITIONS = 20

OVERLOAD = 10  # times the capacity
CLIENTS = 64  # of the closed loop that finds it: as many as the server runs by default
SAMPLE_SECONDS = 0.25


@dataclass(frozen=True)
class PrefixResult:
    """Seconds to the first token, medians."""

    cold: float
    hit: float

    @property
    def ratio(self) -> float:
        return self.cold / self.hit

    def json(self) -> dict[str, object]:
        sizes = {"prefix_tokens": PREFIX_TOKENS, "own_tokens": OWN_TOKENS}
        return {**asdict(self), "ratio": self.ratio, **sizes}


def measure_prefix(server: CascadeServer) -> PrefixResult:
    """One stream, prompts of which the first 800 tokens are the same."""
    prompts = (
        "--concurrency=1",
        f"--prompt_tokens={PREFIX_TOKENS + OWN_TOKENS}",
        f"--shared_prefix_tokens={PREFIX_TOKENS}",
        "--output_tokens=1",
        "--temperature=0",
    )

    def median(running: RunningServer, *flags: str) -> float:
        runs, _ = running.bench(*prompts, *flags)
        return float(runs[0]["latency"]["first_token"]["p50"])

    with server.running() as running:
        median(running, "--bypass_cache", "--requests=3")
        cold = median(running, "--bypass_cache", f"--requests={REPETITIONS}")
        median(running, "--cache_salt=shared", "--requests=1")
        hit = median(running, "--cache_salt=shared", f"--requests={REPETITIONS}")
    result = PrefixResult(cold, hit)
    say(f"prefix: cold {1e3 * cold:.1f} ms, hit {1e3 * hit:.1f} ms: {result.ratio:.1f}x")
    return result


@dataclass(frozen=True)
class OverloadResult:
    capacity: float  # answers per second of a closed loop
    peak: float  # its tokens per second
    rate: float  # requests per second that were offered
    goodput: float  # tokens per second in answers that ended with OK
    seconds: float
    by_code: dict[str, int]
    first_token: dict[str, float]  # of what was accepted
    refusal_p50: float
    refusal_p99: float
    refusal_max: float
    resident_before: int
    resident_most: int
    resident_after: int

    def json(self) -> dict[str, object]:
        return {**asdict(self), "goodput_of_peak": self.goodput / self.peak}


class _Resident:
    """The server's resident memory while something else happens."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._next = 0.0
        self.most = 0

    def sample(self) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SAMPLE_SECONDS
        self.most = max(self.most, self._server.process.resident_bytes())


def measure_overload(server: CascadeServer, seconds: int) -> OverloadResult:
    """The server's own limits, and requests that come ten times as fast as it answers."""
    with server.running() as running:
        work = (*FAIR, "--prompt_tokens=64", "--output_tokens=64")
        running.bench(*work, f"--concurrency={CLIENTS}", f"--requests={CLIENTS}")
        closed, _ = running.bench(*work, f"--concurrency={CLIENTS}", f"--requests={STREAMS[128]}")
        capacity = closed[0]["per_second"]["answers"]
        rate = OVERLOAD * capacity
        before = running.process.resident_bytes()
        resident = _Resident(running)
        open_loop = (f"--rate={rate:.1f}", f"--duration={seconds}s")
        runs, _ = running.bench(*work, *open_loop, meanwhile=resident.sample)
        after = running.process.resident_bytes()
    found = runs[0]
    refusal = found["latency"]["refusal"]
    first_token = found["latency"]["first_token"]
    result = OverloadResult(
        capacity=capacity,
        peak=closed[0]["per_second"]["tokens_in_answers"],
        rate=rate,
        goodput=found["per_second"]["tokens_in_answers"],
        seconds=found["elapsed"],
        by_code=found["requests"]["by_code"],
        first_token={name: first_token[name] for name in ("p50", "p99")},
        refusal_p50=refusal["p50"],
        refusal_p99=refusal["p99"],
        refusal_max=refusal["max"],
        resident_before=before,
        resident_most=resident.most,
        resident_after=after,
    )
    say(f"overload: {result.json()}")
    return result
