# SPDX-License-Identifier: Apache-2.0
"""One answer put together of the streams of several calls.

Knows neither replicas nor time nor network: it says what to ask for, takes what comes, and says what
of it is new to the consumer.
"""

from __future__ import annotations

import dataclasses
import secrets
from typing import List, Optional

import grpc
from cascade.v1 import text_generation_pb2 as pb

from .errors import CascadeError

_SEEDS = 2 ** 64


class CannotGoOn(Exception):
    """A replica would tell another answer than the one that has begun; the message says why."""


@dataclasses.dataclass(eq=False)
class Part:
    """What one call is to bring: the whole answer, or (`choice`) one choice, from where it broke off."""

    choice: Optional[int] = None
    complete: bool = False


@dataclasses.dataclass
class _Choice:
    tokens: List[int]
    begun: bool = False
    finish: Optional[pb.Finish] = None
    held: Optional[pb.GenerateEvent] = None  # see Generation._take_delta


def with_seed(request: pb.GenerateRequest) -> pb.GenerateRequest:
    """A copy that leaves nothing to luck: a seed is drawn if it has none."""
    copy = pb.GenerateRequest()
    copy.CopyFrom(request)
    if not copy.sampling.HasField("seed"):
        copy.sampling.seed = 1 + secrets.randbelow(_SEEDS - 1)
    return copy


def tells_only_at_its_end(request: pb.GenerateRequest) -> bool:
    """Whether an answer has nothing to go on from before it is whole."""
    return request.sampling.HasField("best_of") or request.HasField("beam_search")


def reduce_time_limit(request: pb.GenerateRequest, elapsed: float) -> None:
    """Takes what has passed already from the request's time limit. A millisecond is left at least, since
    no time limit means no limit."""
    if not request.stopping.HasField("time_limit") or request.stopping.time_limit.ToNanoseconds() <= 0:
        return
    left = request.stopping.time_limit.ToNanoseconds() - int(elapsed * 1e9)
    request.stopping.time_limit.FromNanoseconds(max(left, 1_000_000))


