# SPDX-License-Identifier: Apache-2.0
"""The calls that one request takes: which replica, when, and what to do when one ends.

No network and no waiting in here. A driver (sync.py, aio.py) opens and cancels the calls that
`opened` and `cancelled` name, hands what happens to the On-methods, calls on_time at wake_at(), and
hands `ready` on. A session is used by one thread at a time.
"""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Callable, Dict, List, Optional, Sequence, Set, Union

import grpc

from .errors import CascadeError, FingerprintMismatch, from_rpc_error, is_broken, pushback
from .generation import CannotGoOn, Generation, Part
from .replicas import Replicas
from .whole import Whole

_log = logging.getLogger("cascade_client")


@dataclasses.dataclass(frozen=True)
class Limits:
    """When a session stops trying, or tries a second replica. Times are on the replicas' clock."""

    deadline: Optional[float] = None
    hedge_after: Optional[float] = None  # seconds without a first token
    stall_after: Optional[float] = None  # seconds without the next one
    max_failures: int = 8  # of a part, in a row, without a token between them


@dataclasses.dataclass(eq=False)
class Attempt:
    """A call: `request` to `replica`."""

    part: Part
    replica: str
    request: Any
    method: str
    timeout: Optional[float]
    has_begun: bool = False
    is_open: bool = True


@dataclasses.dataclass
class _Course:
    """How a part fares."""

    attempts: List[Attempt] = dataclasses.field(default_factory=list)
    failures: int = 0
    retry_at: Optional[float] = None
    hedge_at: Optional[float] = None
    stalls_at: Optional[float] = None
    is_decided: bool = False  # one attempt has begun to answer


