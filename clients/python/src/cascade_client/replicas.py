# SPDX-License-Identifier: Apache-2.0
"""The servers that a client knows, and which of them had better be left alone for a while."""

from __future__ import annotations

import dataclasses
import random
import threading
from typing import Callable, Collection, Dict, Optional, Sequence, Tuple

_FIRST_BACKOFF = 0.1  # seconds
_LONGEST_BACKOFF = 10.0


@dataclasses.dataclass(eq=False)
class Replica:
    address: str
    failures: int = 0  # in a row
    avoid_until: float = 0.0


class Replicas:
    """What all calls of a client have learned of its servers. Any thread may call.

    `clock` gives seconds that never go back.
    """

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float]) -> None:
        self._replicas: Dict[str, Replica] = {address: Replica(address) for address in addresses}
        self._clock = clock
        self._lock = threading.Lock()

    def pick(self, order: Sequence[str], excluded: Collection[str]) -> Optional[Tuple[str, float]]:
        """The first of `order` that need not be avoided, and now; else the one that may be asked the
        soonest, and when. None if all are excluded."""
        with self._lock:
            allowed = [self._replicas[address] for address in order if address not in excluded]
            if not allowed:
                return None
            now = self._clock()
            for replica in allowed:
                if replica.avoid_until <= now:
                    return replica.address, now
            soonest = min(allowed, key=lambda replica: replica.avoid_until)
            return soonest.address, soonest.avoid_until

    def answered(self, address: str) -> None:
        """The replica works. (It may be full all the same.)"""
        with self._lock:
            replica = self._replicas[address]
            if replica.failures:
                replica.failures = 0
                replica.avoid_until = 0.0

    def failed(self, address: str) -> None:
        """The replica is gone: avoided for a time that doubles, a random half of which is left out so
        that the clients of a server do not all come back at once."""
        with self._lock:
            replica = self._replicas[address]
            backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2.0 ** min(replica.failures, 16))
            replica.failures += 1
            replica.avoid_until = self._clock() + backoff * random.uniform(0.5, 1.0)

    def full(self, address: str, seconds: float) -> None:
        """The replica wants to be asked again in so many seconds."""
        with self._lock:
            self._replicas[address].avoid_until = self._clock() + seconds
