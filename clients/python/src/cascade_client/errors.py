# SPDX-License-Identifier: Apache-2.0
"""What a call can end with, and which ends are no end: those after which another replica goes on."""

from __future__ import annotations

import re
from typing import Any, Optional, Sequence, Tuple

import grpc

# What gRPC says of a connection that broke, or of a proxy that gave up on one. A server's own INTERNAL,
# UNKNOWN or CANCELLED has other words.
_BROKEN = re.compile(
    r"^CANCELLED$|RST_STREAM|GOAWAY|Socket closed|Stream removed|Connection (reset|closed|refused)|Broken pipe|"
    r"recvmsg|sendmsg|transport", re.IGNORECASE)
_CODES_OF_BROKEN = (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)
_PUSHBACK = "grpc-retry-pushback-ms"


class CascadeError(grpc.RpcError):
    """A call that failed for good: with no replica, or in a way that no other replica would mend.

    It is a grpc.RpcError with code(), details() and trailing_metadata(), where google.rpc's details
    are (BadRequest, RetryInfo). `replica` is the address of the server that said so, if one did.
    """

    def __init__(self, code: grpc.StatusCode, details: str, *, replica: Optional[str] = None,
                 trailing_metadata: Sequence[Tuple[str, Any]] = ()) -> None:
        super().__init__(f"{code.name}: {details}" + (f" ({replica})" if replica else ""))
        self._code = code
        self._details = details
        self._trailing_metadata = tuple(trailing_metadata)
        self.replica = replica

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> Tuple[Tuple[str, Any], ...]:
        return self._trailing_metadata


class FingerprintMismatch(CascadeError):
    """An answer broke off, and the replicas that could be reached would not go on as it began: their
    model is another, or they do not know GenerateRequest.resume."""


def from_rpc_error(error: grpc.RpcError, replica: str) -> CascadeError:
    """`error`, as gRPC raises it from a call, as an error of ours."""
    made = CascadeError(error.code(), error.details() or "", replica=replica,
                        trailing_metadata=error.trailing_metadata() or ())
    made.__cause__ = error
    return made


def is_broken(error: CascadeError) -> bool:
    """Whether the server or the way to it is gone, so that another replica can do the rest."""
    if error.code() == grpc.StatusCode.UNAVAILABLE:
        return True
    return error.code() in _CODES_OF_BROKEN and _BROKEN.search(error.details()) is not None


def pushback(error: CascadeError) -> Optional[float]:
    """In how many seconds a full server wants to be asked again; None if it is not full, or does not."""
    if error.code() != grpc.StatusCode.RESOURCE_EXHAUSTED:
        return None
    for key, value in error.trailing_metadata():
        if key == _PUSHBACK:
            try:
                milliseconds = int(value)
            except ValueError:
                return None
            return milliseconds / 1000 if milliseconds >= 0 else None
    return None