class Session:
    """Brings `work` to its end, or to an error.

    `order` names the replicas in the order in which to try them.
    """

    def __init__(self, work: Union[Generation, Whole], replicas: Replicas, order: Sequence[str],
                 clock: Callable[[], float], limits: Limits = Limits()) -> None:
        self._work = work
        self._replicas = replicas
        self._order = order
        self._clock = clock
        self._limits = limits
        self._started_at = clock()
        self._courses: Dict[Part, _Course] = {}
        self._strangers: Dict[str, str] = {}  # replicas that cannot go on with the answer, and why
        self._last_error: Optional[CascadeError] = None
        self._has_called = False
        self.opened: List[Attempt] = []
        self.cancelled: List[Attempt] = []
        self.ready: List[Any] = []
        self.is_done = False
        self.error: Optional[CascadeError] = None  # once is_done

    def begin(self) -> None:
        for part in self._work.parts():
            self._courses[part] = _Course()
            self._open(part)

    def close(self) -> None:
        """Nobody waits for the rest: the driver cancels what is open. Does nothing once it is done."""
        for course in self._courses.values():
            for attempt in course.attempts:
                self._close(attempt)

    def wake_at(self) -> Optional[float]:
        """When on_time is to be called if nothing happens before; None: never."""
        times = [self._limits.deadline]
        for course in self._courses.values():
            times += [course.retry_at, course.hedge_at, course.stalls_at]
        return min((time for time in times if time is not None), default=None)

    # What happened ------------------------------------------------------------------------------

    def on_time(self) -> None:
        now = self._clock()
        if self._is_late(now):
            self._stop(_too_late())
            return
        for part, course in list(self._courses.items()):
            if self.is_done:
                return
            if course.retry_at is not None and now >= course.retry_at:
                course.retry_at = None
                self._open(part)
            if course.hedge_at is not None and now >= course.hedge_at:
                course.hedge_at = None
                self._hedge(part)
            if course.stalls_at is not None and now >= course.stalls_at:
                self._end_stalled(course)

    def on_event(self, attempt: Attempt, event: Any) -> None:
        course = self._course(attempt)
        if course is None:
            return
        attempt.has_begun = True
        if self._work.is_answer(event):
            self._replicas.answered(attempt.replica)
            self._decide(course, attempt)
            if self._limits.stall_after is not None and isinstance(self._work, Generation):
                course.stalls_at = self._clock() + self._limits.stall_after
        try:
            self.ready += self._work.take(attempt.part, event)
        except CannotGoOn as refusal:
            self._reject(attempt, str(refusal))
            return
        except CascadeError as error:
            self._stop(error)

    def on_end(self, attempt: Attempt) -> None:
        """The call ended with OK."""
        self._ended(attempt, CascadeError(
            grpc.StatusCode.UNAVAILABLE, "the stream ended before the answer did", replica=attempt.replica))

    def on_failure(self, attempt: Attempt, failure: grpc.RpcError) -> None:
        """The call ended with another status."""
        self._ended(attempt, from_rpc_error(failure, attempt.replica))

    # What follows -------------------------------------------------------------------------------

    def _is_late(self, time: float) -> bool:
        return self._limits.deadline is not None and time >= self._limits.deadline

    def _course(self, attempt: Attempt) -> Optional[_Course]:
        """None: the attempt was given up meanwhile."""
        course = self._courses.get(attempt.part)
        return course if course is not None and attempt in course.attempts else None

    def _ended(self, attempt: Attempt, error: CascadeError) -> None:
        course = self._course(attempt)
        if course is None:
            return
        self._close(attempt)
        if attempt.part.complete:
            course.attempts.remove(attempt)
            self._go_on_after(attempt.part)
            return
        if attempt.part.choice is not None and error.code() == grpc.StatusCode.FAILED_PRECONDITION:
            self._reject(attempt, error.details())
            return
        wait = None if attempt.has_begun else pushback(error)
        if wait is not None:
            self._replicas.full(attempt.replica, wait)
        elif is_broken(error):
            self._replicas.failed(attempt.replica)
        else:
            self._stop(error)
            return
        _log.info("%s of %s ended with %s; going on elsewhere", attempt.method, attempt.replica, error)
        self._last_error = error
        course.failures += 1
        course.attempts.remove(attempt)
        if not course.attempts:
            self._go_on_after(attempt.part)

    def _go_on_after(self, part: Part) -> None:
        """No call for `part` is open any more."""
        failures = self._courses.pop(part).failures
        rest = self._work.rest(part)
        for part in rest:
            self._courses[part] = _Course(failures=failures)
        for part in rest:
            if not self.is_done:
                self._open(part)
        if not self._courses and not self.is_done:
            self.ready += self._work.conclude()
            self.is_done = True

    def _open(self, part: Part) -> None:
        course = self._courses[part]
        if self._is_late(self._clock()):
            self._stop(_too_late())
            return
        picked = self._replicas.pick(self._order, self._strangers.keys())
        if picked is None or course.failures >= self._limits.max_failures:
            self._give_up()
            return
        replica, at = picked
        if at > self._clock():
            course.retry_at = at
            if self._is_late(at):
                self._give_up()
            return
        self._call(part, replica)
        if self._limits.hedge_after is not None:
            course.hedge_at = self._clock() + self._limits.hedge_after

    def _hedge(self, part: Part) -> None:
        """Asks a second replica too, if there is one that can be asked now."""
        course = self._courses[part]
        if course.is_decided or len(course.attempts) != 1:
            return
        busy: Set[str] = {attempt.replica for attempt in course.attempts}
        picked = self._replicas.pick(self._order, busy | self._strangers.keys())
        if picked is not None and picked[1] <= self._clock():
            self._call(part, picked[0])

    def _end_stalled(self, course: _Course) -> None:
        """Gives up the call of a server that has told tokens, and now tells nothing."""
        course.stalls_at = None
        (attempt,) = course.attempts
        self.cancelled.append(attempt)
        self._ended(attempt, CascadeError(
            grpc.StatusCode.UNAVAILABLE, f"nothing came for {self._limits.stall_after} seconds",
            replica=attempt.replica))

    def _call(self, part: Part, replica: str) -> None:
        now = self._clock()
        elapsed = now - self._started_at if self._has_called else 0.0
        self._has_called = True
        attempt = Attempt(
            part=part, replica=replica, method=self._work.method, request=self._work.request(part, elapsed),
            timeout=None if self._limits.deadline is None else max(0.0, self._limits.deadline - now))
        self._replicas.began(replica)
        self._courses[part].attempts.append(attempt)
        self.opened.append(attempt)

    def _close(self, attempt: Attempt) -> None:
        """The call does not load its replica any more. Does nothing the second time."""
        if attempt.is_open:
            attempt.is_open = False
            self._replicas.ended(attempt.replica)

    def _decide(self, course: _Course, winner: Attempt) -> None:
        course.failures = 0
        course.hedge_at = None
        if course.is_decided:
            return
        course.is_decided = True
        for attempt in course.attempts:
            if attempt is not winner:
                self._close(attempt)
                self.cancelled.append(attempt)
        course.attempts = [winner]

    def _reject(self, attempt: Attempt, why: str) -> None:
        """The replica must not tell any of this answer."""
        self._close(attempt)
        self._strangers[attempt.replica] = why
        course = self._courses[attempt.part]
        course.attempts.remove(attempt)
        course.is_decided = bool(course.attempts) and course.is_decided
        self.cancelled.append(attempt)
        if not course.attempts:
            self._go_on_after(attempt.part)

    def _give_up(self) -> None:
        if not self._strangers:
            assert self._last_error is not None
            self._stop(self._last_error)
            return
        reasons = "; ".join(f"{replica}: {why}" for replica, why in self._strangers.items())
        error = FingerprintMismatch(
            grpc.StatusCode.FAILED_PRECONDITION, f"no replica can go on with the answer: {reasons}",
            replica=next(iter(self._strangers)))
        error.__cause__ = self._last_error
        self._stop(error)

    def _stop(self, error: CascadeError) -> None:
        self.close()
        self.error = error
        self.is_done = True
        for course in self._courses.values():
            self.cancelled += course.attempts
        self._courses.clear()


def _too_late() -> CascadeError:
    return CascadeError(grpc.StatusCode.DEADLINE_EXCEEDED, "the time for the request is over")
