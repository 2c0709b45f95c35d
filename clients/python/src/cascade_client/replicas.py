# SPDX-License-Identifier: Apache-2.0
"""The servers that a client knows, and which of them had better be left alone for a while."""

from __future__ import annotations

import dataclasses
import random
import threading
from typing import Callable, Collection, Dict, Optional, Sequence, Tuple

_FIRST_BACKOFF = 0.1  # seconds
_LONGEST_BACKOFF = 10.0

# How many calls a replica may have before the next in a prefix's order gets some of them (Mirrokni,
# Thorup and Zadimoghaddam 2016, "Consistent Hashing with Bounded Loads"). The C++ client has the same
# numbers (client/replicas.cc).
#
# A quarter above the mean: the paper's c = 1 + epsilon. A c near 1 moves prompts away from their caches
# all the time; a large one lets a replica's queue grow.
_MEAN_NUMERATOR = 5
_MEAN_DENOMINATOR = 4
# With few calls, the mean tells nothing: two prompts that begin alike would already be parted. By
# tools/simulation (100 replicas, zipf 1), a first token takes 13, 15, 21 and 32 ms at the 90th percentile
# with 4, 8, 16 and 32 here. With 1, it takes 28, since prompts leave their caches.
_ALWAYS_ALLOWED = 8


@dataclasses.dataclass(eq=False)
class Replica:
    address: str
    failures: int = 0  # in a row
    avoid_until: float = 0.0
    open_calls: int = 0


class Replicas:
    """What all calls of a client have learned of its servers. Any thread may call.

    `clock` gives seconds that never go back. is_bounded: a replica on which this client has many more
    calls than on the others is passed over.
    """

    def __init__(self, addresses: Sequence[str], clock: Callable[[], float],
                 is_bounded: bool = False) -> None:
        self._replicas: Dict[str, Replica] = {address: Replica(address) for address in addresses}
        self._clock = clock
        self._is_bounded = is_bounded
        self._open_calls = 0
        # Reentrant: wherever an object is made, the garbage collector may close the iterator of an
        # abandoned answer, which then calls ended().
        self._lock = threading.RLock()

    def pick(self, order: Sequence[str], excluded: Collection[str]) -> Optional[Tuple[str, float]]:
        """The first of `order` that need not be avoided, and now; else the one that may be asked the
        soonest, and when. None if all are excluded. If loads are bounded, a replica is passed over
        while one more call would be more than max(8, 1.25 times the mean over all replicas, rounded up)
        and another one of `order` can take it.

        Threads that pick at once may all be told the same replica, before began() counts: the bound is
        a preference, not a limit."""
        with self._lock:
            allowed = [self._replicas[address] for address in order if address not in excluded]
            if not allowed:
                return None
            now = self._clock()
            ready = [replica for replica in allowed if replica.avoid_until <= now]
            if ready:
                return next(filter(self._has_room, ready), ready[0]).address, now
            soonest = min(allowed, key=lambda replica: replica.avoid_until)
            return soonest.address, soonest.avoid_until

    def began(self, address: str) -> None:
        """A call to the replica is open, until ended()."""
        with self._lock:
            self._replicas[address].open_calls += 1
            self._open_calls += 1

    def ended(self, address: str) -> None:
        with self._lock:
            self._replicas[address].open_calls -= 1
            self._open_calls -= 1

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

    def _has_room(self, replica: Replica) -> bool:
        """The call that is about to begin counts in the mean, as in the paper."""
        if not self._is_bounded:
            return True
        numerator = _MEAN_NUMERATOR * (self._open_calls + 1)
        denominator = _MEAN_DENOMINATOR * len(self._replicas)
        return replica.open_calls < max(_ALWAYS_ALLOWED, -(-numerator // denominator))
