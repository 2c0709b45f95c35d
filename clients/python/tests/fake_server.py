# SPDX-License-Identifier: Apache-2.0
"""fake_model behind gRPC, in this process."""

import concurrent.futures
import threading
from typing import Any, Callable, Iterator, List, Optional

import grpc

from cascade.v1 import text_generation_pb2_grpc
from cascade_client import pb

from fake_model import FINGERPRINT, Failure, Refused, answer


class FakeServer(text_generation_pb2_grpc.TextGenerationServicer):
    """Serves on a port of its own until close().

    `fate` says of each call of GenerateStream how it ends: (events that arrive, Failure), or None. With
    Failure None it says nothing more, until the client cancels.
    """

    def __init__(self, fate: Callable[[], Any] = lambda: None, fingerprint: str = FINGERPRINT) -> None:
        self.fate = fate
        self.fingerprint = fingerprint
        self.requests: List[pb.GenerateRequest] = []
        self.metadata: List[Any] = []
        self.was_cancelled = threading.Event()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        text_generation_pb2_grpc.add_TextGenerationServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        self._server.stop(None).wait()

    def GetModel(self, request: Any, context: grpc.ServicerContext) -> pb.GetModelResponse:
        return pb.GetModelResponse(fingerprint=self.fingerprint)

    def Tokenize(self, request: pb.TokenizeRequest, context: grpc.ServicerContext) -> pb.TokenizeResponse:
        self._end(self.fate(), context, threading.Event())
        return pb.TokenizeResponse(token_ids=request.text.encode())

    def GenerateStream(self, request: pb.GenerateRequest,
                       context: grpc.ServicerContext) -> Iterator[pb.GenerateEvent]:
        is_over = self._watch(context)
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        end = self.fate()
        try:
            for place, event in enumerate(answer(request, self.fingerprint)):
                if end is not None and place == end[0]:
                    break
                yield event
        except Refused as refusal:
            context.abort(*refusal.args)
        self._end(end, context, is_over)
        is_over.set()

    def _watch(self, context: grpc.ServicerContext) -> threading.Event:
        """An event that is set when the call is over; was_cancelled is too, if it was not before."""
        is_over = threading.Event()

        def end() -> None:
            if not is_over.is_set():
                is_over.set()
                self.was_cancelled.set()

        if not context.add_callback(end):
            end()
        return is_over

    def _end(self, end: Any, context: grpc.ServicerContext, is_over: threading.Event) -> None:
        if end is None:
            return
        failure: Optional[Failure] = end[1]
        if failure is None:
            is_over.wait()
            return
        is_over.set()
        context.set_trailing_metadata(tuple(failure.trailing_metadata()))
        context.abort(failure.code(), failure.details())
