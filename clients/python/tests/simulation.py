# SPDX-License-Identifier: Apache-2.0
"""Sessions against servers without a network, in a time that passes when all wait."""

from typing import Any, Callable, Dict, Iterator, List

from cascade_client.replicas import Replicas
from cascade_client.session import Attempt, Limits, Session

from fake_model import FINGERPRINT, Failure, Refused, answer


class Server:
    """A replica, and what befalls its calls.

    `fate` maps an attempt to how it ends: (events that arrive, what then is raised), or None for an
    answer that comes whole. A call that ends with HANGS says nothing more.
    """

    HANGS = object()

    def __init__(self, fate: Callable[[Attempt], Any] = lambda _attempt: None,
                 fingerprint: str = FINGERPRINT) -> None:
        self.fate = fate
        self.fingerprint = fingerprint
        self.attempts: List[Attempt] = []

    def run(self, attempt: Attempt, session: Session) -> Iterator[bool]:
        """One step of the call at each turn; yields whether anything has happened."""
        self.attempts.append(attempt)
        end = self.fate(attempt)
        try:
            for place, event in enumerate(self.answer(attempt)):
                if end is not None and place == end[0]:
                    break
                session.on_event(attempt, event)
                yield True
        except Refused as refusal:
            session.on_failure(attempt, Failure(*refusal.args))
            return
        if end is None:
            session.on_end(attempt)
        while end is not None and end[1] is self.HANGS:
            yield False
        if end is not None:
            session.on_failure(attempt, end[1])

    def answer(self, attempt: Attempt) -> Iterator[Any]:
        return answer(attempt.request, self.fingerprint)


class World:
    """Servers by their names, and a clock."""

    def __init__(self, servers: Dict[str, Server], is_bounded: bool = False) -> None:
        self.servers = servers
        self.now = 1000.0
        self.replicas = Replicas(list(servers), lambda: self.now, is_bounded)
        self.cancelled: List[Attempt] = []

    def run(self, work: Any, **limits: Any) -> Iterator[Any]:
        """All events of the session; raises its error."""
        session = Session(work, self.replicas, list(self.servers), lambda: self.now,
                          Limits(**limits))
        opened: List[Attempt] = []
        try:
            session.begin()
            yield from self._events(session, opened)
        finally:
            session.close()
            assert not any(attempt.is_open for attempt in opened), "a call counts for ever"

    def _events(self, session: Session, opened: List[Attempt]) -> Iterator[Any]:
        calls: Dict[Attempt, Iterator[bool]] = {}
        while True:
            for attempt in session.opened:
                calls[attempt] = self.servers[attempt.replica].run(attempt, session)
            for attempt in session.cancelled:
                calls.pop(attempt, None)
            opened += session.opened
            self.cancelled += session.cancelled
            ready, session.ready, session.opened, session.cancelled = session.ready, [], [], []
            yield from ready
            if session.is_done:
                break
            self._turn(session, calls)
        if session.error is not None:
            raise session.error

    def _turn(self, session: Session, calls: Dict[Attempt, Iterator[bool]]) -> None:
        """Each call makes a step; if all of them hang, time passes until the session wakes."""
        has_happened = False
        for attempt in list(calls):
            step = next(calls[attempt], None)
            if step is None:
                del calls[attempt]
            has_happened = has_happened or step is not False
            if session.opened or session.cancelled or session.is_done:
                return
        if has_happened:
            return
        wake_at = session.wake_at()
        assert wake_at is not None, "the session waits for nothing"
        self.now = max(self.now, wake_at)
        session.on_time()
