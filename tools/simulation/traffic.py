# SPDX-License-Identifier: Apache-2.0
"""What is asked of the replicas: Poisson arrivals of prompts that share prefixes."""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import random
from typing import List, Optional, Tuple

Lengths = Tuple[int, int]  # uniform, both ends included


@dataclasses.dataclass(frozen=True)
class Traffic:
    groups: int  # prefixes; 0: nobody shares one
    zipf: float  # the n-th most popular prefix is asked for in proportion to n^-zipf
    prefix: Lengths  # tokens that all prompts of a group begin with
    suffix: Lengths  # tokens of one prompt alone
    answer: Lengths  # tokens that are generated


@dataclasses.dataclass
class Request:
    number: int
    arrival: float
    group: Optional[int]
    prefix: int
    prompt: int  # tokens, the prefix included
    answer: int
    beginning: int  # 64 bits: what a client's hash of the first tokens gives
    cached: int = 0  # tokens of the prompt that were found in the cache
    first_token_s: Optional[float] = None  # since the arrival; None: refused


# How many tokens of a prompt the client library hashes (client/prefix_order.cc).
HASHED_TOKENS = 64


def make_requests(traffic: Traffic, count: int, rate: float, seed: int) -> List[Request]:
    """`count` requests, `rate` of them a second. Every prompt has a suffix of its own."""
    rng = random.Random(seed)
    prefixes = [rng.randint(*traffic.prefix) for _ in range(traffic.groups)]
    beginnings = [rng.getrandbits(64) for _ in range(traffic.groups)]
    popularity = list(itertools.accumulate((n + 1) ** -traffic.zipf for n in range(traffic.groups)))
    requests = []
    now = 0.0
    for number in range(count):
        now += rng.expovariate(rate)
        group = _draw(popularity, rng)
        prefix = prefixes[group] if group is not None else rng.randint(*traffic.prefix)
        beginning = rng.getrandbits(64)
        # A prefix that is shorter than what is hashed does not bring its prompts together.
        if group is not None and prefix >= HASHED_TOKENS:
            beginning = beginnings[group]
        requests.append(Request(number, now, group, prefix, prefix + rng.randint(*traffic.suffix),
                                rng.randint(*traffic.answer), beginning))
    return requests


def _draw(popularity: List[float], rng: random.Random) -> Optional[int]:
    if not popularity:
        return None
    return bisect.bisect_left(popularity, rng.random() * popularity[-1])