class Generation:
    """The answer to a request whose choices come token by token."""

    method = "GenerateStream"

    def __init__(self, request: pb.GenerateRequest) -> None:
        self._request = with_seed(request)
        self._wants_ids = request.response.token_ids
        self._request.response.token_ids = True
        self._choices = [_Choice(list(request.resume.token_ids))
                         for _ in range(max(1, request.sampling.n))]
        self._prompt: Optional[pb.PromptInfo] = None
        self._summaries: List[pb.Summary] = []

    def parts(self) -> List[Part]:
        return [Part()]

    def request(self, part: Part, elapsed: float) -> pb.GenerateRequest:
        """What to send for `part`, `elapsed` seconds after the whole began; 0 the first time."""
        request = pb.GenerateRequest()
        request.CopyFrom(self._request)
        reduce_time_limit(request, elapsed)
        if self._prompt is not None:
            request.request_id = self._prompt.request_id
            _leave_prompt_out(request.response)
        if part.choice is not None:
            self._ask_for_one(request, part.choice)
        return request

    def _ask_for_one(self, request: pb.GenerateRequest, index: int) -> None:
        sampling = request.sampling
        own = pb.ChoiceSampling()
        if index < len(sampling.per_choice):
            own.CopyFrom(sampling.per_choice[index])
        sampling.seed = self._seed(index)
        own.ClearField("seed")
        for field, value in own.ListFields():
            setattr(sampling, field.name, value)
        sampling.ClearField("per_choice")
        sampling.ClearField("n")
        request.resume.Clear()
        request.resume.token_ids.extend(self._choices[index].tokens)
        if self._prompt is not None:
            request.resume.fingerprint = self._prompt.fingerprint

    def _seed(self, index: int) -> int:
        sampling = self._request.sampling
        if index < len(sampling.per_choice) and sampling.per_choice[index].HasField("seed"):
            return sampling.per_choice[index].seed
        return (sampling.seed + index) % _SEEDS

    def is_answer(self, event: pb.GenerateEvent) -> bool:
        """Whether the event is more than the news that the request has started."""
        return not event.HasField("prompt")

    def take(self, part: Part, event: pb.GenerateEvent) -> List[pb.GenerateEvent]:
        """What the consumer gets to see for `event`. Raises CannotGoOn, and CascadeError if the answer is
        not what it says it is."""
        kind = event.WhichOneof("event")
        if kind == "prompt":
            return self._take_prompt(part, event)
        if kind == "summary":
            part.complete = True
            self._summaries.append(event.summary)
            return []
        if part.choice is not None and kind is not None:
            getattr(event, kind).index = part.choice
        if kind == "delta":
            return self._take_delta(event)
        if kind == "finish":
            return self._take_finish(event)
        return []

    def _take_prompt(self, part: Part, event: pb.GenerateEvent) -> List[pb.GenerateEvent]:
        prompt = event.prompt
        if self._prompt is not None and prompt.fingerprint != self._prompt.fingerprint:
            raise CannotGoOn(f"its fingerprint is {prompt.fingerprint or 'unknown'}, and the answer began "
                             f"with {self._prompt.fingerprint or 'an unknown one'}")
        # A server from before `resume` begins anew, and tells no seed.
        if part.choice is not None and prompt.seed != self._seed(part.choice):
            raise CannotGoOn("it does not know GenerateRequest.resume")
        if self._prompt is not None:
            return []
        self._prompt = pb.PromptInfo()
        self._prompt.CopyFrom(event.prompt)
        return [event]

    def _take_delta(self, event: pb.GenerateEvent) -> List[pb.GenerateEvent]:
        choice = self._choices[event.delta.index]
        choice.begun = True
        choice.tokens.extend(event.delta.token_ids)
        if not event.delta.token_ids:
            # Text that the server held back until a time limit ended the answer. If the stream breaks
            # before the finish, the next server tells it again.
            choice.held = event
            return []
        if not self._wants_ids:
            event.delta.ClearField("token_ids")
        return [event]

    def _take_finish(self, event: pb.GenerateEvent) -> List[pb.GenerateEvent]:
        choice = self._choices[event.finish.index]
        if event.finish.generated_tokens != len(choice.tokens):
            raise CascadeError(
                grpc.StatusCode.DATA_LOSS, f"choice {event.finish.index} has "
                f"{event.finish.generated_tokens} tokens, of which {len(choice.tokens)} came")
        choice.begun = True
        choice.finish = event.finish
        return [event] if choice.held is None else [choice.held, event]

    def rest(self, part: Part) -> List[Part]:
        """What is to be asked for once the call of `part` has ended: nothing, if it brought all."""
        mine = self._choices if part.choice is None else [self._choices[part.choice]]
        if all(choice.finish is not None for choice in mine):
            return []
        for choice in mine:
            choice.held = None
        if part.choice is not None:
            return [Part(part.choice)]
        if not any(choice.begun for choice in mine):
            return [Part()]  # as it was: the choices share the prompt's run
        return [Part(index) for index, choice in enumerate(mine) if choice.finish is None]

    def conclude(self) -> List[pb.GenerateEvent]:
        """The summary of all calls, once nothing is left to be asked for."""
        event = pb.GenerateEvent()
        summary = event.summary
        for part in self._summaries:
            _add(part, summary)
        summary.usage.generated_tokens = sum(len(choice.tokens) for choice in self._choices)
        if self._prompt is not None:
            summary.usage.prompt_tokens = self._prompt.prompt_tokens
            summary.usage.cached_tokens = self._prompt.cached_tokens
            summary.fingerprint = summary.fingerprint or self._prompt.fingerprint
        return [event]


def _leave_prompt_out(response: pb.ResponseOptions) -> None:
    """Asks for nothing that PromptInfo has told already."""
    for field in ("prompt_logprobs", "prompt_logprobs_from", "echo"):
        response.ClearField(field)
    if not response.logprobs:
        for field in ("candidates", "candidate_ids", "ranks", "bytes", "distribution"):
            response.ClearField(field)


def _add(part: pb.Summary, total: pb.Summary) -> None:
    """Counts are added, and of times the longest counts, since choices run side by side."""
    usage, timings = pb.Usage(), pb.Timings()
    usage.CopyFrom(total.usage)
    timings.CopyFrom(total.timings)
    total.MergeFrom(part)
    total.usage.drafted_tokens = usage.drafted_tokens + part.usage.drafted_tokens
    total.usage.accepted_tokens = usage.accepted_tokens + part.usage.accepted_tokens
    for field in ("queue", "prefill", "decode"):
        if getattr(timings, field).ToNanoseconds() > getattr(part.timings, field).ToNanoseconds():
            getattr(total.timings, field).CopyFrom(getattr(timings, field))
