# SPDX-License-Identifier: Apache-2.0
"""One simulated server: continuous batching on one worker thread, as server/engine does it."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from typing import Deque, List, Optional

from prefix_cache import BLOCK_TOKENS, Lease, PrefixCache
from traffic import Request


@dataclasses.dataclass(frozen=True)
class Service:
    """What a replica can do: measured times, and the server's limits."""

    prefill_tokens_per_s: float
    step_s: float  # of a decode step: step_s + stream_s * running streams
    stream_s: float
    step_tokens: int
    max_running: int
    max_queued: int
    kv_tokens: int


class Running:
    """A request that was started: its prompt is being computed, or its answer."""

    def __init__(self, request: Request, lease: Lease) -> None:
        self.request = request
        self.lease = lease
        self.computed = lease.cached * BLOCK_TOKENS  # tokens of the prompt
        self.chunk = 0  # of the prompt, in this step
        self.remaining = request.answer  # tokens


class Replica:
    """Runs from event to event: submit() and on_step_end() return when the next one is, if any.

    While all streams decode and none ends, steps are alike, and the replica leaps over them; a
    request that arrives meanwhile ends the leap with the step that it falls into. `version` tells
    an event that was overtaken in this way from the one that counts.
    """

    def __init__(self, service: Service, cache: PrefixCache) -> None:
        self._service = service
        self._cache = cache
        self._waiting: Deque[Request] = deque()
        self._prompts: List[Running] = []  # the oldest first
        self._decoding: List[Running] = []
        self._start = 0.0
        self._step_s = 0.0
        self._steps = 0  # of the leap; 0: idle
        self._finished = 0
        self.version = 0

    def has_room(self) -> bool:
        open_requests = len(self._waiting) + len(self._prompts) + len(self._decoding)
        return open_requests < self._service.max_running + self._service.max_queued

    def submit(self, now: float, request: Request) -> Optional[float]:
        self._waiting.append(request)
        if self._steps == 0:
            return self._begin_step(now)
        begun = max(1, math.ceil((now - self._start) / self._step_s))
        if begun >= self._steps:
            return None  # the event that is due comes soon enough
        self._steps = begun
        return self._next_event()

    def on_step_end(self, now: float) -> Optional[float]:
        self._advance_decoding()
        self._advance_prompts(now)
        return self._begin_step(now)

    def take_finished(self) -> int:
        """Requests that ended in the last step."""
        finished, self._finished = self._finished, 0
        return finished

    def _begin_step(self, now: float) -> Optional[float]:
        self._start_waiting()
        rows = self._plan_prompts()
        if not self._prompts and not self._decoding:
            self._steps = 0
            return None
        service = self._service
        self._start = now
        self._step_s = (service.step_s + service.stream_s * len(self._decoding)
                        + rows / service.prefill_tokens_per_s)
        self._steps = 1 if self._prompts else min(one.remaining for one in self._decoding)
        return self._next_event()

    def _next_event(self) -> float:
        self.version += 1
        return self._start + self._steps * self._step_s

    def _start_waiting(self) -> None:
        """First come, first served: one that does not fit keeps those behind it waiting."""
        while self._waiting and len(self._prompts) + len(self._decoding) < self._service.max_running:
            request = self._waiting[0]
            group = request.group if request.prefix >= BLOCK_TOKENS else None
            lease = self._cache.start(group, -(-(request.prompt + request.answer) // BLOCK_TOKENS))
            if lease is None:
                return
            request.cached = lease.cached * BLOCK_TOKENS
            self._prompts.append(Running(self._waiting.popleft(), lease))

    def _plan_prompts(self) -> int:
        """The rows that decoding leaves go to the oldest prompt first, as in Scheduler::Plan."""
        budget = self._service.step_tokens - len(self._decoding)
        rows = 0
        for one in self._prompts:
            one.chunk = min(one.request.prompt - one.computed, budget - rows)
            rows += one.chunk
        return rows

    def _advance_decoding(self) -> None:
        ended = False
        for one in self._decoding:
            one.remaining -= self._steps
            if one.remaining == 0:
                ended = True
                self._end(one)
        if ended:
            self._decoding = [one for one in self._decoding if one.remaining > 0]

    def _advance_prompts(self, now: float) -> None:
        if not self._prompts:
            return
        unfinished = []
        for one in self._prompts:
            one.computed += one.chunk
            if one.lease.group is not None:
                self._cache.publish(one.lease, min(one.computed, one.request.prefix) // BLOCK_TOKENS)
            if one.computed < one.request.prompt:
                unfinished.append(one)
                continue
            one.request.first_token_s = now - one.request.arrival
            one.remaining -= 1
            if one.remaining == 0:
                self._end(one)
            else:
                self._decoding.append(one)
        self._prompts = unfinished

    def _end(self, one: Running) -> None:
        request = one.request
        # The last token is never run, and a block is kept only when it is full.
        full = (request.prompt + request.answer - 1) // BLOCK_TOKENS
        shared = request.prefix // BLOCK_TOKENS if one.lease.group is not None else 0
        self._cache.end(one.lease, request.number, full - shared)
        self._finished += 1
