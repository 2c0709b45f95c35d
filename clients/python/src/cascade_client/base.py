# SPDX-License-Identifier: Apache-2.0
"""What Client and AsyncClient have in common: settings, and a session for each request."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Optional, Sequence, Tuple, Union

from cascade.v1 import text_generation_pb2 as pb

from .connection import Connection, Token
from .generation import Generation, tells_only_at_its_end
from .replicas import Replicas
from .routing import PrefixAware, RoundRobin
from .session import Limits, Session
from .whole import Whole


class BaseClient:
    """Settings of a client of one or several replicas.

    servers: "HOST:PORT" of each replica, or anything else that gRPC dials.
    tls: speak TLS and trust the system's authorities. ca: the PEM file of the authority to trust;
        client_cert, client_key: the certificate to show. Each of them implies tls.
    token: the bearer token, or a function that gives it for each call.
    prefix_aware: prompts with the same beginning go to the same replica, as long as this client does not
        have many more open calls there than elsewhere. Otherwise they take turns.
    hedge_after: seconds without a token after which a second replica is asked the same; the first
        token decides whose answer is used. Both compute until then.
    stall_after: seconds without the next token after which a server counts as broken, though its
        connection is not. Longer than anything that the server's queue of other work makes it wait.
    max_failures: how often in a row, without a token between, calls may break or be refused by full
        servers before the error is raised.
    """

    def __init__(self, servers: Union[str, Sequence[str]], *, tls: bool = False,
                 ca: Optional[str] = None, client_cert: Optional[str] = None,
                 client_key: Optional[str] = None, token: Token = None, prefix_aware: bool = False,
                 hedge_after: Optional[float] = None, stall_after: Optional[float] = None,
                 max_failures: int = 8,
                 channel_options: Sequence[Tuple[str, Any]] = ()) -> None:
        self._connection = Connection(servers, tls=tls, ca=ca, client_cert=client_cert,
                                      client_key=client_key, token=token,
                                      channel_options=channel_options)
        addresses = self._connection.addresses
        self._router = PrefixAware(addresses) if prefix_aware else RoundRobin(addresses)
        self._replicas = Replicas(addresses, time.monotonic, is_bounded=prefix_aware)
        self._limits = Limits(hedge_after=hedge_after, stall_after=stall_after,
                              max_failures=max_failures)

    def _session(self, method: str, request: Any, timeout: Optional[float]) -> Session:
        work: Union[Generation, Whole]
        if method == "GenerateStream" and not tells_only_at_its_end(request):
            work = Generation(request)
        else:
            work = Whole(method, request)
        limits = dataclasses.replace(
            self._limits, deadline=None if timeout is None else time.monotonic() + timeout)
        return Session(work, self._replicas, self._router.order(request), time.monotonic, limits)


def collect(response: pb.GenerateResponse, event: pb.GenerateEvent) -> None:
    """Adds an event of a stream to the answer in one message."""
    kind = event.WhichOneof("event")
    if kind == "prompt":
        response.prompt.CopyFrom(event.prompt)
    elif kind == "summary":
        response.summary.CopyFrom(event.summary)
    elif kind is not None:
        told = getattr(event, kind)
        while len(response.choices) <= told.index:
            response.choices.add()
        choice = response.choices[told.index]
        if kind == "finish":
            choice.finish.CopyFrom(told)
        else:
            choice.text += told.text
            choice.token_ids.extend(told.token_ids)
            choice.logprobs.extend(told.logprobs)
