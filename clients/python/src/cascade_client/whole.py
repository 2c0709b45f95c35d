# SPDX-License-Identifier: Apache-2.0
"""Calls of which nothing is told before all has come: after a break they are made again."""

from __future__ import annotations

from typing import Any, List

from cascade.v1 import text_generation_pb2 as pb

from .generation import Part, reduce_time_limit, with_seed


class Whole:
    """The answers of one call of `method`, all of them together. The same replica gives all."""

    def __init__(self, method: str, request: Any) -> None:
        self.method = method
        self._request = request
        if isinstance(request, pb.GenerateRequest):
            self._request = with_seed(request)
        self._events: List[Any] = []

    def parts(self) -> List[Part]:
        return [Part()]

    def request(self, _part: Part, elapsed: float) -> Any:
        if not isinstance(self._request, pb.GenerateRequest):
            return self._request
        request = pb.GenerateRequest()
        request.CopyFrom(self._request)
        reduce_time_limit(request, elapsed)
        return request

    def is_answer(self, _event: Any) -> bool:
        """Any sign of life, since the answer comes only at the end."""
        return True

    def take(self, part: Part, event: Any) -> List[Any]:
        self._events.append(event)
        if not isinstance(event, (pb.GenerateEvent, pb.ScoreEvent)) or event.HasField("summary"):
            part.complete = True
        return []

    def rest(self, part: Part) -> List[Part]:
        if part.complete:
            return []
        self._events.clear()
        return [Part()]

    def conclude(self) -> List[Any]:
        return self._events
