# SPDX-License-Identifier: Apache-2.0
"""The client for programs that block."""

from __future__ import annotations

import functools
import threading
import time
from typing import Any, Callable, Dict, Iterator, List, Optional

import grpc
from cascade.v1 import text_generation_pb2 as pb
from cascade.v1 import text_generation_pb2_grpc

from .base import BaseClient, collect
from .connection import UNARY_METHODS
from .mailbox import Mailbox
from .session import Attempt, Session


class Client(BaseClient):
    __doc__ = f"""A client of Cascade. {BaseClient.__doc__}
    Any thread may use it. Calls raise CascadeError. `timeout` is in seconds and covers all that a
    call takes, whatever breaks meanwhile; without it there is no limit.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._channels = {address: self._connection.channel(address, grpc)
                          for address in self._connection.addresses}
        self._stubs = {address: text_generation_pb2_grpc.TextGenerationStub(channel)
                       for address, channel in self._channels.items()}

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """Cancels what runs."""
        for channel in self._channels.values():
            channel.close()

    def generate_stream(self, request: pb.GenerateRequest, *,
                        timeout: Optional[float] = None) -> Iterator[pb.GenerateEvent]:
        """The events of one answer, as if one server had told all of it: `prompt`, `delta`s, a `finish`
        for each choice, `summary`. Close the iterator, or leave it to be collected, to cancel."""
        return self._events("GenerateStream", request, timeout)

    def generate(self, request: pb.GenerateRequest, *,
                 timeout: Optional[float] = None) -> pb.GenerateResponse:
        """The same in one message."""
        response = pb.GenerateResponse()
        for event in self.generate_stream(request, timeout=timeout):
            collect(response, event)
        return response

    def score(self, request: pb.ScoreRequest, *, timeout: Optional[float] = None) -> List[pb.ScoreEvent]:
        """All events of the call, the summary last."""
        return list(self._events("Score", request, timeout))

    def embed(self, request: pb.EmbedRequest, *, timeout: Optional[float] = None) -> pb.EmbedResponse:
        return self._answer("Embed", request, timeout)

    def tokenize(self, request: pb.TokenizeRequest, *,
                 timeout: Optional[float] = None) -> pb.TokenizeResponse:
        return self._answer("Tokenize", request, timeout)

    def detokenize(self, request: pb.DetokenizeRequest, *,
                   timeout: Optional[float] = None) -> pb.DetokenizeResponse:
        return self._answer("Detokenize", request, timeout)

    def get_model(self, *, timeout: Optional[float] = None) -> pb.GetModelResponse:
        """Of any replica."""
        return self._answer("GetModel", pb.GetModelRequest(), timeout)

    def _answer(self, method: str, request: Any, timeout: Optional[float]) -> Any:
        (answer,) = self._events(method, request, timeout)
        return answer

    def _events(self, method: str, request: Any, timeout: Optional[float]) -> Iterator[Any]:
        session = self._session(method, request, timeout)
        mailbox = Mailbox()
        calls: Dict[Attempt, _Call] = {}
        try:
            session.begin()
            while True:
                for attempt in _taken(session.opened):
                    calls[attempt] = _Call(self._stubs[attempt.replica], attempt, session, mailbox,
                                           self._connection.metadata())
                for attempt in _taken(session.cancelled):
                    calls.pop(attempt).cancel()
                yield from _taken(session.ready)
                if session.is_done:
                    break
                _wait(session, mailbox)
            if session.error is not None:
                raise session.error
        finally:
            session.close()
            mailbox.close()
            for call in calls.values():
                call.cancel()


class _Call:
    """An attempt under way: a thread puts what happens to it into the mailbox."""

    def __init__(self, stub: Any, attempt: Attempt, session: Session, mailbox: Mailbox,
                 metadata: List[Any]) -> None:
        self._attempt = attempt
        self._session = session
        self._mailbox = mailbox
        settings = {"timeout": attempt.timeout, "metadata": metadata}
        method = getattr(stub, attempt.method)
        if attempt.method in UNARY_METHODS:
            method = method.future
        self._call = method(attempt.request, **settings)
        threading.Thread(target=self._read, name="cascade-call", daemon=True).start()

    def cancel(self) -> None:
        """Does nothing to a call that has ended."""
        self._call.cancel()

    def _tell(self, on: Callable[..., None], *arguments: Any) -> bool:
        return self._mailbox.put(functools.partial(on, self._attempt, *arguments))

    def _read(self) -> None:
        try:
            events = [self._call.result()] if self._attempt.method in UNARY_METHODS else self._call
            for event in events:
                if not self._tell(self._session.on_event, event):
                    return
            self._tell(self._session.on_end)
        except grpc.RpcError as error:
            self._tell(self._session.on_failure, error)
        except grpc.FutureCancelledError:
            pass  # by cancel()


def _wait(session: Session, mailbox: Mailbox) -> None:
    """Until something happens to a call, or until it is time for something."""
    wake_at = session.wake_at()
    happened = mailbox.get(None if wake_at is None else max(0.0, wake_at - time.monotonic()))
    if happened is None:
        session.on_time()
    else:
        happened()


def _taken(items: List[Any]) -> List[Any]:
    taken = items[:]
    items.clear()
    return taken
