# SPDX-License-Identifier: Apache-2.0
"""Answers that are pure functions of their requests, without a model, and the comparison of streams."""

import codecs
import hashlib
from typing import Any, Dict, Iterator, List, NamedTuple

import grpc

from cascade_client import pb

FINGERPRINT = "fake-1"
LONGEST = 6  # tokens of a choice, at most
# Each token is a byte of it, so text lags behind where a character has several.
TALE = "Es wär ein König — dä ünd dört".encode()


class Refused(Exception):
    """The call's status, and its message."""


class Choice(NamedTuple):
    """How one choice of a request is drawn."""

    index: int
    seed: int
    settings: bytes

    def number(self, *what: Any) -> int:
        digest = hashlib.blake2b(repr((self.seed, self.settings, what)).encode(), digest_size=8)
        return int.from_bytes(digest.digest(), "little")

    def token(self, place: int) -> int:
        return TALE[(self.number("begin") + place) % len(TALE)]

    def tokens(self) -> List[int]:
        return [self.token(place) for place in range(1 + self.number("length") % LONGEST)]


def choices_of(request: pb.GenerateRequest) -> List[Choice]:
    sampling = request.sampling
    choices = []
    for index in range(max(1, sampling.n)):
        own = pb.SamplingParams(temperature=sampling.temperature, top_k=sampling.top_k)
        seed = (sampling.seed + index) % 2 ** 64
        if index < len(sampling.per_choice):
            given = sampling.per_choice[index]
            if given.HasField("seed"):
                seed = given.seed
            for field in ("temperature", "top_k"):
                if given.HasField(field):
                    setattr(own, field, getattr(given, field))
        choices.append(Choice(index, seed, own.SerializeToString(deterministic=True) +
                              request.text.encode() + request.beam_search.SerializeToString()))
    return choices


def answer(request: pb.GenerateRequest, fingerprint: str = FINGERPRINT) -> Iterator[pb.GenerateEvent]:
    """What a server of this fingerprint says. Raises Refused where the contract has a status."""
    choices = choices_of(request)
    response = request.response
    if not request.sampling.HasField("seed"):
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "a seed left to luck")
    if request.HasField("resume"):
        if len(choices) > 1 or request.sampling.HasField("best_of") or response.prompt_logprobs:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "resume")
        received = list(request.resume.token_ids)
        if received != choices[0].tokens()[:len(received)]:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "these tokens are not of this answer")
        if request.resume.fingerprint not in ("", fingerprint):
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"the fingerprint here is {fingerprint}")
    yield pb.GenerateEvent(prompt=pb.PromptInfo(
        request_id=request.request_id or "made-up", prompt_tokens=7, cached_tokens=3,
        text=request.text if response.echo else "", seed=choices[0].seed,
        fingerprint=fingerprint))
    pieces = [_pieces(choice, request) for choice in choices]
    while any(pieces):
        for left in pieces:
            if left:
                yield left.pop(0)
    yield pb.GenerateEvent(summary=pb.Summary(fingerprint=fingerprint, usage=pb.Usage(
        prompt_tokens=7, cached_tokens=3,
        generated_tokens=sum(len(choice.tokens()) for choice in choices))))


def _pieces(choice: Choice, request: pb.GenerateRequest) -> List[pb.GenerateEvent]:
    """The choice's deltas and its finish, in messages that are cut by the choice's own luck."""
    tokens = choice.tokens()
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    known = len(request.resume.token_ids)
    events: List[pb.GenerateEvent] = []
    for place, token in enumerate(tokens):
        text = decoder.decode(bytes([token]), final=place + 1 == len(tokens))
        if place < known:
            continue
        if not events or choice.number("cut", place) % 4 > 0:
            events.append(pb.GenerateEvent(delta=pb.Delta(index=choice.index)))
        delta = events[-1].delta
        delta.text += text
        if request.response.token_ids:
            delta.token_ids.append(token)
        if request.response.logprobs:
            delta.logprobs.add(token_id=token, logprob=-(choice.number("logprob", place) % 1000) / 7)
    events.append(pb.GenerateEvent(finish=pb.Finish(
        index=choice.index, reason=pb.FINISH_REASON_EOS, matched_token_id=tokens[-1],
        generated_tokens=len(tokens), seed=choice.seed)))
    return events


def told(events: Iterator[pb.GenerateEvent]) -> Dict[str, Any]:
    """What a consumer has of a stream however its deltas were cut; refuses a stream in a wrong order."""
    events = list(events)
    kinds = [event.WhichOneof("event") for event in events]
    assert kinds[0] == "prompt" and kinds.count("prompt") == 1, kinds
    assert kinds[-1] == "summary" and kinds.count("summary") == 1, kinds
    texts: Dict[int, pb.Delta] = {}
    finishes: Dict[int, bytes] = {}
    for event in events[1:-1]:
        if event.HasField("finish"):
            assert event.finish.index not in finishes
            finishes[event.finish.index] = event.finish.SerializeToString(deterministic=True)
            continue
        assert event.HasField("delta") and event.delta.index not in finishes, "a delta after its finish"
        delta = texts.setdefault(event.delta.index, pb.Delta())
        delta.text += event.delta.text
        delta.token_ids.extend(event.delta.token_ids)
        delta.logprobs.extend(event.delta.logprobs)
    summary = events[-1].summary
    summary.ClearField("timings")
    summary.usage.ClearField("drafted_tokens")
    summary.usage.ClearField("accepted_tokens")
    return {"prompt": events[0].SerializeToString(deterministic=True),
            "texts": {index: delta.SerializeToString(deterministic=True) for index, delta in texts.items()},
            "finishes": finishes,
            "summary": summary.SerializeToString(deterministic=True)}


class Failure(grpc.RpcError):
    """What gRPC raises from a call, for tests without gRPC."""

    def __init__(self, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, details: str = "Socket closed",
                 trailing_metadata: Any = ()) -> None:
        super().__init__(details)
        self._end = code, details, trailing_metadata

    def code(self) -> grpc.StatusCode:
        return self._end[0]

    def details(self) -> str:
        return self._end[1]

    def trailing_metadata(self) -> Any:
        return self._end[2]


def full(milliseconds: int) -> Failure:
    return Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "no place",
                   (("grpc-retry-pushback-ms", str(milliseconds)),))
