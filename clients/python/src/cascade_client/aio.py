# SPDX-License-Identifier: Apache-2.0
"""The client for asyncio."""

from __future__ import annotations

import asyncio
import functools
import time
from typing import Any, AsyncIterator, Callable, Dict, List, Optional

import grpc
import grpc.aio
from cascade.v1 import text_generation_pb2 as pb
from cascade.v1 import text_generation_pb2_grpc

from .base import BaseClient, collect
from .connection import UNARY_METHODS
from .session import Attempt, Session

_CAPACITY = 16  # events that wait for a consumer before the server has to


class AsyncClient(BaseClient):
    __doc__ = f"""A client of Cascade for asyncio. {BaseClient.__doc__}
    It belongs to the event loop in which it is made. Otherwise as Client.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._channels = {address: self._connection.channel(address, grpc.aio)
                          for address in self._connection.addresses}
        self._stubs = {address: text_generation_pb2_grpc.TextGenerationStub(channel)
                       for address, channel in self._channels.items()}

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()

    async def close(self) -> None:
        """Cancels what runs."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))

    def generate_stream(self, request: pb.GenerateRequest, *,
                        timeout: Optional[float] = None) -> AsyncIterator[pb.GenerateEvent]:
        """As Client.generate_stream. `aclose()` cancels."""
        return self._events("GenerateStream", request, timeout)

    async def generate(self, request: pb.GenerateRequest, *,
                       timeout: Optional[float] = None) -> pb.GenerateResponse:
        response = pb.GenerateResponse()
        async for event in self.generate_stream(request, timeout=timeout):
            collect(response, event)
        return response

    async def score(self, request: pb.ScoreRequest, *,
                    timeout: Optional[float] = None) -> List[pb.ScoreEvent]:
        return [event async for event in self._events("Score", request, timeout)]

    async def embed(self, request: pb.EmbedRequest, *,
                    timeout: Optional[float] = None) -> pb.EmbedResponse:
        return await self._answer("Embed", request, timeout)

    async def tokenize(self, request: pb.TokenizeRequest, *,
                       timeout: Optional[float] = None) -> pb.TokenizeResponse:
        return await self._answer("Tokenize", request, timeout)

    async def detokenize(self, request: pb.DetokenizeRequest, *,
                         timeout: Optional[float] = None) -> pb.DetokenizeResponse:
        return await self._answer("Detokenize", request, timeout)

    async def get_model(self, *, timeout: Optional[float] = None) -> pb.GetModelResponse:
        return await self._answer("GetModel", pb.GetModelRequest(), timeout)

    async def _answer(self, method: str, request: Any, timeout: Optional[float]) -> Any:
        (answer,) = [event async for event in self._events(method, request, timeout)]
        return answer

    async def _events(self, method: str, request: Any, timeout: Optional[float]) -> AsyncIterator[Any]:
        session = self._session(method, request, timeout)
        queue: asyncio.Queue[Callable[[], None]] = asyncio.Queue(_CAPACITY)
        calls: Dict[Attempt, asyncio.Task[None]] = {}
        try:
            session.begin()
            while True:
                for attempt in session.opened:
                    calls[attempt] = asyncio.ensure_future(self._read(attempt, session, queue))
                session.opened.clear()
                for attempt in session.cancelled:
                    calls.pop(attempt).cancel()
                session.cancelled.clear()
                ready, session.ready = session.ready, []
                for event in ready:
                    yield event
                if session.is_done:
                    break
                await _wait(session, queue)
            if session.error is not None:
                raise session.error
        finally:
            session.close()
            for task in calls.values():
                task.cancel()

    async def _read(self, attempt: Attempt, session: Session, queue: asyncio.Queue) -> None:
        """Puts what happens to an attempt into the queue. Cancelling the task cancels its call."""
        method = getattr(self._stubs[attempt.replica], attempt.method)
        call = method(attempt.request, timeout=attempt.timeout, metadata=self._connection.metadata())
        try:
            if attempt.method in UNARY_METHODS:
                await queue.put(functools.partial(session.on_event, attempt, await call))
            else:
                async for event in call:
                    await queue.put(functools.partial(session.on_event, attempt, event))
            await queue.put(functools.partial(session.on_end, attempt))
        except grpc.RpcError as error:
            await queue.put(functools.partial(session.on_failure, attempt, error))
        finally:
            call.cancel()


async def _wait(session: Session, queue: asyncio.Queue) -> None:
    """Until something happens to a call, or until it is time for something."""
    wake_at = session.wake_at()
    try:
        happened = await asyncio.wait_for(
            queue.get(), None if wake_at is None else max(0.0, wake_at - time.monotonic()))
    except asyncio.TimeoutError:
        session.on_time()
    else:
        happened()
