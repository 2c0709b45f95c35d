# SPDX-License-Identifier: Apache-2.0
"""Which replica a request is sent to, and which ones next if that one is full."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from typing import Callable, Dict, Iterator, List, Sequence

from prefix_cache import BLOCK_TOKENS
from traffic import Request


# kAlwaysAllowed, and kMeanNumerator / kMeanDenominator, of client/replicas.cc
ALWAYS_ALLOWED = 8
ABOVE_MEAN = 1.25


class Fleet:
    """What a gateway knows of the replicas, at once and without error."""

    def __init__(self, replicas: int) -> None:
        self.loads = [0] * replicas  # requests that were sent there and have not ended
        self.in_flight = 0
        self.cached: Dict[int, Dict[int, int]] = {}  # group -> replica -> blocks of its prefix

    def add(self, replica: int, requests: int) -> None:
        self.loads[replica] += requests
        self.in_flight += requests

    def on_cache_change(self, replica: int, group: int, blocks: int) -> None:
        holders = self.cached.setdefault(group, {})
        if blocks > 0:
            holders[replica] = blocks
        else:
            holders.pop(replica, None)


class RoundRobin:
    """Each request goes to the next replica."""

    def __init__(self, fleet: Fleet) -> None:
        self._replicas = len(fleet.loads)
        self._turns = itertools.count()

    def order(self, _request: Request) -> Iterator[int]:
        turn = next(self._turns)
        return ((turn + i) % self._replicas for i in range(self._replicas))


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """The flags of `smg launch` of these names."""

    cache_threshold: float
    balance_abs_threshold: float
    balance_rel_threshold: float


class CacheAware:
    """SMG's cache_aware with KV events: the replica that holds most of the prompt, unless it is busy.

    As `smg launch --help` of smg 1.13.0 tells it. Of the replicas that hold the most, those whose
    load passes the spill gate are left out, and the least loaded is taken. If none is left, or if
    less than cache_threshold of the prompt is held, the least loaded of all is taken. The rest of
    the gateway's policy (warming up of new workers, decay by backlog, softmax, KV usage) is off by
    default, or has no meaning for a fleet that does not change, and is left out.
    """

    def __init__(self, fleet: Fleet, thresholds: Thresholds, seed: int) -> None:
        self._fleet = fleet
        self._thresholds = thresholds
        self._rng = random.Random(seed)

    def order(self, request: Request) -> Iterator[int]:
        first = self._first(request)
        yield first
        others = [i for i in range(len(self._fleet.loads)) if i != first]
        yield from sorted(others, key=self._fleet.loads.__getitem__)

    def _first(self, request: Request) -> int:
        limit = self._spill_limit()
        loads = self._fleet.loads
        holders = self._holders(request)
        safe = [replica for replica in holders if loads[replica] <= limit]
        return self._least_loaded(safe or range(len(loads)))

    def _holders(self, request: Request) -> List[int]:
        cached = self._fleet.cached.get(request.group, {})
        most = max(cached.values(), default=0)
        if most == 0 or most * BLOCK_TOKENS < self._thresholds.cache_threshold * request.prompt:
            return []
        return [replica for replica, blocks in cached.items() if blocks == most]

    def _spill_limit(self) -> float:
        """A load above this is too much: both margins must be passed.

        The absolute one is capped at two standard deviations of a Poisson count, but not below four.
        """
        mean = self._fleet.in_flight / len(self._fleet.loads)
        margin = min(self._thresholds.balance_abs_threshold, max(4.0, 2.0 * math.sqrt(mean)))
        return max(mean + margin, mean * self._thresholds.balance_rel_threshold)

    def _least_loaded(self, replicas: Sequence[int]) -> int:
        loads = self._fleet.loads
        least = min(loads[replica] for replica in replicas)
        return self._rng.choice([replica for replica in replicas if loads[replica] == least])


class Rendezvous:
    """The client library's PrefixOrder: the heaviest by a hash of the prompt's beginning and address.

    Nobody's load counts. Where the library would hash a prompt's first 64 tokens, the request
    brings the number; addresses are hashed and mixed exactly as in client/prefix_order.cc.
    """

    def __init__(self, fleet: Fleet) -> None:
        self._addresses = [mix(fnv1a(b"replica-%d:50051" % i)) for i in range(len(fleet.loads))]
        # A weight for each replica, computed for a prefix once and not for each of its requests.
        self._first: Dict[int, int] = {}
        self._every: Dict[int, List[int]] = {}  # of prefixes whose first replica was full

    def order(self, request: Request) -> Iterator[int]:
        beginning = request.beginning
        if beginning not in self._first:
            self._first[beginning] = max(range(len(self._addresses)), key=self._weights(beginning))
        yield self._first[beginning]
        yield from self._all(beginning)[1:]

    def _all(self, beginning: int) -> List[int]:
        if beginning not in self._every:
            self._every[beginning] = sorted(range(len(self._addresses)), key=self._weights(beginning),
                                            reverse=True)
        return self._every[beginning]

    def _weights(self, beginning: int) -> Callable[[int], int]:
        return [mix(beginning ^ address) for address in self._addresses].__getitem__


class RendezvousBounded(Rendezvous):
    """The same with the bounded loads of client/replicas.cc, for one client that makes all calls.

    A replica where one more call would pass the bound comes behind all others.
    """

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet)
        self._fleet = fleet

    def order(self, request: Request) -> Iterator[int]:
        loads = self._fleet.loads
        most = self._bound()
        first = next(super().order(request))
        if loads[first] < most:  # nearly always, and spares the sorting of all
            yield from super().order(request)
            return
        order = self._all(request.beginning)
        yield from (replica for replica in order if loads[replica] < most)
        yield from (replica for replica in order if loads[replica] >= most)

    def _bound(self) -> int:
        mean = (self._fleet.in_flight + 1) / len(self._fleet.loads)
        return max(ALWAYS_ALLOWED, math.ceil(ABOVE_MEAN * mean))


_MASK = (1 << 64) - 1


def fnv1a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def mix(value: int) -> int:
    """The end of MurmurHash3."""
    value = ((value ^ (value >> 33)) * 0xFF51AFD7ED558CCD) & _MASK
    value = ((value ^ (value >> 33)) * 0xC4CEB9FE1A85EC53) & _MASK
    return value ^ (value >> 33)
