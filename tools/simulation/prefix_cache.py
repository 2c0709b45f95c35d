# SPDX-License-Identifier: Apache-2.0
"""The KV cache of a simulated replica: who holds which blocks, and which prefixes it keeps."""

from __future__ import annotations

from collections import OrderedDict
from typing import Callable, Dict, Hashable, Optional

BLOCK_TOKENS = 16


class Lease:
    """The blocks of one running request."""

    def __init__(self, group: Optional[int], cached: int, own: int) -> None:
        self.group = group
        self.cached = cached  # blocks that were there when it started
        self.own = own  # blocks that nobody else counts


class PrefixCache:
    """Blocks of 16 tokens; those that no running request holds are evicted least recently used first.

    Blocks are counted in runs, not one by one: a shared prefix is one run from its beginning, and
    what comes after the prefix in one request is another, which no later request can use but which
    takes up room. A run loses its end first, as in the server (model/cache). A prefix that any
    running request holds a part of is held as a whole.
    """

    def __init__(self, blocks: int, on_change: Callable[[int, int], None]) -> None:
        self._blocks = blocks
        self._on_change = on_change  # (group, blocks of its prefix that are cached now)
        self._held = 0
        self._idle = 0
        self._idle_runs: OrderedDict[Hashable, int] = OrderedDict()  # the oldest first
        self._prefixes: Dict[int, int] = {}  # blocks of each group's prefix, held or idle
        self._holders: Dict[int, int] = {}  # requests that hold it

    def start(self, group: Optional[int], total: int) -> Optional[Lease]:
        """Blocks for a request that may come to need `total`; None if they are not to be had yet."""
        cached = self._prefixes.get(group, 0) if group is not None else 0
        own = total - cached
        newly_held = cached if group in self._idle_runs else 0
        if self._held + newly_held + own > self._blocks:
            return None
        if group is not None:
            self._hold(group)
        self._held += own
        self._evict(self._held + self._idle - self._blocks)
        return Lease(group, cached, own)

    def publish(self, lease: Lease, blocks: int) -> None:
        """The first `blocks` blocks of the lease's prefix are computed: later requests share them."""
        known = self._prefixes.get(lease.group, 0)
        if blocks <= known:
            return  # another request computed them at the same time: these are duplicates
        self._prefixes[lease.group] = blocks
        lease.own -= blocks - known
        self._on_change(lease.group, blocks)

    def end(self, lease: Lease, request: int, tail: int) -> None:
        """Gives the blocks back; `tail` of the request's own are full, and stay until evicted."""
        self._held -= lease.own
        # The tail first: a prefix's end goes before its beginning, which more requests share.
        self._keep((request,), min(tail, lease.own))
        if lease.group is not None:
            self._let_go(lease.group)

    def _hold(self, group: int) -> None:
        self._holders[group] = self._holders.get(group, 0) + 1
        idle = self._idle_runs.pop(group, 0)
        self._idle -= idle
        self._held += idle

    def _let_go(self, group: int) -> None:
        self._holders[group] -= 1
        if self._holders[group] > 0:
            return
        del self._holders[group]
        blocks = self._prefixes.get(group, 0)
        self._held -= blocks
        self._keep(group, blocks)

    def _keep(self, run: Hashable, blocks: int) -> None:
        if blocks > 0:
            self._idle_runs[run] = blocks
            self._idle += blocks

    def _evict(self, blocks: int) -> None:
        while blocks > 0:
            run, size = next(iter(self._idle_runs.items()))
            taken = min(size, blocks)
            blocks -= taken
            self._idle -= taken
            self._shorten(run, size - taken)

    def _shorten(self, run: Hashable, blocks: int) -> None:
        if blocks > 0:
            self._idle_runs[run] = blocks
        else:
            del self._idle_runs[run]
        if isinstance(run, tuple):
            return  # a request's own: nobody asks for it
        if blocks > 0:
            self._prefixes[run] = blocks
        else:
            del self._prefixes[run]
        self._on_change(run, blocks)
